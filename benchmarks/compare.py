"""Two runs side by side: for each row a ratio of times, its interval, and what that means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from appliance.core.errors import BadRequest
from benchmarks import host
from benchmarks.machine import Machine
from benchmarks.results import MEASURED, Row, Run
from benchmarks.statistics import KEY, Ratio, calm, ratio


@dataclass(frozen=True)
class Pair:
    """One thing measured twice.

    Attributes
    ----------
    figure : str
        What the ratio is of.
    before, after : float
        That figure, of the half of the blocks that were fastest.
    ratio : Ratio
        Time after over time before, what the machine did taken out where that is known.
    measured : Ratio
        The same as it was measured.
    """

    row: Row
    figure: str
    before: float
    after: float
    ratio: Ratio
    measured: Ratio

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.row.name,
            "scenario": self.row.scenario,
            "figure": self.figure,
            "before": self.before,
            "after": self.after,
            **self.ratio.to_json(),
            "measured": round(self.measured.value, 4),
        }


def demand_same_machine(before: Run, after: Run) -> None:
    """Raise BadRequest when the runs come from different machines; the message names what differs.

    Files without a fingerprint cannot vouch for it and are refused too.
    """
    hosts = [_host(run) for run in (before, after)]
    if found := host.differences(*hosts):
        raise BadRequest(f"the runs were made under different conditions ({'; '.join(found)})")


def _host(run: Run) -> Mapping[str, Any]:
    return next((row.host for row in run.rows if row.host), {})


def changes(before: Run, after: Run) -> list[str]:
    """Versions, revision and data that differ: what a difference may come from."""
    found = []
    old, new = (
        {r.identity: r for r in run.rows if r.status == MEASURED} for run in (before, after)
    )
    seen = set()
    for identity in old.keys() & new.keys():
        a, b = old[identity].versions, new[identity].versions
        for name in sorted(set(a) | set(b)):
            if a.get(name) != b.get(name) and name not in seen:
                seen.add(name)
                found.append(
                    f"{name} {a.get(name, 'absent')} before, {b.get(name, 'absent')} after"
                )
    commits = [next((row.commit for row in run.rows), "") for run in (before, after)]
    if commits[0] != commits[1]:
        found.append(f"commit {commits[0] or 'unknown'} before, {commits[1] or 'unknown'} after")
    for name in ("preset", "model", "data"):
        a, b = before.about.get(name), after.about.get(name)
        if a != b:
            found.append(f"{name}: {a} before, {b} after")
    return found


def pairs(before: Run, after: Run, machine: Machine | None = None) -> list[Pair]:
    """Rows measured in both, with blocks to resample.

    Parameters
    ----------
    machine : Machine, optional
        What the machine did between the runs (`benchmarks.machine.between`), to be taken out.

    Raises
    ------
    BadRequest
        When there is none.
    """
    known = {row.identity: row for row in before.rows if row.status == MEASURED and row.blocks}
    found = []
    for row in after.rows:
        old = known.get(row.identity)
        if old is None or row.status != MEASURED or not row.blocks:
            continue
        name = KEY.get(row.scenario, "p50_ms")
        a, b = old.pieces, row.pieces
        raw = ratio(a, b, name)
        own = raw.beside(machine.beside(row.identity)) if machine else raw
        found.append(Pair(row, name, calm(a, name), calm(b, name), own, raw))
    if not found:
        raise BadRequest("no row of the second run was measured with blocks in the first")
    return found


def regressions(found: Sequence[Pair], groups: Sequence[Any], bound: float) -> list[str]:
    """Rows, and groups of `benchmarks.together`, whose whole interval lies above the bound."""
    named = [(f"{pair.row.name}, {pair.row.scenario}", pair.ratio) for pair in found]
    named += [(f"{group.name}, {group.rows} rows together", group.ratio) for group in groups]
    return [f"{name}: {ratio.words()}" for name, ratio in named if ratio.low > bound]
