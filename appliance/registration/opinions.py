"""Second opinions: where each half of the head alone would put it, by two measures.

A match has an optimum also where two slices do not belong together, or do so in places only: its
halves then point to different places. Where all say the same, the transform is what the pictures
show.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import numpy as np

from appliance.registration.descriptors import agreement, descriptors
from appliance.registration.polish import Match

_REACH = 0.08
"""Shifts of a half, as a share of the head's size."""
_STEPS = 4
"""Shifts that are tried to each side."""


def halves(match: Match, matrix: np.ndarray) -> np.ndarray:
    """The shift that each half of the head wants.

    Returns
    -------
    (2, 4, 2) float64
        By windows and by descriptors; for the upper, lower, left and right half; rows and columns,
        as shares of the head's size.
    """
    values, both, _ = match.carried(matrix)
    if both.sum() < 4 * _STEPS**2:
        return np.full((2, 4, 2), _REACH)
    fixed, parts = match.fixed, _halves(both)
    step = max(1, round(_REACH * fixed.size / fixed.step / _STEPS))
    own = descriptors(match.values)
    wanted = [
        _wanted(values, match.windows.map, parts, step),
        _wanted(descriptors(values), lambda other: agreement(own, other), parts, step),
    ]
    return np.array(wanted) * step * fixed.step / fixed.size


def _halves(both: np.ndarray) -> np.ndarray:
    """Weights (4, rows * columns) float32 of the halves of what both heads share."""
    index = np.indices(both.shape)
    middle = np.argwhere(both).mean(0)
    cuts = [side for i, m in zip(index, middle, strict=True) for side in (i < m, i >= m)]
    weights = np.stack([both & cut for cut in cuts]).reshape(len(cuts), -1).astype(np.float32)
    return weights / np.maximum(weights.sum(1, keepdims=True), 1.0)


def _wanted(
    other: np.ndarray, match: Callable[[np.ndarray], np.ndarray], parts: np.ndarray, step: int
) -> np.ndarray:
    """The best shift of each part in steps, (len(parts), 2), between steps by parabolas."""
    side = 2 * _STEPS + 1
    shifts = product(range(-_STEPS, _STEPS + 1), repeat=2)
    moved = (np.roll(other, (step * r, step * c), (-2, -1)) for r, c in shifts)
    table = np.stack([parts @ match(shifted).ravel() for shifted in moved], axis=1)
    return np.array([_peak(line.reshape(side, side)) for line in table])


def _peak(table: np.ndarray) -> tuple[float, float]:
    """Place of the highest value, from the middle."""
    row, column = np.unravel_index(int(table.argmax()), table.shape)
    return (
        row - _STEPS + _vertex(table[:, column], int(row)),
        column - _STEPS + _vertex(table[row], int(column)),
    )


def _vertex(line: np.ndarray, place: int) -> float:
    """Where between its neighbours a maximum lies, -0.5 to 0.5."""
    if place in (0, len(line) - 1):
        return 0.0
    before, here, after = (float(v) for v in line[place - 1 : place + 2])
    curve = before - 2 * here + after
    return float(np.clip(0.5 * (before - after) / curve, -0.5, 0.5)) if curve < 0 else 0.0
