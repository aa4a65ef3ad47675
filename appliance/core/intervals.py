"""Confidence intervals by resampling whole groups: neighbouring slices are no independent cases.

References
----------
Efron & Tibshirani, An introduction to the bootstrap, 1993 (percentile interval). Field & Welsh,
Bootstrapping clustered data, JRSS B 2007 (whole clusters are drawn).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from appliance.core.metrics import wilson

RESAMPLES = 2000
_CHUNK = 250

Statistic = Callable[[np.ndarray], np.ndarray]
"""Weights, (draws, n), to values, (draws,)."""


class Bootstrap:
    """Draws of groups, with replacement, and what a statistic says to each draw.

    Parameters
    ----------
    groups : sequence of str
        Group of each item; a group is drawn whole.
    resamples, seed : int

    Examples
    --------
    >>> draws = Bootstrap(["a", "a", "b"], resamples=4, seed=0)
    >>> draws.weights.shape, draws.groups
    ((4, 3), 2)
    >>> bool((draws.weights[:, 0] == draws.weights[:, 1]).all())
    True
    """

    def __init__(self, groups: Sequence[str], resamples: int = RESAMPLES, seed: int = 0) -> None:
        names, member = np.unique(np.asarray(groups, str), return_inverse=True)
        self.groups, self.n = len(names), len(member)
        self._member = member
        drawn = np.zeros((resamples, 0), np.float32)
        if self.groups:
            generator = np.random.default_rng(seed)
            even = np.full(self.groups, 1.0 / self.groups)
            drawn = generator.multinomial(self.groups, even, size=resamples).astype(np.float32)
        self.weights = drawn[:, member]

    def value(self, statistic: Statistic) -> float:
        """The statistic of the items as they are."""
        return float(statistic(np.ones((1, self.n), np.float32))[0])

    def draws(self, statistic: Statistic) -> np.ndarray:
        """The statistic of every draw, (resamples,); nan where a draw does not define it."""
        steps = range(0, len(self.weights), _CHUNK)
        parts = [statistic(self.weights[start : start + _CHUNK]) for start in steps]
        return np.concatenate(parts) if parts else np.zeros(0)

    def interval(
        self,
        statistic: Statistic,
        level: float = 0.95,
        where: np.ndarray | None = None,
        share: bool = True,
    ) -> tuple[float, float]:
        """Percentile interval; where a share is 0 or 1 in every draw, Wilson's over the groups.

        A bootstrap of a hundred hits out of a hundred says "1 to 1", which no number of cases
        justifies; the Wilson interval with the number of groups as n is the cautious answer.

        Parameters
        ----------
        where : (n,) bool, optional
            The items the statistic speaks about: only their groups count. One group alone has no
            interval (nan), unless it is a share of 0 or 1.
        share : bool
            The statistic lies between 0 and 1; a median of pixels does not.

        Examples
        --------
        >>> every = Bootstrap(["a", "b", "c"], resamples=50)
        >>> low, high = every.interval(lambda w: w.sum(1) / w.sum(1))
        >>> round(low, 3), high
        (0.438, 1.0)
        """
        groups = self.groups if where is None else len(np.unique(self._member[where]))
        draws = self.draws(statistic)
        draws = draws[np.isfinite(draws)]
        if not len(draws):
            return float("nan"), float("nan")
        low, high = np.quantile(draws, [0.5 - level / 2, 0.5 + level / 2])
        if share and low == high and low in (0.0, 1.0):
            return wilson(int(low) * groups, groups)
        return (float(low), float(high)) if groups > 1 else (float("nan"), float("nan"))


def weighted_mean(values: np.ndarray, where: np.ndarray | None = None) -> Statistic:
    """The statistic "mean of these values", of the items in `where` only.

    Parameters
    ----------
    values : (n,) float or bool
    where : (n,) bool, optional

    Examples
    --------
    >>> mean = weighted_mean(np.array([1.0, 0.0, 9.0]), np.array([True, True, False]))
    >>> mean(np.array([[1, 1, 1], [3, 1, 0]])).tolist()
    [0.5, 0.75]
    """
    values = np.asarray(values, np.float64)
    inside = np.ones(len(values), bool) if where is None else np.asarray(where, bool)

    def statistic(weights: np.ndarray) -> np.ndarray:
        part = np.asarray(weights, np.float64)[:, inside]
        with np.errstate(invalid="ignore", divide="ignore"):
            return part @ values[inside] / part.sum(1)

    return statistic


def weighted_ratio(above: np.ndarray, below: np.ndarray) -> Statistic:
    """The statistic "sum of these over sum of those" (precision, F1, hits per lesion).

    >>> weighted_ratio(np.array([1, 0]), np.array([1, 1]))(np.array([[1, 1], [1, 3]])).tolist()
    [0.5, 0.25]
    """
    above, below = np.asarray(above, np.float64), np.asarray(below, np.float64)

    def statistic(weights: np.ndarray) -> np.ndarray:
        weights = np.asarray(weights, np.float64)
        with np.errstate(invalid="ignore", divide="ignore"):
            return (weights @ above) / (weights @ below)

    return statistic
