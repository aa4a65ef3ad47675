"""From a slice as it was given to the array a network takes, and back: the only implementation.

Order of operations of `prepare`, each step declared in `Preprocessing`:

1. a constant padding value that lies inside the intensity range (a z-scored, skull-stripped
   volume) is moved to the minimum;
2. the head is found on a thumbnail and cropped, with a margin, to a square;
3. the square is resized to ``size`` (area averaging when it shrinks, bilinear when it grows);
4. intensities are cut at two percentiles of the foreground and scaled to ``[-1, 127/128]``.

`restore` goes back: network grid -> square -> the slice's own grid. The training loader, the
INT8 calibration set and the server all call `prepare`; nothing is repeated in the graph.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

import cv2
import numpy as np

from appliance.core.errors import BlankImage, GeometryError, ManifestError
from appliance.core.intensity import from_unit, percentiles

_THUMBNAIL = 128


@dataclass(frozen=True)
class Preprocessing:
    """What is done to a slice before a network sees it; stored in every manifest.

    Attributes
    ----------
    size : int
        Side of the square the network takes, pixels.
    margin : float
        Border left around the head, as a share of the head's longer side.
    foreground : float
        Share of the thumbnail's intensity range (1st to 99th percentile) above which a
        pixel belongs to the head.
    low, high : float
        Percentiles of the foreground that map to the ends of the range.
    layout : str
        ``NHWC``, one channel.

    Examples
    --------
    >>> Preprocessing.from_json(Preprocessing(size=256).to_json()).size
    256
    """

    size: int = 224
    margin: float = 0.02
    foreground: float = 0.12
    low: float = 1.0
    high: float = 99.7
    layout: str = "NHWC"

    def to_json(self) -> dict[str, Any]:
        """A plain mapping for the manifest."""
        return asdict(self)

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Preprocessing:
        """Parse and check.

        Raises
        ------
        ManifestError
            For an unknown key, a wrong type or a value out of range.
        """
        names = {f.name for f in fields(cls)}
        if unknown := set(document) - names:
            raise ManifestError(
                f"unknown preprocessing keys {sorted(unknown)}, known {sorted(names)}"
            )
        try:
            spec = cls(**document)
            valid = (
                16 <= spec.size <= 2048
                and 0 <= spec.margin < 1
                and 0 < spec.foreground < 1
                and 0 <= spec.low < spec.high <= 100
                and spec.layout == "NHWC"
            )
        except TypeError as error:
            raise ManifestError(f"preprocessing values have wrong types: {error}") from error
        if not valid:
            raise ManifestError(f"preprocessing values out of range: {spec}")
        return spec


@dataclass(frozen=True)
class Prepared:
    """One slice on the network's grid, and how to go back.

    Attributes
    ----------
    array : (size, size, 1) float32, in [-1, 1)
    shape : (rows, columns) of the slice as given
    square : (row, column, side)
        The cropped square on the slice's grid; may reach outside the slice.
    """

    array: np.ndarray
    shape: tuple[int, int]
    square: tuple[int, int, int]


def _head_box(picture: np.ndarray, threshold: float) -> tuple[int, int, int, int]:
    """The head's half-open bounding box ``(row0, column0, row1, column1)``.

    Raises
    ------
    BlankImage
        When no contrast, or too little of the picture, stands out.
    """
    rows, columns = picture.shape
    scale = min(1.0, _THUMBNAIL / max(rows, columns))
    small = cv2.resize(
        picture,
        (max(1, round(columns * scale)), max(1, round(rows * scale))),
        interpolation=cv2.INTER_AREA,
    ).astype(np.float32)
    small = cv2.GaussianBlur(small, (3, 3), 0)
    low, high = percentiles(small, 1.0, 99.0)
    if not high > low:
        low, high = float(small.min()), float(small.max())
    if not high > low:
        raise BlankImage(
            "expected a picture of a head, found the same value everywhere; check the export"
        )
    inside = (small > low + threshold * (high - low)).astype(np.uint8)
    # An opening removes burnt-in letters and scale bars, a closing joins a thin skull.
    opened = cv2.morphologyEx(inside, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    if opened.sum() >= 0.02 * opened.size:
        inside = opened
    count, _, stats, _ = cv2.connectedComponentsWithStats(inside, connectivity=8)
    if count < 2:
        raise BlankImage("expected a picture of a head, found nothing that stands out")
    areas = stats[1:, cv2.CC_STAT_AREA]
    kept = stats[1:][areas >= 0.05 * areas.max()]
    if kept[:, cv2.CC_STAT_AREA].sum() < 0.005 * inside.size:
        raise BlankImage("expected a picture of a head, found only specks; check the export")
    column0, row0 = kept[:, cv2.CC_STAT_LEFT].min(), kept[:, cv2.CC_STAT_TOP].min()
    column1 = (kept[:, cv2.CC_STAT_LEFT] + kept[:, cv2.CC_STAT_WIDTH]).max()
    row1 = (kept[:, cv2.CC_STAT_TOP] + kept[:, cv2.CC_STAT_HEIGHT]).max()
    up_r, up_c = rows / small.shape[0], columns / small.shape[1]
    return (
        int(np.floor(row0 * up_r)),
        int(np.floor(column0 * up_c)),
        min(rows, int(np.ceil(row1 * up_r))),
        min(columns, int(np.ceil(column1 * up_c))),
    )


def _without_padding_value(picture: np.ndarray) -> np.ndarray:
    """Move a constant padding value that lies inside the range to the minimum.

    Only floating-point pictures are looked at: z-scored volumes have zeros outside the brain
    while the brain's own values lie on both sides of zero.
    """
    if picture.dtype.kind != "f":
        return picture
    border = np.concatenate([picture[0], picture[-1], picture[:, 0], picture[:, -1]])
    values, counts = np.unique(border, return_counts=True)
    padding = values[counts.argmax()]
    lowest = picture.min()
    if padding <= lowest or counts.max() < 0.5 * border.size:
        return picture
    outside = picture == padding
    if outside.mean() < 0.1:
        return picture
    return np.where(outside, lowest, picture)


def _cut_square(picture: np.ndarray, square: tuple[int, int, int], fill: float) -> np.ndarray:
    """The square of a 2-D picture; what lies outside the picture is ``fill``."""
    row, column, side = square
    rows, columns = picture.shape
    r0, c0, r1, c1 = max(row, 0), max(column, 0), min(row + side, rows), min(column + side, columns)
    inner = picture[r0:r1, c0:c1]
    if inner.shape == (side, side):
        return inner
    return cv2.copyMakeBorder(
        inner,
        r0 - row,
        row + side - r1,
        c0 - column,
        column + side - c1,
        cv2.BORDER_CONSTANT,
        value=float(fill),
    )


def _resize(picture: np.ndarray, side: int) -> np.ndarray:
    """Square picture to ``(side, side)``."""
    if picture.shape[0] == side:
        return picture
    shrinks = picture.shape[0] > side
    return cv2.resize(
        picture, (side, side), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    )


def prepare(picture: np.ndarray, spec: Preprocessing) -> Prepared:
    """The network's input for one slice.

    Parameters
    ----------
    picture : (rows, columns) uint8, uint16, int16 or float32
        Upright (viewing) orientation, any intensity scale.
    spec : Preprocessing

    Raises
    ------
    BlankImage
        When there is nothing in the picture.
    GeometryError
        When the picture is not two-dimensional or smaller than 16 pixels.

    Examples
    --------
    >>> slice_ = np.zeros((100, 120), np.uint8)
    >>> slice_[20:80, 30:100] = np.arange(70, dtype=np.uint8) + 100
    >>> prepared = prepare(slice_, Preprocessing(size=64))
    >>> prepared.array.shape, prepared.array.dtype.name, float(prepared.array.min())
    ((64, 64, 1), 'float32', -1.0)
    >>> restore(np.ones((32, 32), np.float32), prepared).shape
    (100, 120)
    """
    if picture.ndim != 2 or min(picture.shape) < 16:
        raise GeometryError(f"a slice needs 16x16 pixels or more, this is {picture.shape}")
    if picture.dtype not in (np.uint8, np.uint16, np.int16, np.float32):
        picture = picture.astype(np.float32)
    picture = _without_padding_value(picture)
    row0, column0, row1, column1 = _head_box(picture, spec.foreground)
    side = max(16, int(round(max(row1 - row0, column1 - column0) * (1 + 2 * spec.margin))))
    square = ((row0 + row1 - side) // 2, (column0 + column1 - side) // 2, side)
    small = _resize(_cut_square(picture, square, picture.min()), spec.size)
    floor = float(small.min())
    darkest, bright = percentiles(small[::2, ::2], spec.low, 99.0)
    inside = small[small > floor + spec.foreground * (bright - floor)]
    if inside.size < 64 or not bright > floor:
        raise BlankImage("expected a picture of a head, found nothing that stands out")
    # The floor of the range is air, not the darkest tissue: fluid keeps its distance to air.
    low = min(darkest, floor + 0.1 * (bright - floor))
    (high,) = percentiles(inside, spec.high)
    array = from_unit((small.astype(np.float32) - low) / max(high - low, 1e-6))
    return Prepared(np.ascontiguousarray(array[..., None], np.float32), picture.shape, square)


def prepare_mask(mask: np.ndarray, prepared: Prepared, side: int) -> np.ndarray:
    """A mask of the slice's own grid on the network's output grid, as soft coverage.

    Parameters
    ----------
    mask : (rows, columns), non-zero inside
    side : int
        Side of the network's mask output.

    Returns
    -------
    (side, side) float32 in [0, 1]
    """
    if mask.shape != prepared.shape:
        raise GeometryError(f"mask is {mask.shape}, slice is {prepared.shape}")
    return _resize(_cut_square((mask > 0).astype(np.float32), prepared.square, 0.0), side)


def restore(plane: np.ndarray, prepared: Prepared, fill: float = 0.0) -> np.ndarray:
    """A plane of the network's output grid on the slice's own grid, bilinear.

    Parameters
    ----------
    plane : (side, side) float32 or uint8
    fill : float
        Value outside the square.

    Returns
    -------
    (rows, columns) of the plane's type
    """
    row, column, side = prepared.square
    rows, columns = prepared.shape
    plane = np.asarray(plane, np.uint8 if plane.dtype == np.uint8 else np.float32)
    out = np.zeros((rows, columns), plane.dtype)
    if fill:
        out[:] = fill
    r0, c0, r1, c1 = max(row, 0), max(column, 0), min(row + side, rows), min(column + side, columns)
    if r1 - r0 == c1 - c0 == side:  # all of it is inside, as usual: no copy
        cv2.resize(plane, (side, side), out[r0:r1, c0:c1], interpolation=cv2.INTER_LINEAR)
    elif r1 > r0 and c1 > c0:
        large = cv2.resize(plane, (side, side), interpolation=cv2.INTER_LINEAR)
        out[r0:r1, c0:c1] = large[r0 - row : r1 - row, c0 - column : c1 - column]
    return out
