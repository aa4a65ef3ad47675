"""Affines and the upright viewing grid: pure functions on ``(4, 4)`` matrices and index ranges.

Everything inside is DICOM LPS: x grows to the patient's Left, y to Posterior, z to Superior.
An affine takes ``(slice, row, column, 1)`` to LPS millimetres.

References
----------
DICOM PS3.3 C.7.6.2.1.1 (image plane); nibabel, "Coordinate systems and affines".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from appliance.core.errors import GeometryError
from appliance.core.types import Volume

LPS_FROM_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
"""NIfTI's RAS+ world to DICOM's LPS+ world; its own inverse."""

Box = tuple[int, int, int, int, int, int]

_ANISOTROPY = 1.5
_PLANES = ("sagittal", "coronal", "axial")
_TARGETS = {
    "axial": (np.array([0.0, 1.0, 0.0]), np.array([1.0, 0.0, 0.0])),
    "coronal": (np.array([0.0, 0.0, -1.0]), np.array([1.0, 0.0, 0.0])),
    "sagittal": (np.array([0.0, 0.0, -1.0]), np.array([0.0, 1.0, 0.0])),
}
"""For each plane, where rows and columns grow to on the viewing grid."""


def checked(affine: np.ndarray | None) -> np.ndarray:
    """The affine, known to be present, finite and invertible.

    Parameters
    ----------
    affine : (4, 4) float64, index to LPS mm, or None

    Raises
    ------
    GeometryError
        When there is none, or no volume can have it.

    Examples
    --------
    >>> checked(None)
    Traceback (most recent call last):
    ...
    appliance.core.errors.GeometryError: the input has no geometry: no millimetres can be given
    """
    if affine is None:
        raise GeometryError("the input has no geometry: no millimetres can be given")
    affine = np.asarray(affine, np.float64)
    if affine.shape != (4, 4) or not np.isfinite(affine).all():
        raise GeometryError("expected a finite 4x4 affine; the header's geometry is damaged")
    with np.errstate(over="ignore", invalid="ignore"):
        lengths = np.linalg.norm(affine[:3, :3], axis=0)
        ratio = abs(np.linalg.det(affine[:3, :3])) / max(float(np.prod(lengths)), 1e-300)
    if not (lengths.min() > 1e-6 and lengths.max() < 1e6 and ratio > 1e-3):
        raise GeometryError(
            "expected an invertible affine with spacings between 1e-6 and 1e6 mm, found steps of "
            f"{tuple(float(f'{v:.4g}') for v in lengths)} mm that span no volume; "
            "check the header or export again"
        )
    return affine


def spacing_mm(affine: np.ndarray | None) -> tuple[float, float, float]:
    """Distance between neighbouring voxel centres along slice, row and column index.

    Examples
    --------
    >>> spacing_mm(np.diag([1.5, 0.5, 0.25, 1.0]))
    (1.5, 0.5, 0.25)
    """
    lengths = np.linalg.norm(checked(affine)[:3, :3], axis=0)
    return float(lengths[0]), float(lengths[1]), float(lengths[2])


def voxel_ml(affine: np.ndarray | None) -> float:
    """Volume of one voxel in millilitres; true for sheared grids too.

    Examples
    --------
    >>> voxel_ml(np.diag([2.0, 0.5, 0.5, 1.0]))
    0.0005
    """
    return float(abs(np.linalg.det(checked(affine)[:3, :3])) / 1000.0)


def normal(affine: np.ndarray | None) -> np.ndarray:
    """The unit vector square to rows and columns, on the side slices grow to.

    With a gantry tilt it differs from the direction of the slice step.

    Returns
    -------
    (3,) float64, LPS

    Examples
    --------
    >>> sheared = np.eye(4); sheared[1, 0] = 0.3
    >>> normal(sheared[[2, 1, 0, 3]]).tolist()
    [0.0, 0.0, 1.0]
    """
    return _normal_of(checked(affine), 0)


def _normal_of(affine: np.ndarray, axis: int) -> np.ndarray:
    a, b = (affine[:3, i] for i in range(3) if i != axis)
    n = np.cross(a, b)
    n = n / np.linalg.norm(n)
    return (n if n @ affine[:3, axis] >= 0 else -n) + 0.0


def plane_of(affine: np.ndarray | None) -> str | None:
    """The anatomical plane slices lie in, oblique ones rounded; None without an affine.

    Examples
    --------
    >>> plane_of(np.array([[0, 0, 1.0, 0], [0, 1, 0, 0], [2, 0, 0, 0], [0, 0, 0, 1]]))
    'axial'
    """
    return None if affine is None else _PLANES[int(np.argmax(np.abs(normal(affine))))]


@dataclass(frozen=True)
class View:
    """A lossless reordering of a grid: axes permuted, then some reversed.

    Attributes
    ----------
    axes : permutation of (0, 1, 2)
        Output axis ``n`` is input axis ``axes[n]``.
    flips : three bools
        Which output axes are reversed.
    shape : (slices, rows, columns)
        Of the grid it is applied to, which boxes need to be turned round.

    Examples
    --------
    >>> view = View((1, 0, 2), (False, True, False), (2, 3, 4))
    >>> grid = np.arange(24).reshape(2, 3, 4)
    >>> bool((view.undo(view.apply(grid)) == grid).all())
    True
    >>> view.undo_box(view.apply_box((0, 1, 1, 1, 3, 4)))
    (0, 1, 1, 1, 3, 4)
    """

    axes: tuple[int, int, int]
    flips: tuple[bool, bool, bool]
    shape: tuple[int, int, int]

    def __post_init__(self) -> None:
        if sorted(self.axes) != [0, 1, 2] or len(self.flips) != 3 or len(self.shape) != 3:
            raise GeometryError(f"not a reordering of three axes: {self.axes}, {self.flips}")

    @property
    def is_identity(self) -> bool:
        """Whether nothing moves."""
        return self.axes == (0, 1, 2) and not any(self.flips)

    @property
    def view_shape(self) -> tuple[int, int, int]:
        """Shape of the viewing grid."""
        return tuple(self.shape[a] for a in self.axes)  # type: ignore[return-value]

    def _flip(self, array: np.ndarray) -> np.ndarray:
        return array[tuple(slice(None, None, -1 if f else 1) for f in self.flips)]

    def apply(self, array: np.ndarray) -> np.ndarray:
        """The array on the viewing grid, as a view of the same memory.

        Raises
        ------
        GeometryError
            When the array is not on the input's grid.
        """
        if array.shape != self.shape:
            raise GeometryError(f"the view is of a grid {self.shape}, the array is {array.shape}")
        return self._flip(array.transpose(self.axes))

    def undo(self, array: np.ndarray) -> np.ndarray:
        """An array of the viewing grid back on the input's grid.

        Raises
        ------
        GeometryError
            When the array is not on the viewing grid.
        """
        if array.shape != self.view_shape:
            raise GeometryError(f"the viewing grid is {self.view_shape}, array is {array.shape}")
        return self._flip(array).transpose(tuple(int(a) for a in np.argsort(self.axes)))

    def apply_volume(self, volume: Volume) -> Volume:
        """The volume on the viewing grid, its affine kept true."""
        array = self.apply(volume.array)
        if volume.affine is None:
            return Volume(array, None)
        affine = volume.affine[:, [*self.axes, 3]].copy()
        for axis, flip in enumerate(self.flips):
            if flip:
                affine[:, 3] += affine[:, axis] * (self.view_shape[axis] - 1)
                affine[:, axis] *= -1
        return Volume(array, affine + 0.0)

    def apply_box(self, box: Sequence[int]) -> Box:
        """A half-open box of the input's grid, on the viewing grid."""
        low = [int(box[a]) for a in self.axes]
        high = [int(box[a + 3]) for a in self.axes]
        return self._flip_box(low, high)

    def undo_box(self, box: Sequence[int]) -> Box:
        """A half-open box of the viewing grid, on the input's grid."""
        flipped = self._flip_box([int(v) for v in box[:3]], [int(v) for v in box[3:]])
        back = [int(a) for a in np.argsort(self.axes)]
        return tuple(flipped[a + part] for part in (0, 3) for a in back)  # type: ignore

    def _flip_box(self, low: list[int], high: list[int]) -> Box:
        for axis, flip in enumerate(self.flips):
            if flip:
                size = self.view_shape[axis]
                low[axis], high[axis] = size - high[axis], size - low[axis]
        return (*low, *high)  # type: ignore[return-value]


def viewing(volume: Volume) -> View:
    """How to see a volume upright: slices first, as radiologists hold them.

    The through-plane axis is the one of length one, else the one with clearly (1.5 times) the
    largest spacing, else the one closest to feet-head. Slices keep their direction. Rows and
    columns then grow to P and L (axial), I and L (coronal), I and P (sagittal). Nothing is
    interpolated. Without an affine the grid stays as it is.

    Raises
    ------
    GeometryError
        When the affine is not invertible.

    Examples
    --------
    >>> viewing(Volume(np.zeros((1, 4, 5)), None)).is_identity
    True
    >>> stood_on_head = np.array([[0, 0, -1.0, 0], [0, -1, 0, 0], [3, 0, 0, 0], [0, 0, 0, 1]])
    >>> viewing(Volume(np.zeros((2, 4, 5)), stood_on_head)).flips
    (False, True, True)
    """
    if volume.affine is None:
        return View((0, 1, 2), (False, False, False), volume.shape)
    affine = checked(volume.affine)
    through = _through_plane(volume.shape, affine)
    plane = _PLANES[int(np.argmax(np.abs(_normal_of(affine, through))))]
    steps = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    row_target, column_target = _TARGETS[plane]
    first, second = (axis for axis in range(3) if axis != through)
    straight = abs(steps[:, first] @ row_target) + abs(steps[:, second] @ column_target)
    crossed = abs(steps[:, second] @ row_target) + abs(steps[:, first] @ column_target)
    row, column = (first, second) if straight >= crossed else (second, first)
    flips = (
        False,
        bool(steps[:, row] @ row_target < 0),
        bool(steps[:, column] @ column_target < 0),
    )
    return View((through, row, column), flips, volume.shape)


def _through_plane(shape: tuple[int, int, int], affine: np.ndarray) -> int:
    """The axis slices are counted along."""
    if 1 in shape:
        return shape.index(1)
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    largest = int(np.argmax(spacing))
    if all(spacing[largest] >= _ANISOTROPY * spacing[a] for a in range(3) if a != largest):
        return largest
    return int(np.argmax(np.abs(affine[2, :3]) / spacing))
