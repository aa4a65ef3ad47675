"""What a row's blocks say, and how sure: percentiles, bootstrap intervals, ratios, drift.

A block is a stretch of traffic; the blocks of one row are spread over the whole run, between those
of the others. What disturbs a machine lasts longer than a call, so blocks, not calls, are what is
resampled.

References
----------
Efron & Tibshirani, An Introduction to the Bootstrap, 1993. Kendall, Biometrika 1938; Mann,
Econometrica 1945 (trend). Theil 1950, Sen 1968 (slope). Clopper & Pearson, Biometrika 1934, as
MLPerf's early stopping uses it: Reddi et al., ISCA 2020.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

PERCENTS = (50, 90, 95, 99)
THROUGHPUT = "throughput_per_s"
KEY = {"offline": THROUGHPUT}
"""What a scenario is judged by; all others by the median."""
SAME = (0.95, 1.05)
"""Ratios of time that nobody would notice."""
_KEPT = 200
_DRAWS = 1000
_CONFIDENCE = 0.99


@dataclass(frozen=True)
class Piece:
    """One block as it is kept.

    Attributes
    ----------
    at_s : float
        Since the run began.
    n, items : int
        Queries, and slices answered.
    wall_s : float
    latencies_ms : tuple of float
        Sorted; at most 200 of them, evenly by rank, where there were more.
    others : float
        Cores that other processes kept busy meanwhile.
    """

    at_s: float
    n: int
    items: int
    wall_s: float
    latencies_ms: tuple[float, ...]
    others: float = 0.0

    @classmethod
    def of(
        cls, at_s: float, latencies_ms: Sequence[float], wall_s: float, items: int, others: float
    ) -> Piece:
        """A block, its latencies thinned."""
        ordered = np.sort(np.asarray(latencies_ms, float))
        n = len(ordered)
        if n > _KEPT:
            ordered = ordered[((np.arange(_KEPT) + 0.5) * n / _KEPT).astype(int)]
        kept = tuple(round(float(value), 5) for value in ordered)
        return cls(round(at_s, 3), n, items, round(wall_s, 6), kept, round(others, 3))

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "latencies_ms": list(self.latencies_ms)}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Piece:
        return cls(**{**document, "latencies_ms": tuple(document["latencies_ms"])})


def _pooled(pieces: Sequence[Piece]) -> tuple[np.ndarray, np.ndarray]:
    """Latencies in order and the share of calls each stands for."""
    values = np.concatenate([piece.latencies_ms for piece in pieces])
    weights = np.concatenate(
        [np.full(len(piece.latencies_ms), piece.n / len(piece.latencies_ms)) for piece in pieces]
    )
    order = np.argsort(values, kind="stable")
    return values[order], np.cumsum(weights[order]) / weights.sum()


def figure(pieces: Sequence[Piece], name: str) -> float:
    """``p50_ms`` and its like, or ``throughput_per_s``, of blocks taken together."""
    if name == THROUGHPUT:
        return sum(piece.items for piece in pieces) / sum(piece.wall_s for piece in pieces)
    values, shares = _pooled(pieces)
    share = float(name[1:].removesuffix("_ms")) / 100.0
    return float(values[min(np.searchsorted(shares, share - 1e-9), len(values) - 1)])


def _by_calm(pieces: Sequence[Piece], name: str) -> list[Piece]:
    """The fastest first."""
    return sorted(pieces, key=lambda one: figure([one], name), reverse=name == THROUGHPUT)


def calm(pieces: Sequence[Piece], name: str) -> float:
    """A figure of the half of the blocks that were fastest: what disturbs only ever adds time."""
    return figure(_by_calm(pieces, name)[: -(-len(pieces) // 2)], name)


def _drawn(count: int, seed: int, draws: int) -> np.ndarray:
    """Blocks drawn with replacement, (draws, count)."""
    return np.random.default_rng(seed).integers(0, count, (draws, count))


def _calm_draws(pieces: Sequence[Piece], name: str, seed: int, draws: int) -> np.ndarray:
    ordered = _by_calm(pieces, name)
    chosen = np.sort(_drawn(len(ordered), seed, draws), axis=1)[:, : -(-len(ordered) // 2)]
    return np.array([figure([ordered[i] for i in row], name) for row in chosen])


def interval(pieces: Sequence[Piece], name: str, draws: int = _DRAWS) -> tuple[float, float] | None:
    """95 % bootstrap interval over blocks; None with fewer than two."""
    if len(pieces) < 2:
        return None
    chosen = _drawn(len(pieces), 0, draws)
    drawn = [figure([pieces[i] for i in row], name) for row in chosen]
    low, high = np.percentile(drawn, (2.5, 97.5))
    return float(low), float(high)


@dataclass(frozen=True)
class Ratio:
    """Time after over time before: above 1 is slower, for a throughput too."""

    value: float
    low: float
    high: float

    def to_json(self) -> dict[str, Any]:
        return {
            "ratio": round(self.value, 4),
            "interval": [round(self.low, 4), round(self.high, 4)],
            "verdict": self.verdict,
        }

    def words(self) -> str:
        """``1.003 (0.961 to 1.051)``."""
        return f"{self.value:.3f} ({self.low:.3f} to {self.high:.3f})"

    def beside(self, machine: Ratio | None) -> Ratio:
        """This ratio with what the machine did taken out; the intervals joined by squares.

        >>> Ratio(1.2, 1.1, 1.3).beside(Ratio(1.2, 1.2, 1.2)).words()
        '1.000 (0.917 to 1.083)'
        """
        if machine is None:
            return self
        value = math.log(self.value / machine.value)
        down = math.hypot(math.log(self.value / self.low), math.log(machine.high / machine.value))
        up = math.hypot(math.log(self.high / self.value), math.log(machine.value / machine.low))
        return Ratio(*map(math.exp, (value, value - down, value + up)))

    @property
    def verdict(self) -> str:
        """``faster``, ``slower``, or ``no difference`` where the interval meets `SAME`."""
        if self.low > SAME[1]:
            return "slower"
        return "faster" if self.high < SAME[0] else "no difference"


def ratio(before: Sequence[Piece], after: Sequence[Piece], name: str, draws: int = _DRAWS) -> Ratio:
    """How much longer it takes now by `calm`, with a 95 % bootstrap interval over all blocks."""
    value = calm(after, name) / calm(before, name)
    drawn = _calm_draws(after, name, 1, draws) / _calm_draws(before, name, 2, draws)
    if name == THROUGHPUT:
        value, drawn = 1.0 / value, 1.0 / drawn
    low, high = np.percentile(drawn, (2.5, 97.5))
    return Ratio(float(value), float(low), float(high))


def drift(pieces: Sequence[Piece]) -> dict[str, float] | None:
    """Whether it got slower while it ran: the slope of the blocks' medians over time.

    Returns
    -------
    dict or None
        ``percent_per_minute`` (Theil-Sen), ``percent`` over the run, ``p`` (Mann-Kendall); None
        with fewer than four blocks.
    """
    from scipy import stats

    if len(pieces) < 4:
        return None
    minutes = np.array([piece.at_s for piece in pieces]) / 60.0
    medians = np.array([figure([piece], "p50_ms") for piece in pieces])
    slope = stats.theilslopes(medians, minutes).slope / np.median(medians) * 100.0
    p = stats.kendalltau(minutes, medians).pvalue
    return {
        "percent_per_minute": round(float(slope), 3),
        "percent": round(float(slope * np.ptp(minutes)), 2),
        "p": round(float(p), 4) if np.isfinite(p) else 1.0,
    }


def drifts(found: Mapping[str, float] | None) -> bool:
    """Whether a drift is large and sure enough to speak of."""
    return found is not None and found["p"] < 0.01 and abs(found["percent"]) > 3.0


def early_stopping(pieces: Sequence[Piece], percent: float) -> float | None:
    """The latency that is above the true percentile with 99 % confidence, as MLPerf's rule has it.

    None where there were too few queries for any such statement.
    """
    from scipy import stats

    n = sum(piece.n for piece in pieces)
    share = percent / 100.0
    rank = int(stats.binom.ppf(_CONFIDENCE, n, share)) + 1
    if rank > n:
        return None
    values, shares = _pooled(pieces)
    return float(values[min(np.searchsorted(shares, rank / n - 1e-9), len(values) - 1)])
