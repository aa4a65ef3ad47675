"""Slices and overlays as PNG: arrays on the viewing grid in, bytes out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from appliance import planes
from appliance.core.errors import BadRequest, NotFound
from appliance.core.geometry import View, plane_of, spacing_mm, viewing
from appliance.core.types import Report, Series, Volume
from appliance.limits import GREATEST

OVERLAYS = ("none", "contour", "box", "heat", "all")
_CONTOUR, _BOX = (255, 176, 0), (86, 180, 233)
_SAMPLES = 2_000_000


def display(volume: Volume, window: tuple[float, float] | None = None) -> dict[str, float]:
    """How to show a volume at first: ``{"level", "window", "min", "max"}``.

    The header's window where there is one; 8-bit pictures as they are; otherwise the 1st to
    99.5th percentile of what is brighter than the darkest value.

    Parameters
    ----------
    window : (centre, width), optional

    Examples
    --------
    >>> display(Volume(np.arange(6, dtype=np.uint8).reshape(1, 2, 3)))
    {'level': 127.5, 'window': 255.0, 'min': 0.0, 'max': 5.0}
    """
    array = volume.array
    step = max(1, int(np.ceil((array.size / _SAMPLES) ** (1 / 3))))
    low, high = float(array.min()), float(array.max())
    if window is not None and _can_be_shown(*window):
        level, width = float(window[0]), float(window[1])
    elif array.dtype == np.uint8:
        level, width = 127.5, 255.0
    else:
        some = array[::step, ::step, ::step]
        bright = some[some > low]
        edges = np.percentile(bright if bright.size else some, (1, 99.5))
        if edges[1] <= edges[0]:
            edges = (low, high)
        width = max(float(edges[1] - edges[0]), (high - low) / 1000, 1e-6)
        level = float(edges[0]) + width / 2
    return {"level": level, "window": width, "min": low, "max": high}


def describe_view(volume: Volume) -> dict[str, Any]:
    """The viewing grid as data: ``{"shape", "spacing_mm", "plane"}``."""
    view = viewing(volume)
    affine = view.apply_volume(volume).affine
    return {
        "shape": [int(n) for n in view.view_shape],
        "spacing_mm": None if affine is None else [round(v, 6) for v in spacing_mm(affine)],
        "plane": plane_of(affine),
    }


def _can_be_shown(level: float, window: float) -> bool:
    """Whether a window keeps clear of overflow; not-a-number does not."""
    return window > 1e-9 and abs(level) + window < GREATEST


def grey(pixels: np.ndarray, level: float, window: float) -> np.ndarray:
    """Pixels as 8-bit grey: black at ``level - window / 2``, white at ``level + window / 2``.

    Parameters
    ----------
    pixels : (rows, columns) numeric

    Returns
    -------
    (rows, columns) uint8

    Examples
    --------
    >>> grey(np.array([[0, 50, 100, 900]]), 50, 100).tolist()
    [[0, 128, 255, 255]]
    """
    if pixels.dtype == np.uint8 and (level, window) == (127.5, 255.0):
        return np.ascontiguousarray(pixels)
    low, slope = np.float32(level - window / 2), np.float32(255 / window)
    with np.errstate(over="ignore"):
        scaled = (pixels.astype(np.float32) - low) * slope
    return np.clip(np.rint(scaled), 0, 255).astype(np.uint8)


def binary(mask: np.ndarray) -> np.ndarray:
    """A label map as 0 and 255."""
    return np.where(mask > 0, np.uint8(255), np.uint8(0))


def compose(
    picture: np.ndarray,
    mask: np.ndarray | None = None,
    boxes: Iterable[Sequence[int]] = (),
    heat: np.ndarray | None = None,
) -> np.ndarray:
    """A grey picture with layers burnt in, heat first, contours last.

    Parameters
    ----------
    picture : (rows, columns) uint8
    mask : (rows, columns), 0 outside lesions
    boxes : (row0, column0, row1, column1), half-open
    heat : (rows, columns) uint8

    Returns
    -------
    (rows, columns, 3) uint8, RGB
    """
    out = cv2.cvtColor(picture, cv2.COLOR_GRAY2RGB)
    if heat is not None:
        alpha = (heat.astype(np.float32) / 255 * 0.6)[..., None]
        colours = cv2.applyColorMap(np.ascontiguousarray(heat), cv2.COLORMAP_INFERNO)[..., ::-1]
        out = np.rint(out * (1 - alpha) + colours * alpha).astype(np.uint8)
    thick = max(1, round(max(picture.shape) / 400))
    for row0, column0, row1, column1 in boxes:
        corners = (int(column0), int(row0)), (int(column1) - 1, int(row1) - 1)
        out = cv2.rectangle(np.ascontiguousarray(out), *corners, _BOX, thick)
    if mask is not None:
        outlines, _ = cv2.findContours(binary(mask), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
        out = cv2.drawContours(np.ascontiguousarray(out), outlines, -1, _CONTOUR, thick)
    return out


def png(picture: np.ndarray) -> bytes:
    """8-bit grey ``(rows, columns)`` or RGB ``(rows, columns, 3)`` as PNG, quickly compressed."""
    ordered = picture if picture.ndim == 2 else cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
    return cv2.imencode(".png", ordered, [cv2.IMWRITE_PNG_COMPRESSION, 3])[1].tobytes()


@dataclass(frozen=True)
class Pictures:
    """Slices of one series, and of its report where there is one, as PNG on the viewing grid.

    Attributes
    ----------
    shown : mapping
        What `display` said of the volume.
    """

    series: Series
    shown: dict[str, float]
    report: Report | None = None

    @classmethod
    def of(cls, series: Series, report: Report | None = None) -> Pictures:
        """Pictures with the default window computed here."""
        return cls(series, display(series.volume, series.window), report)

    @property
    def view(self) -> View:
        return viewing(self.series.volume)

    @property
    def lesions(self) -> list[dict[str, Any]]:
        return list(self.report.document["lesions"]) if self.report else []

    def _plane(self, volume: Volume, index: int, plane: str | None) -> np.ndarray:
        if plane is not None:
            return planes.cut(volume, plane, index)
        view = self.view
        if not 0 <= index < view.view_shape[0]:
            raise NotFound(f"expected a slice from 0 to {view.view_shape[0] - 1}, asked {index}")
        return np.ascontiguousarray(view.apply(volume.array)[index])

    def _layer(self, name: str, index: int, plane: str | None) -> np.ndarray | None:
        volume = getattr(self.report, name) if self.report else None
        if volume is None:
            return None
        found = self._plane(volume, index, plane)
        return found if found.dtype == np.uint8 else grey(found, 0.5, 1.0)

    def telling(self) -> int:
        """The slice with the most mask, else the middle one."""
        if self.report is not None and self.report.label_map is not None:
            areas = (self.view.apply(self.report.label_map.array) > 0).sum(axis=(1, 2))
            if areas.any():
                return int(areas.argmax())
        return self.view.view_shape[0] // 2

    def slice(
        self,
        index: int,
        overlay: str = "none",
        level: float | None = None,
        window: float | None = None,
        square: bool = False,
        plane: str | None = None,
    ) -> bytes:
        """A slice, windowed, with an overlay burnt in.

        Parameters
        ----------
        square : bool
            Resize so that a pixel of the viewing grid is as high as it is wide in the patient.
        plane : str, optional
            One of `appliance.planes.PLANES`; a slice of the viewing grid without it.

        Raises
        ------
        BadRequest
            For an unknown overlay or a window that is not a positive number.
        NotFound
            When there is no such slice.
        """
        if overlay not in OVERLAYS:
            raise BadRequest(f"expected overlay to be one of {', '.join(OVERLAYS)}")
        level = self.shown["level"] if level is None else level
        window = self.shown["window"] if window is None else window
        if not _can_be_shown(level, window):
            raise BadRequest("expected a finite level and a window above 0")
        picture = grey(self._plane(self.series.volume, index, plane), level, window)
        if overlay == "none":
            return png(self._square(picture) if square else picture)
        mask = self._layer("label_map", index, plane) if overlay in ("contour", "all") else None
        heat = self._layer("heat", index, plane) if overlay in ("heat", "all") else None
        boxes = self._boxes(index, plane) if overlay in ("box", "all") else ()
        drawn = compose(picture, mask, boxes, heat)
        return png(self._square(drawn) if square else drawn)

    def _square(self, picture: np.ndarray) -> np.ndarray:
        affine = self.view.apply_volume(self.series.volume).affine
        if affine is None:
            return picture
        _, row, column = spacing_mm(affine)
        if abs(row / column - 1) < 0.02:
            return picture
        fine = min(row, column)
        size = round(picture.shape[1] * column / fine), round(picture.shape[0] * row / fine)
        return (
            cv2.resize(picture, size, interpolation=cv2.INTER_LINEAR)
            if max(size) < 4096
            else picture
        )

    def _boxes(self, index: int, plane: str | None) -> list[tuple[int, ...]]:
        if plane is not None:
            given = [lesion["box"] for lesion in self.lesions]
            return planes.boxes(self.series.volume, given, plane, index)
        boxes = [lesion["view_box"] for lesion in self.lesions]
        return [(b[1], b[2], b[4], b[5]) for b in boxes if b[0] <= index < b[3]]

    def layer(self, name: str, index: int, plane: str | None = None) -> bytes:
        """A bare layer, ``label_map`` as 0 and 255 or ``heat`` as 0 to 255.

        Raises
        ------
        NotFound
            When the series was not analysed or the report draws no such layer.
        """
        if self.report is None:
            raise NotFound("this series was not analysed yet: start the task analyze")
        found = self._layer(name, index, plane)
        if found is None:
            what = {"label_map": "mask", "heat": "heat map"}[name]
            raise NotFound(f"the report draws no {what} (verdict {self.report.verdict})")
        return png(binary(found) if name == "label_map" else found)
