"""Our rows taken together, held against other runtimes' rows of the same two runs.

A busy host slows everything, a change of ours slows our rows alone. The runs take turns among all
rows, so what the other runtimes' rows did between two runs is what the machine did, and is taken
out. One row of a short run cannot tell a tenth from the weather; all of them together can.

References
----------
Angrist & Pischke, Mostly Harmless Econometrics, 2009, 5.2 (differences in differences).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.compare import KEY
from benchmarks.plan import WHOLE
from benchmarks.results import MEASURED, Row, Run
from benchmarks.statistics import THROUGHPUT, Ratio, figure

_LEAST_PEERS, _LEAST_STRETCHES, _MOST_STRETCHES = 3, 4, 30
_DRAWS = 1000


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
    return "inference" if row.runtime == "openvino" else "peers"


Stretches = Mapping[tuple[Any, ...], list[np.ndarray]]
"""For each row and stretch of a run the logarithms of its blocks' times."""


def _stretches(rows: Sequence[Row], count: int) -> Stretches:
    found = {}
    for row in rows:
        name = KEY.get(row.scenario, "p50_ms")
        pieces = sorted(row.pieces, key=lambda piece: piece.at_s)
        sign = -1.0 if name == THROUGHPUT else 1.0
        times = np.array([sign * np.log(figure([piece], name)) for piece in pieces])
        found[row.identity] = np.array_split(times, count)
    return found


def _level(known: Stretches, drawn: np.ndarray) -> float:
    """Mean logarithm of time over rows, each over the fastest third of its blocks."""
    levels = []
    for parts in known.values():
        times = np.sort(np.concatenate([parts[i] for i in drawn]))
        levels.append(times[: -(-len(times) // 3)].mean())
    return float(np.mean(levels))


def _sides(
    run: Mapping[tuple[Any, ...], Row],
    ours: Sequence[tuple[Any, ...]],
    peers: Sequence[tuple[Any, ...]],
    count: int,
    seed: int,
) -> np.ndarray:
    """Levels of our rows and of the others', (1 + draws, 2); the first of the run as it is."""
    mine, theirs = (_stretches([run[one] for one in part], count) for part in (ours, peers))
    drawn = np.random.default_rng(seed).integers(0, count, (_DRAWS, count))
    return np.array(
        [(_level(mine, one), _level(theirs, one)) for one in (np.arange(count), *drawn)]
    )


def _ratio(value: float, drawn: Sequence[float]) -> Ratio:
    low, high = np.percentile(drawn, (2.5, 97.5))
    return Ratio(*(float(np.exp(v)) for v in (value, low, high)))


def together(before: Run, after: Run) -> list[Together]:
    """Each group of ours; none where the network differs, or too little was measured beside it.

    Another runtime counts only in the same versions: else what it did is not the machine's doing.
    The intervals come from a bootstrap over stretches of each run, the same ones for all rows, so
    that a disturbance they share is drawn or left out for all of them.
    """
    networks = {run.about.get("model") for run in (before, after)}
    if None in networks or len(networks) > 1:
        return []  # the other runtimes ran another network: they do not tell of the machine alone
    old, new = (
        {row.identity: row for row in run.rows if row.status == MEASURED and len(row.blocks) > 1}
        for run in (before, after)
    )
    groups: dict[str, list[tuple[Any, ...]]] = {}
    for identity, row in new.items():
        if identity in old and _group(row):
            groups.setdefault(_group(row), []).append(identity)
    peers = [one for one in groups.pop("peers", []) if old[one].versions == new[one].versions]
    if len(peers) < _LEAST_PEERS:
        return []
    found = []
    for name, ours in groups.items():
        least = min(len(run[one].blocks) for run in (old, new) for one in (*ours, *peers))
        count = min(least, _MOST_STRETCHES)
        if count < _LEAST_STRETCHES or len(ours) < 2:
            continue
        change = _sides(new, ours, peers, count, 1) - _sides(old, ours, peers, count, 2)
        machine, own = change[:, 1], change[:, 0] - change[:, 1]
        found.append(
            Together(
                name,
                len(ours),
                len(peers),
                _ratio(own[0], own[1:]),
                _ratio(machine[0], machine[1:]),
            )
        )
    return found
