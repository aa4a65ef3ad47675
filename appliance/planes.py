"""A volume seen in three planes: its own grid reordered to feet-head, front-back, right-left.

Nothing is interpolated: of a slanted or oblique stack the planes are those of its own grid, each
named after the anatomical plane it lies closest to. The upright grid is ``(z, y, x)`` with z
growing to Superior, y to Posterior and x to Left; an axial slice shows y down and x to the right,
a coronal one z up and x to the right, a sagittal one z up and y to the right.
"""

from __future__ import annotations

from itertools import permutations
from typing import Any

import numpy as np

from appliance.core.errors import BadRequest, NotFound
from appliance.core.geometry import View, checked, spacing_mm, viewing
from appliance.core.types import Volume

PLANES = ("axial", "coronal", "sagittal")
_AXIS = {"axial": 0, "coronal": 1, "sagittal": 2}


def upright(shape: tuple[int, int, int], affine: np.ndarray) -> View:
    """The reordering of a grid to ``(z, y, x)``.

    Raises
    ------
    GeometryError
        When the affine is not invertible.

    Examples
    --------
    >>> coronal = np.array([[0, 0, 1.0, 0], [2, 0, 0, 0], [0, -1, 0, 0], [0, 0, 0, 1]])
    >>> upright((5, 6, 7), coronal).axes, upright((5, 6, 7), coronal).flips
    ((1, 0, 2), (True, False, False))
    """
    steps = checked(affine)[:3, :3]
    steps = steps / np.linalg.norm(steps, axis=0)
    along = np.abs(steps)
    axes = max(
        permutations(range(3)), key=lambda p: along[2, p[0]] + along[1, p[1]] + along[0, p[2]]
    )
    flips = tuple(bool(steps[world, axis] < 0) for world, axis in zip((2, 1, 0), axes, strict=True))
    return View(axes, flips, shape)  # type: ignore[arg-type]


def describe(shape: tuple[int, int, int], affine: np.ndarray | None) -> dict[str, Any] | None:
    """What a page needs to show the planes; None where a volume cannot be shown so.

    Returns
    -------
    dict
        ``shape`` and ``spacing_mm`` of the upright grid, its ``affine`` to LPS mm, and
        ``axes`` and ``flips``, which take a place of the viewing grid to it: coordinate ``n`` is
        the viewing grid's ``axes[n]``, counted from the end where ``flips[n]``.
    """
    if affine is None or min(shape) < 2:
        return None
    # The array is never looked at: a grid without memory stands for it.
    grid = Volume(np.broadcast_to(np.uint8(0), shape), affine)
    seen = viewing(grid).apply_volume(grid)
    found = upright(seen.shape, seen.affine)
    placed = found.apply_volume(seen)
    return {
        "shape": [int(n) for n in placed.shape],
        "spacing_mm": [round(v, 6) for v in spacing_mm(placed.affine)],
        "affine": np.round(placed.affine, 6).tolist(),
        "axes": list(found.axes),
        "flips": list(found.flips),
    }


def cut(volume: Volume, plane: str, index: int) -> np.ndarray:
    """One slice of a plane, as it is shown.

    Parameters
    ----------
    plane : str
        One of `PLANES`.
    index : int
        Counted to Superior, Posterior or Left.

    Raises
    ------
    BadRequest
        For an unknown plane.
    NotFound
        When there is no such slice, or the input has no geometry.
    """
    array = _grid(volume, plane).apply(volume.array)
    _demand(array.shape, plane, index)
    if plane == "axial":
        return np.ascontiguousarray(array[index])
    shown = array[::-1, index] if plane == "coronal" else array[::-1, :, index]
    return np.ascontiguousarray(shown)


def boxes(volume: Volume, found: list[Any], plane: str, index: int) -> list[tuple[int, ...]]:
    """Half-open boxes of the input's grid where they cross a slice, as (row0, column0, row1,
    column1) of its picture.
    """
    view = _grid(volume, plane)
    across, height = _AXIS[plane], view.view_shape[0]
    drawn = []
    for box in found:
        placed = view.apply_box(box)
        if not placed[across] <= index < placed[across + 3]:
            continue
        (z0, y0, x0), (z1, y1, x1) = placed[:3], placed[3:]
        drawn.append(
            {
                "axial": (y0, x0, y1, x1),
                "coronal": (height - z1, x0, height - z0, x1),
                "sagittal": (height - z1, y0, height - z0, y1),
            }[plane]
        )
    return drawn


def _grid(volume: Volume, plane: str) -> View:
    if plane not in PLANES:
        raise BadRequest(f"expected plane to be one of {', '.join(PLANES)}")
    if volume.affine is None:
        raise NotFound("this input has no geometry: it has no planes but its own slices")
    return upright(volume.shape, volume.affine)


def _demand(shape: tuple[int, ...], plane: str, index: int) -> None:
    count = shape[_AXIS[plane]]
    if not 0 <= index < count:
        raise NotFound(f"expected a {plane} slice from 0 to {count - 1}, asked {index}")
