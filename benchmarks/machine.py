"""What the machine did between two runs, as the rows of other runtimes saw it.

A busy host slows everything, a change of ours slows our rows alone. The runs take turns among all
rows, so what the other runtimes' rows did between two runs is what the machine did.

References
----------
Angrist & Pischke, Mostly Harmless Econometrics, 2009, 5.2 (differences in differences).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.results import MEASURED, Row, Run
from benchmarks.statistics import KEY, THROUGHPUT, Ratio, figure

_LEAST_PEERS, _LEAST_STRETCHES, _MOST_STRETCHES = 3, 4, 30
_DRAWS = 1000

Identity = tuple[Any, ...]
Rows = Mapping[Identity, Row]


def same_network(before: Run, after: Run) -> bool:
    """Whether both runs say that they measured the same network."""
    networks = {run.about.get("model") for run in (before, after)}
    return None not in networks and len(networks) == 1


def comparable(before: Run, after: Run) -> tuple[Rows, Rows]:
    """Rows measured in blocks in both runs, by identity."""
    old, new = (
        {row.identity: row for row in run.rows if row.status == MEASURED and len(row.blocks) > 1}
        for run in (before, after)
    )
    both = [one for one in new if one in old]
    return {one: old[one] for one in both}, {one: new[one] for one in both}


def peers_of(old: Rows, new: Rows) -> list[Identity]:
    """Rows of other runtimes, in the same versions: else what they did is not the machine's doing.

    Empty where there are too few of them.
    """
    found = [
        one
        for one, row in new.items()
        if row.target == "infer"
        and not row.scale
        and row.runtime != "openvino"
        and old[one].versions == row.versions
    ]
    return found if len(found) >= _LEAST_PEERS else []


def stretches_of(old: Rows, new: Rows, chosen: Sequence[Identity]) -> int:
    """Into how many stretches both runs are cut for these rows; 0 where that is too few."""
    least = min(len(run[one].blocks) for run in (old, new) for one in chosen)
    return min(least, _MOST_STRETCHES) if least >= _LEAST_STRETCHES else 0


def levels(rows: Rows, chosen: Sequence[Identity], count: int, seed: int) -> np.ndarray:
    """Logarithms of the rows' times, each over the fastest third of its blocks.

    Drawn by bootstrap over stretches of the run, the same ones for all rows, so that a disturbance
    they share is drawn or left out for all of them.

    Returns
    -------
    (chosen, 1 + draws) float64
        The first of the run as it is.
    """
    drawn = np.random.default_rng(seed).integers(0, count, (_DRAWS, count))
    often = np.vstack([np.ones(count, int), (drawn[..., None] == np.arange(count)).sum(axis=1)])
    return np.stack([_level(_stretches(rows[identity], count), often) for identity in chosen])


def _level(parts: Sequence[np.ndarray], often: np.ndarray) -> np.ndarray:
    """Mean over the smallest third of what is in stretches, each taken so often, (draws,)."""
    times = np.concatenate(parts)
    order = np.argsort(times, kind="stable")
    owner = np.repeat(np.arange(len(parts)), [len(part) for part in parts])[order]
    weight = often[:, owner]
    upto = weight.cumsum(axis=1)
    wanted = -(-upto[:, -1:] // 3)
    taken = np.clip(wanted - (upto - weight), 0, weight)
    return (taken * times[order]).sum(axis=1) / wanted[:, 0]


def _stretches(row: Row, count: int) -> list[np.ndarray]:
    """For each stretch of a run the logarithms of a row's blocks' times."""
    name = KEY.get(row.scenario, "p50_ms")
    pieces = sorted(row.pieces, key=lambda piece: piece.at_s)
    sign = -1.0 if name == THROUGHPUT else 1.0
    times = np.array([sign * np.log(figure([piece], name)) for piece in pieces])
    return np.array_split(times, count)


def ratio_of(drawn: np.ndarray) -> Ratio:
    """From logarithms, the first of them the value itself, to a ratio with its interval."""
    low, high = np.percentile(drawn[1:], (2.5, 97.5))
    return Ratio(*(float(np.exp(v)) for v in (drawn[0], low, high)))


@dataclass(frozen=True)
class Machine:
    """How the times of other runtimes' rows changed between two runs.

    Attributes
    ----------
    peers : tuple of identities
    changes : (peers, 1 + draws) float64
        Logarithms of time after over time before; no rows where nothing is known.
    """

    peers: tuple[Identity, ...] = ()
    changes: np.ndarray | None = None

    def beside(self, identity: Identity) -> Ratio | None:
        """What the machine did, as seen by all other runtimes' rows but this one."""
        if self.changes is None:
            return None
        others = [place for place, one in enumerate(self.peers) if one != identity]
        return ratio_of(self.changes[others].mean(axis=0))


def between(before: Run, after: Run) -> Machine:
    """What the machine did; nothing where the networks differ, or too little was measured."""
    if not same_network(before, after):
        return Machine()
    old, new = comparable(before, after)
    peers = peers_of(old, new)
    count = stretches_of(old, new, peers) if peers else 0
    if not count:
        return Machine()
    return Machine(tuple(peers), levels(new, peers, count, 1) - levels(old, peers, count, 2))
