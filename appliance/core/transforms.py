"""Linear transforms as homogeneous matrices: made, taken apart, compared. No images, no files.

A matrix takes homogeneous points of FIXED to points of MOVING: ``(row, column, 1)`` for pictures,
LPS ``(x, y, z, 1)`` for volumes. Everything here works for both.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np

from appliance.core.errors import GeometryError


def checked_transform(matrix: Sequence[Sequence[float]] | np.ndarray) -> np.ndarray:
    """The matrix as float64, known to be an invertible affine transform.

    Parameters
    ----------
    matrix : (3, 3) or (4, 4)

    Raises
    ------
    GeometryError
        When it has another shape, another last row, or cannot be inverted.

    Examples
    --------
    >>> checked_transform([[1, 0, 0], [0, 0, 0], [0, 0, 1]])
    Traceback (most recent call last):
    ...
    appliance.core.errors.GeometryError: expected an invertible transform, found a singular matrix
    """
    found = np.asarray(matrix, np.float64)
    if found.shape not in ((3, 3), (4, 4)) or not np.isfinite(found).all():
        raise GeometryError(f"expected a finite 3x3 or 4x4 matrix, found {found.shape}")
    last = np.zeros(len(found))
    last[-1] = 1.0
    if np.abs(found[-1] - last).max() > 1e-9:
        raise GeometryError("expected an affine transform, found a last row that is not 0 ... 1")
    if abs(np.linalg.det(found[:-1, :-1])) < 1e-9:
        raise GeometryError("expected an invertible transform, found a singular matrix")
    return found


def about(centre: Sequence[float], linear: np.ndarray, shift: Sequence[float]) -> np.ndarray:
    """The transform ``linear (x - centre) + centre + shift``, homogeneous.

    Parameters
    ----------
    centre, shift : (n,) float
    linear : (n, n) float64

    Examples
    --------
    >>> about((1, 1), np.eye(2) * 2, (0, 3)).tolist()
    [[2.0, 0.0, -1.0], [0.0, 2.0, 2.0], [0.0, 0.0, 1.0]]
    """
    size = len(centre)
    matrix = np.eye(size + 1)
    matrix[:size, :size] = linear
    middle = np.asarray(centre, np.float64)
    matrix[:size, size] = middle + np.asarray(shift, np.float64) - linear @ middle
    return matrix


def rotation(degrees: float, axis: Sequence[float] | None = None) -> np.ndarray:
    """A rotation matrix, (2, 2), or (3, 3) about an axis (Rodrigues).

    In pictures a positive angle turns rows towards columns.

    Examples
    --------
    >>> rotation(90.0).round(6).tolist()
    [[0.0, -1.0], [1.0, 0.0]]
    """
    angle = np.radians(degrees)
    if axis is None:
        return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    x, y, z = np.asarray(axis, np.float64) / np.linalg.norm(axis)
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross


def moved(matrix: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Points (m, n) through a homogeneous matrix (n + 1, n + 1)."""
    size = len(matrix) - 1
    return points @ matrix[:size, :size].T + matrix[:size, size]


def corners(low: Sequence[float], high: Sequence[float]) -> np.ndarray:
    """The corners (2**n, n) of a box.

    Examples
    --------
    >>> corners((0, 0), (1, 2)).tolist()
    [[0.0, 0.0], [0.0, 2.0], [1.0, 0.0], [1.0, 2.0]]
    """
    return np.array(list(product(*zip(low, high, strict=True))), np.float64)


def target_errors(one: np.ndarray, other: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Distance (m,) between where two transforms take each point, in the points' unit.

    References
    ----------
    Fitzpatrick, West, "The distribution of target registration error", IEEE TMI 2001.
    """
    return np.linalg.norm(moved(one, points) - moved(other, points), axis=1)


def parts(matrix: np.ndarray) -> dict[str, float]:
    """Size, anisotropy, angle and handedness of a transform.

    Returns
    -------
    dict
        ``scale`` (geometric mean of the singular values), ``stretch`` (largest over smallest,
        which grows with shear and uneven scaling alike), ``rotation_deg``, ``mirrored`` (0, 1).

    Examples
    --------
    >>> found = parts(about((5, 5), 1.1 * rotation(30.0), (2, 0)))
    >>> round(found["scale"], 6), round(found["stretch"], 6), round(found["rotation_deg"], 6)
    (1.1, 1.0, 30.0)
    """
    linear = matrix[:-1, :-1]
    left, sizes, right = np.linalg.svd(linear)
    turn = left @ right
    mirrored = np.linalg.det(turn) < 0
    if mirrored:
        turn = -turn if len(turn) == 3 else turn @ np.diag([1.0, -1.0])
    if len(turn) == 2:
        angle = float(np.degrees(np.arctan2(turn[1, 0], turn[0, 0])))
    else:
        angle = float(np.degrees(np.arccos(np.clip((np.trace(turn) - 1) / 2, -1, 1))))
    return {
        "scale": float(np.prod(sizes) ** (1 / len(sizes))),
        "stretch": float(sizes[0] / sizes[-1]),
        "rotation_deg": abs(angle),
        "mirrored": float(mirrored),
    }
