"""How much a measurement scatters when one study is read again under other circumstances."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import cc3d
import cv2
import numpy as np

from appliance.core.types import Series, Volume
from appliance.core.verdict import sigmoid
from appliance.followup.disturb import disturbed, draw, undone
from appliance.followup.exam import Exam
from appliance.followup.sight import Outliner

SHIFTS = (-0.7, 0.0, 0.7)
"""What is added to the threshold's log odds in the sweep."""
COUNT_PICTURE, COUNT_STACK = 10, 6
_MARGIN = 2


def thresholds(at: float) -> tuple[float, ...]:
    """The threshold, and what it is swept to.

    >>> [round(t, 2) for t in thresholds(0.5)]
    [0.33, 0.5, 0.67]
    """
    odds = np.log(at / (1.0 - at))
    return tuple(float(sigmoid(odds + shift)) for shift in SHIFTS)


def scatter(
    exam: Exam,
    zones: Sequence[np.ndarray],
    outliner: Outliner,
    step: Callable[[float], None],
    count: int | None = None,
    seed: int = 0,
) -> np.ndarray:
    """The size of what lies in each zone, read again and again.

    Parameters
    ----------
    zones : sequence of (slices, rows, columns) bool
        Places on the exam's grid: a lesion of this study, or where one of the other study lies.
    step : callable
        Told the share of the work that is done; what it raises stops the work.
    count : int, optional
        Disturbed readings; usual are 10 for a picture and 6 for a stack.

    Returns
    -------
    (readings, thresholds, zones) float64
        Pixels of what was drawn and touches the zone; the first reading is of the study as given.
    """
    if not zones:
        return np.zeros((0, len(SHIFTS), 0))
    first, last = _slices(zones, exam.labels.shape[0])
    window = slice(first, last)
    part = _cut(exam.series, window)
    places = [np.ascontiguousarray(zone[window]) for zone in zones]
    count = count or (COUNT_PICTURE if exam.flat else COUNT_STACK)
    levels = thresholds(outliner.threshold)
    rows = [_values(outliner.sight(part), places, levels)]
    step(1.0 / (count + 1))
    for number, by in enumerate(draw(count, seed, stack=last - first > _MARGIN)):
        again = part.volume.array
        other = disturbed(again, by)
        affine = part.volume.affine
        if by.between and affine is not None:
            affine = affine.copy()
            affine[:, 3] += 0.5 * affine[:, 0]
        seen = outliner.sight(replace(part, volume=Volume(other, affine), source=None))
        there = [z[1:] | z[:-1] for z in places] if by.between else places
        rows.append(_values(undone(seen, by), there, levels))
        step((number + 2.0) / (count + 1))
    return np.array(rows, np.float64)


def _slices(zones: Sequence[np.ndarray], count: int) -> tuple[int, int]:
    """The slices that hold a zone, and a few more."""
    held = np.flatnonzero(np.any([zone.any(axis=(1, 2)) for zone in zones], axis=0))
    if not held.size:
        return 0, count
    return max(0, int(held[0]) - _MARGIN), min(count, int(held[-1]) + 1 + _MARGIN)


def _cut(series: Series, window: slice) -> Series:
    """Some slices of a series."""
    affine = series.volume.affine
    if affine is not None and window.start:
        affine = affine.copy()
        affine[:, 3] += window.start * affine[:, 0]
    array = np.ascontiguousarray(series.volume.array[window])
    return replace(series, volume=Volume(array, affine), source=None)


def _values(
    probabilities: np.ndarray, zones: Sequence[np.ndarray], levels: Sequence[float]
) -> list[list[float]]:
    """Pixels of the regions that touch each zone, for each threshold."""
    found = []
    for level in levels:
        drawn = probabilities > level
        if not drawn.any():
            found.append([0.0] * len(zones))
            continue
        numbers = _components(drawn)
        sizes = np.bincount(numbers.ravel())
        row = []
        for zone in zones:
            touched = np.unique(numbers[zone])
            row.append(float(sizes[touched[touched > 0]].sum()))
        found.append(row)
    return found


def _components(drawn: np.ndarray) -> np.ndarray:
    if len(drawn) == 1:
        return cv2.connectedComponents(drawn[0].astype(np.uint8), connectivity=8)[1][None]
    return cc3d.connected_components(drawn.astype(np.uint8), connectivity=26)
