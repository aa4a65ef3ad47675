"""Mean figures with their intervals, also over several training seeds; groups are drawn whole.

A group is a run of consecutive slices or a cluster of look-alikes; a patient has several runs, so
the intervals are a little too narrow.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np

from appliance.core.intervals import RESAMPLES, Bootstrap, weighted_mean


@dataclass(frozen=True)
class Interval:
    """A mean with its 95 % interval.

    Attributes
    ----------
    value, low, high : float
    n, groups : int
        Slices, and groups they fall into.
    """

    value: float
    low: float
    high: float
    n: int
    groups: int

    def to_json(self) -> dict[str, float]:
        """A plain mapping."""
        return asdict(self)

    @property
    def direction(self) -> int:
        """1 when the whole interval lies above zero, -1 below, 0 when it holds zero."""
        return int(self.low > 0) - int(self.high < 0)


def mean_interval(
    values: np.ndarray, groups: Sequence[str], resamples: int = RESAMPLES, seed: int = 0
) -> Interval:
    """Mean of a figure of each slice, with a percentile interval.

    Parameters
    ----------
    values : (n,) or (seeds, n) float
        With several training seeds, seeds are drawn too, so that the interval holds both sources
        of chance. A paired difference is given as the difference.
    groups : sequence of n

    Examples
    --------
    >>> found = mean_interval(np.array([1.0, 1, 0, 1]), ["a", "a", "b", "c"])
    >>> found.value, found.groups, found.low <= 0.75 <= found.high
    (0.75, 3, True)
    """
    table = np.atleast_2d(np.asarray(values, np.float64))
    bootstrap = Bootstrap(groups, resamples, seed)
    if len(table) == 1:
        low, high = bootstrap.interval(weighted_mean(table[0]))
    else:
        each = np.stack([bootstrap.draws(weighted_mean(row)) for row in table], 1)
        drawn = np.random.default_rng((seed, 1)).integers(0, len(table), each.shape)
        low, high = np.quantile(np.take_along_axis(each, drawn, 1).mean(1), (0.025, 0.975))
    return Interval(float(table.mean()), float(low), float(high), table.shape[1], bootstrap.groups)
