"""Where refinement starts: heads laid over each other, turned, sized and shifted coarsely."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np

from appliance.core.transforms import about, corners, rotation, target_errors
from appliance.registration.images import Head
from appliance.registration.likeness import (
    codes,
    joint,
    likeness,
    normalised_information,
    resampled,
)

UPRIGHT = 0.9
"""What the score of a large turn counts beside a moderate one: pictures are mostly upright."""
_BINS = 12
_APART = 0.06
"""Two starts are distinct when the head's corners lie this share of its size apart."""


@dataclass(frozen=True, eq=False)
class Start:
    """A transform and how good it looks."""

    matrix: np.ndarray
    score: float


def of_pictures(fixed: Head, moving: Head, keep: int = 12) -> list[Start]:
    """The best distinct starts of two pictures on coarse grids, best first.

    Centroids are laid over each other; turns, sizes and shifts are tried around that, finely for
    moderate turns, coarsely for the rest of the circle, which few pictures need.
    """
    one = codes(fixed.values, _BINS)
    inverse = np.linalg.inv(moving.to_world)
    shape = fixed.values.shape

    def score(matrix: np.ndarray) -> float:
        values = resampled(moving.values, shape, inverse @ matrix @ fixed.to_world)
        return normalised_information(joint(one, codes(values, _BINS), _BINS))

    near = _laid_over(fixed, moving, range(-48, 49, 8), 2, 0.05)
    far = _laid_over(fixed, moving, range(60, 301, 12), 1, 0.07)
    found = [Start(matrix, score(matrix)) for matrix in near]
    found += [Start(matrix, UPRIGHT * score(matrix)) for matrix in far]
    return distinct(fixed, found, keep)


def _laid_over(
    fixed: Head, moving: Head, angles: range, around: int, step: float
) -> Iterator[np.ndarray]:
    shift = moving.centre - fixed.centre
    ratio = moving.size / fixed.size
    places = range(-around, around + 1)
    for degrees, power, row, column in product(angles, places, places, places):
        linear = ratio * np.exp(0.08 * power) * rotation(degrees)
        offset = step * moving.size * np.array([row, column])
        yield about(fixed.centre, linear, shift + offset)


def of_volumes(fixed: Head, moving: Head, keep: int = 3) -> list[Start]:
    """The best distinct starts of two volumes: as the headers say, and heads laid over each other.

    Patient axes are known, so only moderate turns are tried, about each axis.
    """
    shift = moving.centre - fixed.centre
    turns = [np.eye(3)]
    turns += [rotation(d, axis) for axis in np.eye(3) for d in (-24, -12, 12, 24)]
    top = np.array([moving.box[1][0] - fixed.box[1][0] - shift[0], 0.0, 0.0])
    matrices = [about(fixed.centre, t, s) for t in turns for s in (shift, shift + top)]
    matrices += [about(fixed.centre, turn, np.zeros(3)) for turn in turns]
    found = [Start(m, likeness(fixed, moving, m)) for m in matrices]
    return distinct(fixed, found, keep)


def distinct(fixed: Head, found: list[Start], keep: int) -> list[Start]:
    """The best of those that take the head's corners to clearly different places."""
    points, apart = corners(*fixed.box), _APART * fixed.size
    kept: list[Start] = []
    for start in sorted(found, key=lambda s: -s.score):
        gaps = (target_errors(start.matrix, other.matrix, points).mean() for other in kept)
        if all(gap > apart for gap in gaps):
            kept.append(start)
        if len(kept) == keep:
            break
    return kept
