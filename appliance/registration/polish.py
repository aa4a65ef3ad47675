"""The last pixels of two pictures: information and edges together, by a direct search.

Mutual information alone draws the scalp of an MR onto the skull of a CT whose window hides the
scalp; edges alone have many false optima. Their sum is within a pixel or two of experts.

References
----------
Powell, "An efficient method for finding the minimum of a function of several variables without
calculating derivatives", Computer Journal 1964.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

import numpy as np
from scipy.optimize import minimize

from appliance.core.transforms import about, rotation
from appliance.registration.edges import Field, agreement, carried, field_of
from appliance.registration.images import Head
from appliance.registration.likeness import (
    BINS,
    codes,
    joint,
    normalised_information,
    resampled,
)

_INFORMATION = 1.0
"""Weight of the information beside the edges."""


class Match:
    """How well two pictures match, as a function of the transform; fields are computed once."""

    def __init__(self, fixed: Head, moving: Head, sigma: float = 1.5) -> None:
        self.fixed, self.moving, self._sigma = fixed, moving, sigma
        self._inverse = np.linalg.inv(moving.to_world)
        self._codes = codes(fixed.values)
        self._inside = moving.mask.astype(np.float32) if moving.size > fixed.size else None

    @cached_property
    def fields(self) -> tuple[Field, Field]:
        """Of the fixed and of the moving picture."""
        return field_of(self.fixed, self._sigma), field_of(self.moving, self._sigma)

    def index(self, matrix: np.ndarray) -> np.ndarray:
        """Index of the fixed to index of the moving grid."""
        return self._inverse @ matrix @ self.fixed.to_world

    def information(self, matrix: np.ndarray) -> float:
        """Normalised information over the larger head."""
        index, shape = self.index(matrix), self._codes.shape
        values = resampled(self.moving.values, shape, index)
        where = self.fixed.mask
        if self._inside is not None:
            where = resampled(self._inside, shape, index) >= 0.5
        if where.sum() < 32:
            return 0.0
        return normalised_information(joint(self._codes[where], codes(values[where]), BINS))

    def edges(self, matrix: np.ndarray) -> float:
        """Agreement of the edges."""
        one, other = self.fields
        return agreement(one, carried(other, self._codes.shape, self.index(matrix)))

    def score(self, matrix: np.ndarray) -> float:
        """Edges and information, 0 to 2."""
        return self.edges(matrix) + _INFORMATION * self.information(matrix)


def polish(
    match: Match,
    start: np.ndarray,
    reach: float = 0.06,
    rounds: int = 3,
    scaled: bool = True,
    check: Callable[[], None] | None = None,
) -> tuple[np.ndarray, float]:
    """The best transform near a start, and its score.

    Parameters
    ----------
    start : (3, 3) float64
        May mirror: a turn, a size and a shift are put before it.
    reach : float
        How far the head's edge may move, as a share of its size.
    rounds : int
        Passes of the search.
    """
    fixed = match.fixed
    centre, size = fixed.centre, fixed.size

    def matrix(steps: np.ndarray) -> np.ndarray:
        # one unit of each parameter moves the head's edge by about 1 % of its size
        turn = rotation(np.degrees(0.02 * steps[2]))
        scale = np.exp(0.02 * steps[3]) if scaled else 1.0
        return start @ about(centre, scale * turn, 0.01 * size * steps[:2])

    def cost(steps: np.ndarray) -> float:
        if check is not None:
            check()
        return -match.score(matrix(np.append(steps, 0.0) if not scaled else steps))

    length = 4 if scaled else 3
    found = minimize(
        cost,
        np.zeros(length),
        method="Powell",
        bounds=[(-100 * reach, 100 * reach)] * length,
        options={"xtol": 0.02, "ftol": 1e-4, "maxiter": rounds},
    )
    best = matrix(found.x if scaled else np.append(found.x, 0.0))
    score, before = match.score(best), match.score(start)
    return (best, score) if score >= before else (start, before)
