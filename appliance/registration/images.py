"""What registration compares: the head with its background blanked, on a small regular grid.

A picture keeps its pixels as unit; a volume is brought onto a regular grid in LPS millimetres, so
that sheared and uneven grids (a tilted gantry) need no special case afterwards.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from scipy import ndimage

from appliance.core.errors import BlankImage
from appliance.core.geometry import checked
from appliance.core.transforms import corners, moved
from appliance.core.types import Volume

_FOREGROUND, _FAINT = 0.12, 0.05
"""Share of the range of grey values from which on it is head; the same where nothing is noisy."""
_MARGIN, _RING = 3, 0.1
"""Width of the rim that shows the noise, pixels; how small a scalp may be beside its brain."""
_HU_AIR, _HU_LOW = -500.0, -300.0
"""In a CT in Hounsfield units, what is below counts as air: headrests of foam."""
_LONGEST_PX = 256
_LONGEST_VOXELS = 128
_STEP_MM = 2.0
_PLATEAU = 0.05
"""Share of the head at the highest value from which on a window has cut the picture off."""
REVERSE = np.eye(4)[[2, 1, 0, 3]]
"""LPS ``(x, y, z, 1)`` to the order of a volume's working grid, ``(z, y, x, 1)``, and back."""


@dataclass(frozen=True, eq=False)
class Head:
    """One image as registration sees it.

    Attributes
    ----------
    values : (rows, columns) or (z, y, x) float32
        0 to 1, background 0.
    mask : bool, same shape
        The head without table, headrest and letters, holes filled.
    to_world : (n + 1, n + 1) float64
        Index of this grid to ``(row, column)`` of the picture or ``(z, y, x)`` LPS mm;
        diagonal but for the last column.
    """

    values: np.ndarray
    mask: np.ndarray
    to_world: np.ndarray

    @property
    def step(self) -> float:
        """Distance of neighbouring grid points, in pixels or mm."""
        return float(abs(np.linalg.det(self.to_world[:-1, :-1])) ** (1 / self.values.ndim))

    @property
    def box(self) -> tuple[np.ndarray, np.ndarray]:
        """Lowest and highest world coordinates of the head."""
        index = np.argwhere(self.mask)
        linear, shift = self.to_world[:-1, :-1], self.to_world[:-1, -1]
        ends = np.stack([index.min(0), index.max(0)]) @ linear.T + shift
        return ends.min(0), ends.max(0)

    @property
    def centre(self) -> np.ndarray:
        """Centroid of the head, world coordinates."""
        index = np.argwhere(self.mask).mean(0)
        return self.to_world[:-1, :-1] @ index + self.to_world[:-1, -1]

    @property
    def size(self) -> float:
        """Edge of the square or cube as large as the head, in pixels or mm."""
        return float(self.mask.sum() ** (1 / self.mask.ndim)) * self.step

    def shrunk(self, factor: int) -> Head:
        """The same head on a coarser grid, averaged."""
        if factor == 1:
            return self
        values = _blocks(self.values, factor)
        mask = _blocks(self.mask.astype(np.float32), factor) >= 0.5
        size = self.values.ndim
        to_coarse = np.eye(size + 1)
        to_coarse[:size, :size] *= factor
        to_coarse[:size, size] = (factor - 1) / 2
        return Head(values, mask, self.to_world @ to_coarse)


def _blocks(array: np.ndarray, factor: int) -> np.ndarray:
    """Means of blocks; the edge is repeated to fill the last ones."""
    pad = [(0, -length % factor) for length in array.shape]
    filled = np.pad(array, pad, mode="edge")
    for axis in range(array.ndim):
        shape = (*filled.shape[:axis], filled.shape[axis] // factor, factor)
        filled = filled.reshape(*shape, *filled.shape[axis + 1 :]).mean(axis + 1)
    return np.ascontiguousarray(filled, np.float32)


def head_mask(array: np.ndarray) -> np.ndarray:
    """The largest bright body, opened, holes filled.

    Where the skull is dark all round, the scalp is a body of its own that holds the brain: the
    bodies of a picture are compared with their holes filled.

    Raises
    ------
    BlankImage
        When nothing stands out.
    """
    smooth = ndimage.gaussian_filter(array.astype(np.float32), 1.0)
    low, high = np.percentile(smooth, (1.0, 99.0))
    if not high > low:
        low, high = float(smooth.min()), float(smooth.max())
    if not high > low:
        raise BlankImage("expected a head, found the same value everywhere; check the export")
    if low < _HU_AIR and high > 0.0:
        low = _HU_LOW
    inside = smooth > low + _threshold((smooth - low) / (high - low)) * (high - low)
    opened = ndimage.binary_opening(inside, iterations=2)
    if opened.sum() > 0.01 * opened.size:
        inside = opened
    labels, count = ndimage.label(inside)
    if not count:
        raise BlankImage("expected a head, found nothing that stands out; check the export")
    body = _largest(labels)
    if body.sum() < 0.005 * body.size:
        raise BlankImage("expected a head, found only specks; check the export")
    body = ndimage.binary_closing(np.pad(body, 4), iterations=3)[(slice(4, -4),) * body.ndim]
    return _filled(body)


def _largest(labels: np.ndarray) -> np.ndarray:
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    first = int(sizes.argmax())
    if labels.ndim > 2:
        return labels == first
    rings = np.flatnonzero(sizes >= _RING * sizes[first])
    if len(rings) > 1:
        first = max(rings, key=lambda k: ndimage.binary_fill_holes(labels == k).sum())
    return labels == first


def _threshold(shares: np.ndarray) -> float:
    """Where the head begins: lower where the rim is dark and even, as a scalp can be faint."""
    faces = [np.take(shares, (*range(_MARGIN), *range(-_MARGIN, 0)), a) for a in range(shares.ndim)]
    rim = np.concatenate([face.ravel() for face in faces])
    return float(np.clip(3.0 * np.median(rim), _FAINT, _FOREGROUND))


def _filled(body: np.ndarray) -> np.ndarray:
    if body.ndim == 2:
        return ndimage.binary_fill_holes(body)
    return np.stack([ndimage.binary_fill_holes(part) for part in body])


def _scaled(array: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Grey values 0 to 1: half by value, half by rank, so that soft tissue beside bone shows."""
    inside = array[mask]
    low, high = np.percentile(inside, (0.5, 99.5))
    if not high > low:
        raise BlankImage("expected a head, found one grey value; check the export")
    linear = np.clip((array - low) / (high - low), 0, 1)
    edges = np.quantile(linear[mask], np.linspace(0, 1, 65))
    edges, places = np.unique(edges, return_index=True)
    rank = np.interp(linear, edges, places / 64.0)
    near = ndimage.binary_dilation(mask, iterations=2)
    return np.where(near, 0.5 * (linear + rank), 0.0).astype(np.float32)


def of_picture(array: np.ndarray) -> Head:
    """A picture as a head of at most 256 pixels a side.

    Parameters
    ----------
    array : (rows, columns) numeric

    Raises
    ------
    BlankImage
        When there is no head.
    """
    picture = np.asarray(array, np.float32)
    factor = max(1.0, max(picture.shape) / _LONGEST_PX)
    rows, columns = (max(8, round(side / factor)) for side in picture.shape)
    if factor > 1.0:
        picture = cv2.resize(picture, (columns, rows), interpolation=cv2.INTER_AREA)
    to_world = np.eye(3)
    for axis, (whole, part) in enumerate(zip(array.shape, picture.shape, strict=True)):
        to_world[axis, axis] = whole / part
        to_world[axis, 2] = (whole / part - 1) / 2
    mask = head_mask(picture)
    return Head(_thinned(_scaled(picture, mask), mask), mask, to_world)


def _thinned(values: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """A saturated plateau made narrower by a pixel each side.

    In a brain window bone is white from its faintest share of a pixel on, and so drawn wider than
    it is, on both sides: without this a CT's skull is matched to a larger MR.
    """
    hot = (values >= values.max() - 1e-3) & mask
    if hot.sum() < _PLATEAU * mask.sum():
        return values
    near = ndimage.binary_dilation(hot, iterations=2)
    return np.where(near, ndimage.grey_erosion(values, (3, 3)), values).astype(np.float32)


def of_volume(volume: Volume) -> Head:
    """A volume as a head on a regular grid along LPS axes, 2 mm or coarser.

    Parameters
    ----------
    volume : Volume
        With geometry; sheared grids are welcome.

    Raises
    ------
    BlankImage
        When there is no head.
    GeometryError
        When there is no geometry.
    """
    affine = checked(volume.affine)
    ends = moved(affine, corners((0, 0, 0), np.array(volume.shape) - 1.0))
    low, high = ends.min(0)[::-1], ends.max(0)[::-1]
    step = max(_STEP_MM, float((high - low).max()) / _LONGEST_VOXELS)
    shape = tuple(int(side) for side in np.ceil((high - low) / step).astype(int) + 1)
    to_zyx = np.eye(4)
    to_zyx[:3, :3] *= step
    to_zyx[:3, 3] = low
    sigmas = 0.4 * step / np.linalg.norm(affine[:3, :3], axis=0)
    sigmas[sigmas < 0.4] = 0.0
    array = ndimage.gaussian_filter(volume.array.astype(np.float32), sigmas)
    back = np.linalg.inv(affine) @ REVERSE @ to_zyx
    lowest = float(array.min())
    values = ndimage.affine_transform(
        array, back[:3, :3], back[:3, 3], shape, order=1, prefilter=False, cval=lowest
    )
    mask = head_mask(values)
    return Head(_scaled(values, mask), mask, to_zyx)
