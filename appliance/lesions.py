"""Lesions joined across slices, with their size in the patient where geometry is known."""

from __future__ import annotations

import cc3d
import cv2
import numpy as np

from appliance.core.geometry import View, spacing_mm, voxel_ml
from appliance.core.preprocess import restore
from appliance.core.types import Finding
from appliance.core.verdict import Rule
from appliance.reading import Reading


def label_map(reading: Reading, rule: Rule) -> np.ndarray:
    """Lesion numbers on the viewing grid, largest first.

    Returns
    -------
    (slices, rows, columns) uint8
        0 outside lesions. Components are joined over faces, edges and corners.
    """
    binary = np.zeros(reading.view.view_shape, np.uint8)
    minimum = np.zeros(len(binary))
    for plane, row in zip(reading.drawn(), reading.rows, strict=True):
        prepared = reading.prepared[row]
        minimum[row] = rule.minimum_share * prepared.square[2] ** 2
        if plane.max() > rule.pixel_threshold:
            binary[row] = restore(plane, prepared) > rule.pixel_threshold
    if not binary.any():
        return binary
    components = cc3d.connected_components(binary, connectivity=26)
    statistics = cc3d.statistics(components)
    kept = []
    for number, voxels in enumerate(statistics["voxel_counts"]):
        if number == 0:
            continue
        slices = statistics["bounding_boxes"][number][0]
        if voxels >= minimum[slices].max():
            kept.append((int(voxels), number))
    kept.sort(key=lambda pair: (-pair[0], pair[1]))
    lookup = np.zeros(int(components.max()) + 1, np.uint8)
    for position, (_, number) in enumerate(kept[:255], 1):
        lookup[number] = position
    return lookup[components]


def _diameters_mm(lesion: np.ndarray, row_mm: float, column_mm: float) -> tuple[float, float]:
    """Longest in-plane diameter over all slices, and the longest across it, mm.

    The outline's convex hull is measured between pixel corners, so one pixel has a size.
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
        axis = (hull[second] - hull[first]) / longest
        across = hull @ np.array([-axis[1], axis[0]])
        best = (longest, float(across.max() - across.min()))
    return best


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
    planes = dict(zip(reading.rows, reading.drawn(), strict=True))
    found = []
    for number in range(1, int(labels.max()) + 1):
        inside = labels == number
        spans = [np.flatnonzero(inside.any(axis=axes)) for axes in ((1, 2), (0, 2), (0, 1))]
        low = [int(span[0]) for span in spans]
        high = [int(span[-1]) + 1 for span in spans]
        total = 0.0
        for row in range(low[0], high[0]):
            if row in planes and inside[row].any():
                probability = restore(planes[row], reading.prepared[row])
                total += float(probability[inside[row]].sum())
        area = int(inside.sum())
        view_box = (*low, *high)
        millilitres = diameters = None
        if affine is not None:
            _, row_mm, column_mm = spacing_mm(affine)
            millilitres = None if len(labels) < 2 else round(area * voxel_ml(affine), 4)
            part = inside[low[0] : high[0], low[1] : high[1], low[2] : high[2]]
            pair = _diameters_mm(part, row_mm, column_mm)
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
