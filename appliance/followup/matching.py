"""Which lesion of one study is which of another: by overlap, then by distance of the centres."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

_OVERLAP = 0.05
"""Share of the smaller of two regions that must lie in the other."""
_REACH = 0.8
"""Centres that lie closer than this part of the sum of the two radii belong together."""


@dataclass(frozen=True)
class Match:
    """Lesions that are one: numbers of the earlier and of the later study, largest first.

    Several on one side have joined or come apart; none means new or gone.
    """

    prior: tuple[int, ...]
    current: tuple[int, ...]


def match(carried: np.ndarray, current: np.ndarray, steps: Sequence[float]) -> list[Match]:
    """Every lesion of both studies in exactly one match, the largest of the later study first.

    Parameters
    ----------
    carried, current : (slices, rows, columns) uint8
        Lesion numbers of the earlier study brought onto the grid of the later one, and its own.
    steps : (3,) float
        Distance of neighbouring voxels along each axis, in any one unit.

    Examples
    --------
    >>> before, now = np.zeros((2, 1, 20, 20), np.uint8)
    >>> before[0, 2:6, 2:6] = 1; now[0, 4:9, 3:8] = 2; now[0, 15:18, 15:18] = 1
    >>> match(before, now, (1, 1, 1))
    [Match(prior=(1,), current=(2,)), Match(prior=(), current=(1,))]
    """
    sizes = [np.bincount(labels.ravel(), minlength=256) for labels in (carried, current)]
    numbers = [[int(n) for n in np.flatnonzero(size) if n] for size in sizes]
    both = (carried > 0) & (current > 0)
    pairs, counts = np.unique(
        np.stack([carried[both], current[both]], 1).reshape(-1, 2), axis=0, return_counts=True
    )
    joined = [
        (int(one), int(other))
        for (one, other), count in zip(pairs, counts, strict=True)
        if count >= _OVERLAP * min(sizes[0][one], sizes[1][other])
    ]
    groups = _groups(joined)
    alone = [
        [n for n in numbers[side] if all(n not in group[side] for group in groups)]
        for side in (0, 1)
    ]
    groups += _nearest(carried, current, alone, steps)
    for side in (0, 1):
        taken = {n for group in groups for n in group[side]}
        empty: tuple[set[int], set[int]]
        for number in alone[side]:
            if number not in taken:
                empty = ({number}, set()) if side == 0 else (set(), {number})
                groups.append(empty)

    def ordered(group: set[int], side: int) -> tuple[int, ...]:
        return tuple(sorted(group, key=lambda n: (-int(sizes[side][n]), n)))

    found = [Match(ordered(one, 0), ordered(other, 1)) for one, other in groups]
    return sorted(
        found,
        key=lambda m: (
            -sum(int(sizes[1][n]) for n in m.current),
            -sum(int(sizes[0][n]) for n in m.prior),
        ),
    )


def _groups(joined: Sequence[tuple[int, int]]) -> list[tuple[set[int], set[int]]]:
    """Connected parts of the graph whose edges are overlaps."""
    groups: list[tuple[set[int], set[int]]] = []
    for one, other in joined:
        touching = [g for g in groups if one in g[0] or other in g[1]]
        merged = ({one}, {other})
        for group in touching:
            groups.remove(group)
            merged[0].update(group[0])
            merged[1].update(group[1])
        groups.append(merged)
    return groups


def _nearest(
    carried: np.ndarray, current: np.ndarray, alone: Sequence[Sequence[int]], steps: Sequence[float]
) -> list[tuple[set[int], set[int]]]:
    """Lesions without overlap whose centres lie close for their size, closest first."""
    if not alone[0] or not alone[1]:
        return []
    places = [
        {n: _place(labels, n, steps) for n in numbers}
        for labels, numbers in zip((carried, current), alone, strict=True)
    ]
    gaps = sorted(
        (float(np.linalg.norm(a[0] - b[0])), one, other)
        for one, a in places[0].items()
        for other, b in places[1].items()
        if np.linalg.norm(a[0] - b[0]) <= _REACH * (a[1] + b[1])
    )
    found: list[tuple[set[int], set[int]]] = []
    for _, one, other in gaps:
        if all(one not in g[0] and other not in g[1] for g in found):
            found.append(({one}, {other}))
    return found


def _place(labels: np.ndarray, number: int, steps: Sequence[float]) -> tuple[np.ndarray, float]:
    """Centre and radius of the ball, or disc, as large as a region."""
    scale = np.asarray(steps, np.float64)
    centre = np.array(ndimage.center_of_mass(labels == number)) * scale
    count = int(np.count_nonzero(labels == number))
    if labels.shape[0] == 1:
        return centre, float(np.sqrt(count * scale[1] * scale[2] / np.pi))
    return centre, float((count * scale.prod() * 0.75 / np.pi) ** (1 / 3))
