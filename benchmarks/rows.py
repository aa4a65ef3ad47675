"""Blocks of one target and scenario to one row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from benchmarks import host
from benchmarks.plan import Contender
from benchmarks.results import NOT_MEASURED, Row
from benchmarks.statistics import PERCENTS, Piece, drift, early_stopping, figure, interval

_EARLY = {"single-stream": 90, "multi-stream": 99, "server": 99}


@dataclass
class Measured:
    """What a target's blocks of one scenario said."""

    pieces: list[Piece] = field(default_factory=list)
    stages: list[Mapping[str, float]] = field(default_factory=list)
    loadgen: list[Mapping[str, Any]] = field(default_factory=list)
    joules: list[tuple[float, int]] = field(default_factory=list)
    rss_mb: float = 0.0
    last: Mapping[str, Any] = field(default_factory=dict)

    def add(self, answer: Mapping[str, Any], pieces: list[Piece], joules: float | None) -> None:
        """Keep one block's answer."""
        self.last = {k: v for k, v in answer.items() if k != "latencies_ms"}
        self.pieces += pieces
        if answer["stages"]:
            self.stages.append(answer["stages"])
        if answer["loadgen"]:
            self.loadgen.append(answer["loadgen"])
        if joules is not None:
            self.joules.append((joules, answer["items"]))


def cut(answer: Mapping[str, Any], at_s: float, others: float, parts: int) -> list[Piece]:
    """One block, or the equal parts of a long one.

    >>> answer = {"latencies_ms": [1.0, 2.0, 3.0, 4.0], "wall_s": 0.01, "items": 4}
    >>> [piece.latencies_ms for piece in cut(answer, 0.0, 0.0, 2)]
    [(1.0, 2.0), (3.0, 4.0)]
    """
    latencies = np.asarray(answer["latencies_ms"], float)
    shares = [part for part in np.array_split(latencies, parts) if len(part)]
    pieces, begun = [], 0.0
    for part in shares:
        share = len(part) / len(latencies)
        items = round(answer["items"] * share)
        pieces.append(Piece.of(at_s + begun, part, answer["wall_s"] * share, items, others))
        begun += answer["wall_s"] * share
    return pieces


def _rounded(value: float | None, digits: int = 4) -> float | None:
    return None if value is None else round(float(value), digits)


def scale_of(contender: Contender) -> dict[str, Any]:
    """A row's ``scale``."""
    return dict(zip(("axis", "value"), contender.scale or (), strict=False))


def row_of(
    contender: Contender,
    scenario: str,
    measured: Measured,
    opened: Mapping[str, Any],
    driver: str,
    score: Mapping[str, Any],
    warm_up: int,
    no_energy: str,
) -> Row:
    """The row of the contract, with its blocks and what they say of it."""
    pieces, last = measured.pieces, measured.last
    medians_only = bool(last.get("only_median"))
    names = ["p50_ms"] if medians_only else [f"p{percent}_ms" for percent in PERCENTS]
    figures = {name: _rounded(figure(pieces, name)) for name in names}
    spans = {name: interval(pieces, name) for name in (*names, "throughput_per_s")}
    return Row(
        target=contender.target,
        runtime=contender.runtime,
        precision=contender.precision,
        device=str(opened["device"]),
        hint=last["hint"],
        scenario=scenario,
        batch=int(last["batch"]),
        n=sum(piece.n for piece in pieces),
        warm_up=warm_up,
        **figures,
        throughput_per_s=_rounded(figure(pieces, "throughput_per_s"), 3),
        cold_start_ms=None if medians_only else _rounded(opened["cold_start_ms"], 2),
        rss_mb=_rounded(measured.rss_mb, 1),
        size_mb=_rounded(opened["size_mb"], 3),
        accuracy=score.get("accuracy"),
        dice=score.get("dice"),
        label_flips=score.get("label_flips"),
        scored=dict(score),
        intervals={
            name: [_rounded(low), _rounded(high)]
            for name, (low, high) in ((k, v) for k, v in spans.items() if v is not None)
        },
        blocks=[piece.to_json() for piece in pieces],
        stages_ms=_stages(measured),
        energy_j=_energy(measured),
        notes=_notes(no_energy, medians_only),
        scale=scale_of(contender),
        driver="benchmark_app" if medians_only else driver,
        loadgen=_said(measured),
        early_stopping_ms=_early(scenario, pieces, medians_only),
        rate_per_s=last.get("rate"),
        others_cores=_rounded(np.mean([piece.others for piece in pieces]), 3),
        drift=drift(pieces),
        **{**host.stamp(), "versions": dict(opened["versions"])},
    )


def _stages(measured: Measured) -> dict[str, float]:
    names = sorted({name for one in measured.stages for name in one})
    return {n: round(float(np.median([s[n] for s in measured.stages])), 4) for n in names}


def _energy(measured: Measured) -> float | None:
    items = sum(count for _, count in measured.joules)
    return _rounded(sum(j for j, _ in measured.joules) / items, 5) if items else None


def _notes(no_energy: str, medians_only: bool) -> list[str]:
    notes = [f"energy not measured: {no_energy}"] if no_energy else []
    if medians_only:
        notes.append("percentiles above the median are not reported by benchmark_app")
    return notes


def _said(measured: Measured) -> dict[str, Any]:
    """LoadGen's summaries, each figure by its median over the blocks."""
    if not measured.loadgen:
        return {}
    names = sorted({k for one in measured.loadgen for k in one if k != "valid"})
    said: dict[str, Any] = {"blocks": len(measured.loadgen)}
    said["valid"] = sum(bool(one.get("valid")) for one in measured.loadgen)
    for name in names:
        said[name] = _rounded(np.median([one[name] for one in measured.loadgen if name in one]))
    return said


def _early(scenario: str, pieces: list[Piece], medians_only: bool) -> dict[str, float | None]:
    percent = _EARLY.get(scenario)
    if percent is None or medians_only:
        return {}
    return {f"p{percent}": _rounded(early_stopping(pieces, percent))}


def empty_row(contender: Contender, scenario: str, device: str, reason: str) -> Row:
    """The row of what was not measured, and why."""
    return Row(
        target=contender.target,
        runtime=contender.runtime,
        precision=contender.precision,
        device=device,
        hint="",
        scenario=scenario,
        scale=scale_of(contender),
        status=NOT_MEASURED,
        reason=reason,
        **host.stamp(),
    )
