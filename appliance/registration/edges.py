"""Whether edges lie on edges, whatever their sign: normalised gradient fields, in pictures.

References
----------
Haber, Modersitzki, "Intensity gradient based registration and fusion of multi-modal images",
Methods of Information in Medicine 2007.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from appliance.registration.images import Head
from appliance.registration.likeness import resampled


@dataclass(frozen=True, eq=False)
class Field:
    """Direction of the gradient along rows and columns, (rows, columns) float32, 0 where flat."""

    rows: np.ndarray
    columns: np.ndarray

    @property
    def energy(self) -> np.ndarray:
        """Squared length, 0 to 1."""
        return self.rows**2 + self.columns**2


def field_of(head: Head, sigma: float = 1.5, depth: float = 0.0) -> Field:
    """The head's field at a scale given in pixels of its grid; its own mean slope is the noise.

    Parameters
    ----------
    depth : float
        Edges less deep in the head, in grid points, are left out: the outline of a CT is bone,
        that of an MR is skin, and they belong to different places.
    """
    rows = ndimage.gaussian_filter(head.values, sigma, order=(1, 0))
    columns = ndimage.gaussian_filter(head.values, sigma, order=(0, 1))
    length = np.hypot(rows, columns)
    steep = length[length > 1e-4]
    floor = float(steep.mean()) if steep.size else 1.0
    size = np.sqrt(length**2 + floor**2)
    if depth > 0.0:
        inner = np.clip((ndimage.distance_transform_edt(head.mask) - depth) / 2 + 0.5, 0.0, 1.0)
        rows, columns = rows * inner, columns * inner
    return Field(*(np.ascontiguousarray(part / size, np.float32) for part in (rows, columns)))


def carried(field: Field, shape: tuple[int, int], index: np.ndarray) -> Field:
    """A moving field on the fixed grid, its directions turned along.

    Parameters
    ----------
    index : (3, 3) float64
        Index of the fixed grid to index of the moving grid.
    """
    return turned(*(resampled(part, shape, index) for part in (field.rows, field.columns)), index)


def turned(rows: np.ndarray, columns: np.ndarray, index: np.ndarray) -> Field:
    """The directions of a field that was brought onto another grid, as that grid has them."""
    turn = index[:2, :2] / np.sqrt(abs(np.linalg.det(index[:2, :2])))
    return Field(
        np.float32(turn[0, 0]) * rows + np.float32(turn[1, 0]) * columns,
        np.float32(turn[0, 1]) * rows + np.float32(turn[1, 1]) * columns,
    )
