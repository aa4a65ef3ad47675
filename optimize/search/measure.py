"""Candidates judged on the same slices, and timed in turns in one process.

References
----------
The interval of a median comes from order statistics (binomial); it assumes nothing of the times'
distribution: David & Nagaraja, Order Statistics, 2003, section 7.1.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from appliance.core.parity import Bounds, Told, compare, tell
from appliance.core.preprocess import Prepared
from appliance.core.types import LABELS
from appliance.core.verdict import Rule
from appliance.runtime import Network
from optimize.cases import Case
from optimize.parity import outputs_of, overlaps_of

IN_TURN = 6
"""Inferences of one candidate before it is the next one's turn."""


class Candidate(Network):
    """A network of the appliance, compiled with further properties of OpenVINO."""

    def __init__(
        self,
        path: Path,
        outputs: Mapping[str, str],
        hint: str,
        compiled: Mapping[str, Any] | None = None,
    ) -> None:
        self._more = dict(compiled or {})
        super().__init__(path, outputs, device="CPU", hint=hint)

    def _compile(self, core, ir, device, settings, cache):  # type: ignore[override]
        return Network._compile(core, ir, device, {**settings, **self._more}, cache)


class Judge:
    """The slices that judge, read by one rule, with what the FP32 network said to them.

    Parameters
    ----------
    cases, items : sequences of equal length
    reference : mapping
        The FP32 network's outputs, (n, ...) each.
    """

    def __init__(
        self,
        cases: Sequence[Case],
        items: Sequence[Prepared],
        rule: Rule,
        reference: Mapping[str, np.ndarray],
    ) -> None:
        self.cases, self.items, self.rule = cases, items, rule
        self.arrays = np.stack([item.array for item in items])
        self.truth = np.array([LABELS.index(case.label) for case in cases])
        self.reference = self._told(reference)

    def _told(self, outputs: Mapping[str, np.ndarray]) -> Told:
        return tell(outputs, self.rule, overlaps_of(outputs, self.rule, self.items, self.cases))

    def figures(self, network: Network, what: str) -> dict[str, Any]:
        """How a candidate compares with FP32.

        Returns
        -------
        dict
            Of `appliance.core.parity.compare`, with ``shift`` (mean over slices of the largest
            change of a probability) and ``right`` (a 1 for each right label, else a 0).
        """
        told = self._told(outputs_of(network, self.arrays, what))
        row = compare(self.reference, told, self.truth)
        change = np.abs(told.probabilities - self.reference.probabilities).max(1)
        return {
            **row,
            "shift": float(change.mean()),
            "right": "".join("01"[right] for right in (told.labels == self.truth).astype(int)),
        }


def used(row: Mapping[str, Any], bounds: Bounds) -> float:
    """Largest share of a bound (accuracy, Dice, label flips) that a comparison uses up.

    >>> used({"accuracy": [0.9, 0.9], "dice": [0.8, 0.795], "label_flips": 0.0}, Bounds())
    0.5
    """
    shares = [(row["accuracy"][0] - row["accuracy"][1]) / bounds.accuracy]
    shares.append(row["label_flips"] / bounds.flips)
    if "dice" in row:
        shares.append((row["dice"][0] - row["dice"][1]) / bounds.dice)
    return round(max(shares), 4)


def in_turns(
    networks: Mapping[str, Network], arrays: np.ndarray, rounds: int
) -> dict[str, list[float]]:
    """Milliseconds of one slice, the median of every round, for networks that take turns.

    A round asks each network `IN_TURN` times, the order rotates from round to round: what slows
    the machine for a while slows all of them.

    Parameters
    ----------
    arrays : (n, side, side, 1) float32
        Prepared slices, taken in turn.
    """
    names = list(networks)
    for name in names:
        for array in arrays[:3]:
            networks[name].infer(array[None])
    found: dict[str, list[float]] = {name: [] for name in names}
    for number in tqdm(range(rounds), desc="latency, in turns", disable=None):
        shift = number % len(names)
        for name in names[shift:] + names[:shift]:
            times = []
            for step in range(IN_TURN):
                array = arrays[(number * IN_TURN + step) % len(arrays)][None]
                before = time.perf_counter()
                networks[name].infer(array)
                times.append(time.perf_counter() - before)
            found[name].append(float(np.median(times)) * 1e3)
    return found


def median_interval(values: Sequence[float]) -> tuple[float, float, float]:
    """Median, and an interval that covers it with at least 95 % (the range when n is small).

    >>> median_interval([3.0, 1.0, 2.0])
    (2.0, 1.0, 3.0)
    """
    ordered = sorted(values)
    n = len(ordered)
    tail, rank = 0.0, 0
    while rank < n // 2:
        tail += math.comb(n, rank) / 2**n
        if 2 * tail > 0.05:
            break
        rank += 1
    low = max(rank - 1, 0)
    return float(np.median(ordered)), ordered[low], ordered[n - 1 - low]


def against(times: Mapping[str, Sequence[float]], name: str, other: str) -> dict[str, float]:
    """Time of one candidate over another's, round by round: median and its interval."""
    ratios = [a / b for a, b in zip(times[name], times[other], strict=True)]
    return dict(zip(("median", "low", "high"), median_interval(ratios), strict=True))
