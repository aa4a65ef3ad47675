"""Lesions joined across slices, with their size in the patient where geometry is known."""

from __future__ import annotations

from collections.abc import Sequence

import cc3d
import cv2
import numpy as np
from scipy import ndimage

from appliance.core.geometry import View, spacing_mm, voxel_ml
from appliance.core.types import Finding
from appliance.core.verdict import UNCERTAIN, Rule
from appliance.reading import Reading


def label_map(reading: Reading, rule: Rule) -> np.ndarray:
    """Lesion numbers on the viewing grid, largest first.

    In a series what is outlined on one slice only, and that slice ``uncertain``, is left out:
    neither the other witness nor a neighbour sees it. The slice's own verdict says so still.

    Returns
    -------
    (slices, rows, columns) uint8
        0 outside lesions. Components are joined over faces, edges and corners.
    """
    binary = np.zeros(reading.view.view_shape, np.uint8)
    minimum = np.zeros(len(binary))
    for row in reading.rows:
        minimum[row] = rule.minimum_share * reading.prepared[row].square[2] ** 2
        plane = reading.outline(row)
        if plane is not None:
            binary[row] = plane > rule.pixel_threshold
    window = _window(binary)
    if window is None:
        return binary
    components, sizes, depths = _components(binary[window])
    minimum = minimum[window[0]]
    verdicts = [item and item.verdict for item in reading.slices][window[0]]
    kept = [
        (int(voxels), number)
        for number, (voxels, depth) in enumerate(zip(sizes, depths, strict=True))
        if number and voxels >= minimum[depth].max() and not _unsupported(verdicts, depth, binary)
    ]
    kept.sort(key=lambda pair: (-pair[0], pair[1]))
    lookup = np.zeros(len(sizes), np.uint8)
    for position, (_, number) in enumerate(kept[:255], 1):
        lookup[number] = position
    binary[window] = lookup[components]
    return binary


def _unsupported(verdicts: Sequence[str | None], depth: slice, binary: np.ndarray) -> bool:
    """Whether a part of a series lies on one uncertain slice only."""
    alone = len(binary) > 1 and depth.stop - depth.start == 1
    return alone and verdicts[depth.start] == UNCERTAIN


def _components(inside: np.ndarray) -> tuple[np.ndarray, Sequence[int], Sequence[slice]]:
    """Component numbers of what is not 0, their sizes and their slices; number 0 is outside."""
    if len(inside) == 1:  # a fifth of the time of the general way
        count, numbers, stats, _ = cv2.connectedComponentsWithStats(inside[0], connectivity=8)
        return numbers[np.newaxis], stats[:, cv2.CC_STAT_AREA], [slice(0, 1)] * count
    numbers = cc3d.connected_components(inside, connectivity=26)
    found = cc3d.statistics(numbers)
    boxes = found["bounding_boxes"]  # None for the outside of what fills its window
    return numbers, found["voxel_counts"], [slice(0, 0) if box is None else box[0] for box in boxes]


def _window(binary: np.ndarray) -> tuple[slice, ...] | None:
    """The smallest box around what is drawn; None when nothing is."""
    if len(binary) == 1:  # a tenth of the time of the general way
        column, row, width, height = cv2.boundingRect(binary[0])
        return np.s_[0:1, row : row + height, column : column + width] if width else None
    flat = binary.max(axis=0)
    sides = (binary.max(axis=(1, 2)), flat.max(axis=1), flat.max(axis=0))
    found = [np.flatnonzero(side) for side in sides]
    if not found[0].size:
        return None
    return tuple(slice(int(at[0]), int(at[-1]) + 1) for at in found)


def diameters_mm(lesion: np.ndarray, row_mm: float, column_mm: float) -> tuple[float, float]:
    """Longest in-plane diameter over all slices, and the longest square to it there, mm.

    The outline's convex hull is measured between pixel corners, so one pixel has a size.

    References
    ----------
    Wen et al., J Clin Oncol 28:1963, 2010 (RANO: maximal perpendicular diameters).
    """
    best = (0.0, 0.0)
    for plane in lesion:
        if not plane.any():
            continue
        rows, columns = np.nonzero(plane)
        corners = np.concatenate(
            [
                np.stack([(columns + dc) * column_mm, (rows + dr) * row_mm], 1)
                for dr in (0, 1)
                for dc in (0, 1)
            ]
        ).astype(np.float32)
        hull = cv2.convexHull(corners)[:, 0].astype(np.float64)
        gaps = hull[:, None] - hull[None]
        lengths = np.hypot(gaps[..., 0], gaps[..., 1])
        first, second = np.unravel_index(int(lengths.argmax()), lengths.shape)
        longest = float(lengths[first, second])
        if longest <= best[0]:
            continue
        best = (longest, _across(hull, (hull[second] - hull[first]) / longest))
    return best


def _across(hull: np.ndarray, axis: np.ndarray) -> float:
    """The longest straight line inside a convex polygon that is square to an axis.

    Parameters
    ----------
    hull : (points, 2)
        The corners in their order.
    axis : (2,)
        Of length 1.

    Examples
    --------
    >>> leaning = np.array([[0.0, 0], [4, 0], [6, 2], [2, 2]])
    >>> round(_across(leaning, np.array([6.0, 2.0]) / np.hypot(6, 2)), 4)
    2.1082
    """
    along, height = hull @ axis, hull @ np.array([-axis[1], axis[0]])
    # The chord's length is linear between corners, so that its maximum is at one of them.
    longest = 0.0
    for place in along:
        crossed = []
        for a, b, y, z in zip(along, np.roll(along, -1), height, np.roll(height, -1), strict=True):
            if min(a, b) <= place <= max(a, b):
                crossed += [y, z] if a == b else [y + (z - y) * (place - a) / (b - a)]
        longest = max(longest, max(crossed) - min(crossed))
    return float(longest)


def findings(labels: np.ndarray, reading: Reading, presence: float) -> tuple[Finding, ...]:
    """One finding for each lesion of a label map on the viewing grid.

    Parameters
    ----------
    labels : (slices, rows, columns) uint8
    presence : float
        Probability that the series holds a tumour; the score is it times the mean mask
        probability inside the lesion.
    """
    view: View = reading.view
    volume = reading.series.volume
    affine = None if volume.affine is None else view.apply_volume(volume).affine
    found = []
    window = _window(labels)
    for number, part in enumerate(
        [] if window is None else ndimage.find_objects(labels[window]), 1
    ):
        box = tuple(
            slice(side.start + inner.start, side.start + inner.stop)
            for side, inner in zip(window, part, strict=True)
        )
        inside = labels[box] == number
        low, high = [part.start for part in box], [part.stop for part in box]
        total = 0.0
        for row, plane in zip(range(low[0], high[0]), inside, strict=True):
            if plane.any():
                total += float(reading.outline(row)[box[1:]][plane].sum())
        areas = np.count_nonzero(inside, axis=(1, 2))
        area = int(areas.sum())
        view_box = (*low, *high)
        millilitres = diameters = None
        if affine is not None:
            _, row_mm, column_mm = spacing_mm(affine)
            millilitres = None if len(labels) < 2 else round(area * voxel_ml(affine), 4)
            pair = diameters_mm(inside, row_mm, column_mm)
            diameters = (round(pair[0], 2), round(pair[1], 2))
        found.append(
            Finding(
                id=number,
                box=view.undo_box(view_box),
                view_box=view_box,
                score=min(1.0, total / area * presence),
                area_px=area,
                volume_ml=millilitres,
                diameters_mm=diameters,
                largest_slice=low[0] + int(areas.argmax()),
            )
        )
    return tuple(found)


def spans(labels: np.ndarray) -> list[tuple[int, int]]:
    """Half-open slice ranges of the lesions of a label map.

    >>> grid = np.zeros((4, 2, 2), np.uint8)
    >>> grid[1:3, 0, 0] = 1
    >>> spans(grid)
    [(1, 3)]
    """
    found = []
    for number in range(1, int(labels.max()) + 1):
        inside = (labels == number).any(axis=(1, 2)).nonzero()[0]
        found.append((int(inside[0]), int(inside[-1]) + 1))
    return found
