"""Our rows taken together, held against other runtimes' rows of the same two runs.

What the machine did (`benchmarks.machine`) is taken out. One row of a short run cannot tell a tenth
from the weather; all of them together can.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from benchmarks.machine import (
    Identity,
    comparable,
    levels,
    peers_of,
    ratio_of,
    same_network,
    stretches_of,
)
from benchmarks.plan import WHOLE
from benchmarks.results import Row, Run
from benchmarks.statistics import Ratio


@dataclass(frozen=True)
class Together:
    """Several rows measured twice.

    Attributes
    ----------
    name : str
        ``inference`` or ``whole appliance``.
    rows, peers : int
        Of ours, and of other runtimes.
    ratio : Ratio
        Time after over time before, what the machine did taken out.
    machine : Ratio
        The same of the other runtimes' rows, as it was.
    """

    name: str
    rows: int
    peers: int
    ratio: Ratio
    machine: Ratio

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "rows": self.rows,
            "peers": self.peers,
            **self.ratio.to_json(),
            "machine": round(self.machine.value, 4),
        }

    def words(self) -> str:
        """``inference, 8 rows together: 1.003 (0.961 to 1.051), no difference; ...``."""
        return (
            f"{self.name}, {self.rows} rows together: {self.ratio.words()}, {self.ratio.verdict}; "
            f"{self.peers} rows of other runtimes took {self.machine.value:.3f} times as long, "
            "which is taken out"
        )


def _group(row: Row) -> str:
    if row.target in WHOLE:
        return "whole appliance"
    if row.target != "infer" or row.scale:
        return ""
    return "inference" if row.runtime == "openvino" else ""


def together(before: Run, after: Run) -> list[Together]:
    """Each group of ours; none where the network differs, or too little was measured beside it."""
    if not same_network(before, after):
        return []  # the other runtimes ran another network: they do not tell of the machine alone
    old, new = comparable(before, after)
    peers = peers_of(old, new)
    groups: dict[str, list[Identity]] = {}
    for identity, row in new.items():
        if _group(row):
            groups.setdefault(_group(row), []).append(identity)
    found = []
    for name, ours in groups.items():
        chosen = [*ours, *peers]
        count = stretches_of(old, new, chosen) if peers and len(ours) > 1 else 0
        if not count:
            continue
        change = levels(new, chosen, count, 1) - levels(old, chosen, count, 2)
        own, machine = change[: len(ours)].mean(axis=0), change[len(ours) :].mean(axis=0)
        found.append(
            Together(name, len(ours), len(peers), ratio_of(own - machine), ratio_of(machine))
        )
    return found
