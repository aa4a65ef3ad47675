"""Outlines of a mask along the edges of its pixels, so that they enclose exactly its area."""

from __future__ import annotations

import cv2
import numpy as np

_STEPS = ((0, 1), (1, 0), (0, -1), (-1, 0))
"""Right, down, left, up, as ``(row, column)`` between pixel corners."""


def outlines(mask: np.ndarray) -> list[np.ndarray]:
    """Closed polygons round the regions of a mask, and round their holes.

    Parameters
    ----------
    mask : (rows, columns) bool

    Returns
    -------
    list of (points, 2) float64
        ``(row, column)``, pixel centres at whole numbers, corners only; clockwise round a region
        (rows grow downwards), the other way round a hole. Regions that touch at a corner are
        apart.

    Examples
    --------
    >>> (square,) = outlines(np.ones((1, 2), bool))
    >>> square.tolist()
    [[-0.5, -0.5], [-0.5, 1.5], [0.5, 1.5], [0.5, -0.5]]
    """
    leaving = _edges(np.pad(np.asarray(mask, bool), 1))
    found = []
    while leaving:
        corner = next(iter(leaving))
        direction = leaving[corner][0]
        path = []
        while corner in leaving and direction in leaving[corner]:
            leaving[corner].remove(direction)
            if not leaving[corner]:
                del leaving[corner]
            if not path or path[-1][1] != direction:
                path.append((corner, direction))
            step = _STEPS[direction]
            corner = (corner[0] + step[0], corner[1] + step[1])
            # Right turns first: with the mask on the right, corners that only touch stay apart.
            turns = ((direction + turn) % 4 for turn in (1, 0, 3))
            direction = next((d for d in turns if d in leaving.get(corner, ())), direction)
        if path[-1][1] == path[0][1] and len(path) > 1:
            path.pop(0)
        found.append(np.array([point for point, _ in path], np.float64) - 1.5)
    return found


def keyholed(polygons: list[np.ndarray]) -> list[np.ndarray]:
    """Outlines without holes: each hole is joined to the region round it by a cut without width.

    Parameters
    ----------
    polygons : list of (points, 2) float64
        As `outlines` returns them.

    Examples
    --------
    >>> ring = np.ones((3, 3), bool); ring[1, 1] = False
    >>> [area(polygon) for polygon in keyholed(outlines(ring))]
    [8.0]
    """
    regions = [polygon for polygon in polygons if area(polygon) > 0]
    for hole in (polygon for polygon in polygons if area(polygon) < 0):
        # Halfway along the hole's first edge no region has a corner, nor an edge.
        inner = tuple(map(float, (hole[0] + hole[1]) / 2))
        round_it = [
            (area(region), number)
            for number, region in enumerate(regions)
            if cv2.pointPolygonTest(region.astype(np.float32), inner, False) > 0
        ]
        number = min(round_it)[1]
        region = regions[number]
        gaps = np.linalg.norm(region[:, None] - hole[None], axis=2)
        at, into = np.unravel_index(int(gaps.argmin()), gaps.shape)
        turned = np.roll(hole, -into, axis=0)
        parts = (region[: at + 1], turned, turned[:1], region[at:])
        regions[number] = np.concatenate(parts)
    return regions


def _edges(padded: np.ndarray) -> dict[tuple[int, int], list[int]]:
    """Directions in which edges leave each corner, the mask on their right."""
    leaving: dict[tuple[int, int], list[int]] = {}
    inside, outside = padded, ~padded
    upper = np.argwhere(inside[1:] & outside[:-1]) + (1, 0)
    lower = np.argwhere(inside[:-1] & outside[1:]) + (1, 1)
    left = np.argwhere(inside[:, 1:] & outside[:, :-1]) + (1, 1)
    right = np.argwhere(inside[:, :-1] & outside[:, 1:]) + (0, 1)
    for direction, corners in enumerate((upper, right, lower, left)):
        for row, column in corners.tolist():
            leaving.setdefault((row, column), []).append(direction)
    return leaving


def area(polygon: np.ndarray) -> float:
    """Area of a polygon ``(points, 2)``, above zero where it runs round a region.

    >>> area(outlines(np.ones((3, 2), bool))[0])
    6.0
    """
    rows, columns = polygon[:, 0], polygon[:, 1]
    twice = columns @ np.roll(rows, -1) - rows @ np.roll(columns, -1)
    return float(twice / 2)
