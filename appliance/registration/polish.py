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
from appliance.registration.descriptors import Descriptors
from appliance.registration.edges import Field, carried, field_of, turned
from appliance.registration.images import Head
from appliance.registration.likeness import (
    BINS,
    codes,
    joint,
    normalised_information,
    planes,
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
        self.values = np.ascontiguousarray(fixed.values[self._cut])
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
    def _stack(self) -> np.ndarray:
        field = self.fields[1]
        return np.dstack([self.moving.values, self._inside, field.rows, field.columns])

    @cached_property
    def _blocks(self) -> Blocks:
        return Blocks(self.values, self.fixed.size / self.fixed.step)

    @cached_property
    def windows(self) -> Windows:
        """Of the fixed picture, within its head's box."""
        return Windows(self.values, self.fixed.size / self.fixed.step)

    @cached_property
    def _descriptors(self) -> Descriptors:
        return Descriptors(self.values)

    def index(self, matrix: np.ndarray) -> np.ndarray:
        """Index of the fixed to index of the moving grid."""
        return self._inverse @ matrix @ self.fixed.to_world

    def information(self, matrix: np.ndarray) -> float:
        """Normalised information over what both heads share."""
        values, both, _ = self.carried(matrix)
        if both.sum() < _FEWEST:
            return 0.0
        one = codes(self.values[both])
        return normalised_information(joint(one, codes(values[both]), BINS))

    def carried(self, matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
        """The moving values and what both heads share, in the fixed head's box; and a weight.

        The weight, 0 to 1, is less than 1 where much of the smaller head lies beside the other.
        """
        index, shape = self._inverse @ matrix @ self._to_world, self.values.shape
        brought = (resampled(array, shape, index) for array in (self.moving.values, self._inside))
        return self._shared(*brought, index)

    def _shared(
        self, values: np.ndarray, inside: np.ndarray, index: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, float]:
        both = (inside >= 0.5) & self._mask
        size = self._areas[1] / max(abs(np.linalg.det(index[:2, :2])), 1e-9)
        contained = float(both.sum()) / max(min(self._areas[0], size), 1.0)
        return values, both, min(1.0, contained / _CONTAINED)

    def edges(self, matrix: np.ndarray) -> float:
        """Agreement of the edges inside the heads."""
        index = self._inverse @ matrix @ self._to_world
        return self._agreement(carried(self.fields[1], self.values.shape, index), index)

    def _agreement(self, other: Field, index: np.ndarray) -> float:
        one, own, energy = self._edges
        product = (one.rows * other.rows + one.columns * other.columns) ** 2
        energy /= max(abs(np.linalg.det(index[:2, :2])), 1e-9)
        return float(product.sum() / (np.sqrt(own * energy) + 1e-6))

    def score(self, matrix: np.ndarray) -> float:
        """Edges, information of blocks and correlation of windows, 0 to 3."""
        index = self._inverse @ matrix @ self._to_world
        values, inside, rows, columns = planes(self._stack, self.values.shape, index)
        values, both, share = self._shared(values, inside, index)
        if both.sum() < _FEWEST:
            return 0.0
        found = self._agreement(turned(rows, columns, index), index)
        found += self._blocks.information(values, both) + self.windows.correlation(values, both)
        return found * share

    def alone(self) -> dict[str, Callable[[np.ndarray], float]]:
        """Each measure for itself, and self-similarity, which the score leaves out, by name."""
        return {
            "edges": lambda matrix: self.edges(matrix) * self.carried(matrix)[2],
            "blocks": lambda matrix: self._of_values(self._blocks.information, matrix),
            "windows": lambda matrix: self._of_values(self.windows.correlation, matrix),
            "descriptors": self.self_similarity,
        }

    def self_similarity(self, matrix: np.ndarray) -> float:
        """Agreement of descriptors, 0 to 1: what the score has not seen."""
        return self._of_values(self._descriptors.agreement, matrix)

    def _of_values(
        self, measure: Callable[[np.ndarray, np.ndarray], float], matrix: np.ndarray
    ) -> float:
        values, both, share = self.carried(matrix)
        return measure(values, both) * share if both.sum() >= _FEWEST else 0.0


def polish(
    match: Match,
    start: np.ndarray,
    reach: float = 0.06,
    rounds: int = 3,
    close: float = 0.02,
    check: Callable[[], None] | None = None,
    worth: Callable[[np.ndarray], float] | None = None,
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
    worth : callable, optional
        What is maximised, of a transform; default: `Match.score`.
    """
    fixed, worth = match.fixed, worth or match.score
    centre, size = fixed.centre, fixed.size

    def matrix(steps: np.ndarray) -> np.ndarray:
        # one unit of each parameter moves the head's edge by about 1 % of its size
        turn = rotation(np.degrees(0.02 * steps[2]))
        return start @ about(centre, np.exp(0.02 * steps[3]) * turn, 0.01 * size * steps[:2])

    def cost(steps: np.ndarray) -> float:
        if check is not None:
            check()
        return -worth(matrix(steps))

    found = minimize(
        cost,
        np.zeros(4),
        method="Powell",
        bounds=[(-100 * reach, 100 * reach)] * 4,
        options={"xtol": close, "ftol": 1e-4, "maxiter": rounds},
    )
    best = matrix(found.x)
    score, before = worth(best), worth(start)
    return (best, score) if score >= before else (start, before)
