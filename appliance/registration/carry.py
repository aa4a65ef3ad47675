"""Bringing the moving image, or a mask drawn on it, onto the fixed grid."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from appliance.core.geometry import checked
from appliance.core.transforms import checked_transform
from appliance.core.types import Volume

_BAND = 16
_LOW = 0.1
_EDGE = "grid-constant"
"""Towards the background beyond the edge, not at once: a rounding error must not cost the outermost
voxels."""


def carry(moving: Volume, fixed: Volume, matrix: np.ndarray, labels: bool = False) -> Volume:
    """The moving volume on the fixed grid, of the moving one's type.

    Where it does not reach there is its `background`, or the label 0: in a CT, 0 would be water.

    Parameters
    ----------
    matrix : (3, 3) or (4, 4) float64
        FIXED to MOVING: pixels of one slice, or LPS mm.
    labels : bool
        Nearest neighbour, so that no label appears that was not there.

    Raises
    ------
    GeometryError
        When the matrix is no invertible transform, or millimetres are missing.
    """
    matrix = checked_transform(matrix)
    if len(matrix) == 3:
        index = np.eye(4)
        index[1:, 1:] = matrix
    else:
        index = np.linalg.inv(checked(moving.affine)) @ matrix @ checked(fixed.affine)
    kind = moving.array.dtype
    array = moving.array if labels else moving.array.astype(np.float32)
    beyond = 0.0 if labels else background(moving.array)
    out = np.zeros(fixed.shape, kind)
    for first in range(0, fixed.shape[0], _BAND):
        shape = (min(_BAND, fixed.shape[0] - first), *fixed.shape[1:])
        shift = index[:3, 3] + index[:3, 0] * first
        part = ndimage.affine_transform(
            array,
            index[:3, :3],
            shift,
            shape,
            order=0 if labels else 1,
            mode=_EDGE,
            cval=beyond,
            prefilter=False,
        )
        out[first : first + shape[0]] = np.rint(part) if np.issubdtype(kind, np.integer) else part
    return Volume(out, fixed.affine)


def background(array: np.ndarray) -> float:
    """What lies around the head: a low value of the outermost voxels.

    Not the minimum, which in standardised images lies in the head.

    Examples
    --------
    >>> air = np.full((3, 8, 8), -1000.0)
    >>> air[:, 2:6, 2:6] = 40.0
    >>> background(air)
    -1000.0
    """
    axes = [axis for axis in range(array.ndim) if array.shape[axis] > 1]
    faces = [np.take(array, (0, -1), axis).ravel() for axis in axes]
    return float(np.quantile(np.concatenate(faces or [array.ravel()]), _LOW, method="lower"))
