"""The last pixels of two pictures: three measures of likeness together, by a direct search.

Information over the whole head draws the scalp of an MR onto the skull of a CT whose window hides
the scalp; edges alone have many false optima. Information of blocks, correlation of windows and
edges inside the head err differently, and their sum errs least.

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
from appliance.registration.blocks import Blocks
from appliance.registration.correlation import Windows
from appliance.registration.edges import Field, carried, field_of
from appliance.registration.images import Head
from appliance.registration.likeness import (
    BINS,
    codes,
    joint,
    normalised_information,
    resampled,
)

_FEWEST = 32
_DEPTH = 1.5
"""Edges less deep in the head, in grid points, are its outline, and do not count."""
_CONTAINED = 0.9
"""Share of the smaller head that has to lie in the other for a full score."""


class Match:
    """How well two pictures match, as a function of the transform; fields are computed once.

    Everything is taken over what both heads share, within the fixed head's box.
    """

    def __init__(self, fixed: Head, moving: Head, sigma: float = 1.5) -> None:
        self.fixed, self.moving, self._sigma = fixed, moving, sigma
        rows, columns = np.nonzero(fixed.mask)
        self._cut = slice(rows.min(), rows.max() + 1), slice(columns.min(), columns.max() + 1)
        corner = np.eye(3)
        corner[:2, 2] = rows.min(), columns.min()
        self._to_world = fixed.to_world @ corner
        self._inverse = np.linalg.inv(moving.to_world)
        self._values = np.ascontiguousarray(fixed.values[self._cut])
        self._mask = fixed.mask[self._cut]
        self._inside = moving.mask.astype(np.float32)
        self._areas = float(fixed.mask.sum()), float(moving.mask.sum())

    @cached_property
    def fields(self) -> tuple[Field, Field]:
        """Of the fixed and of the moving picture, whole."""
        return tuple(field_of(h, self._sigma, _DEPTH) for h in (self.fixed, self.moving))

    @cached_property
    def _edges(self) -> tuple[Field, float, float]:
        one, other = self.fields
        cut = Field(*(np.ascontiguousarray(p[self._cut]) for p in (one.rows, one.columns)))
        return cut, float(one.energy.sum()), float(other.energy.sum())

    @cached_property
    def _blocks(self) -> Blocks:
        return Blocks(self._values, self.fixed.size / self.fixed.step)

    @cached_property
    def _windows(self) -> Windows:
        return Windows(self._values, self.fixed.size / self.fixed.step)

    def index(self, matrix: np.ndarray) -> np.ndarray:
        """Index of the fixed to index of the moving grid."""
        return self._inverse @ matrix @ self.fixed.to_world

    def information(self, matrix: np.ndarray) -> float:
        """Normalised information over what both heads share."""
        values, both, _ = self._carried(matrix)
        if both.sum() < _FEWEST:
            return 0.0
        one = codes(self._values[both])
        return normalised_information(joint(one, codes(values[both]), BINS))

    def _carried(self, matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
        """The moving values, what both heads share, and its share of the smaller head."""
        index, shape = self._inverse @ matrix @ self._to_world, self._values.shape
        values = resampled(self.moving.values, shape, index)
        both = (resampled(self._inside, shape, index) >= 0.5) & self._mask
        size = self._areas[1] / max(abs(np.linalg.det(index[:2, :2])), 1e-9)
        return values, both, float(both.sum()) / max(min(self._areas[0], size), 1.0)

    def edges(self, matrix: np.ndarray) -> float:
        """Agreement of the edges inside the heads."""
        index = self._inverse @ matrix @ self._to_world
        one, own, energy = self._edges
        other = carried(self.fields[1], self._values.shape, index)
        product = (one.rows * other.rows + one.columns * other.columns) ** 2
        energy /= max(abs(np.linalg.det(index[:2, :2])), 1e-9)
        return float(product.sum() / (np.sqrt(own * energy) + 1e-6))

    def score(self, matrix: np.ndarray) -> float:
        """Edges, information of blocks and correlation of windows, 0 to 3."""
        values, both, contained = self._carried(matrix)
        if both.sum() < _FEWEST:
            return 0.0
        found = self.edges(matrix)
        found += self._blocks.information(values, both) + self._windows.correlation(values, both)
        return found * min(1.0, contained / _CONTAINED)


def polish(
    match: Match,
    start: np.ndarray,
    reach: float = 0.06,
    rounds: int = 3,
    close: float = 0.02,
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
    close : float
        How closely each parameter is searched, in per cent of the head's size.
    """
    fixed = match.fixed
    centre, size = fixed.centre, fixed.size

    def matrix(steps: np.ndarray) -> np.ndarray:
        # one unit of each parameter moves the head's edge by about 1 % of its size
        turn = rotation(np.degrees(0.02 * steps[2]))
        return start @ about(centre, np.exp(0.02 * steps[3]) * turn, 0.01 * size * steps[:2])

    def cost(steps: np.ndarray) -> float:
        if check is not None:
            check()
        return -match.score(matrix(steps))

    found = minimize(
        cost,
        np.zeros(4),
        method="Powell",
        bounds=[(-100 * reach, 100 * reach)] * 4,
        options={"xtol": close, "ftol": 1e-4, "maxiter": rounds},
    )
    best = matrix(found.x)
    score, before = match.score(best), match.score(start)
    return (best, score) if score >= before else (start, before)
