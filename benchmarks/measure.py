"""One target under one scenario to one row."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import psutil

from benchmarks import host
from benchmarks.results import NOT_MEASURED, Row
from benchmarks.scenarios import Timing, offline, single_stream
from benchmarks.targets import HINT, Target, Unusable


def measure(
    target: Target, scenario: str, n: int, warm_up: int, tick: Callable[[], None] = lambda: None
) -> Row:
    """Run a scenario and put what it took, and where, into a row."""
    if scenario == "offline":
        timing = offline(target.call, n, warm_up, target.workers, tick)
    else:
        timing = single_stream(target.call, n, warm_up, tick)
    return _row(target, scenario, timing)


def _row(target: Target, scenario: str, timing: Timing) -> Row:
    percentiles = {f"p{p}_ms": round(timing.percentile(p), 4) for p in (50, 90, 95, 99)}
    return Row(
        target=target.name,
        runtime=target.runtime,
        precision=target.precision,
        device=target.device,
        hint=target.hint,
        scenario=scenario,
        batch=1,
        n=timing.n,
        warm_up=timing.warm_up,
        **percentiles,
        throughput_per_s=round(timing.throughput(), 3),
        cold_start_ms=round(target.cold_start_ms, 2),
        rss_mb=round(psutil.Process().memory_info().rss / 1e6, 1),
        size_mb=round(target.size_mb, 3),
        **host.stamp(),
    )


def rows_of(
    name: str,
    build: Callable[[], AbstractContextManager[Target]],
    asked: dict[str, Any],
    scenarios: list[str],
    n: int,
    warm_up: int,
    tick: Callable[[], None] = lambda: None,
) -> list[Row]:
    """A row for each scenario; rows with the reason where the target cannot be used here.

    Parameters
    ----------
    build : callable
        Gives a context manager of the target.
    asked : dict
        ``device`` and ``precision``, for the rows of what cannot be used.
    """
    rows: list[Row] = []
    try:
        with build() as target:
            for scenario in scenarios:
                rows.append(measure(target, scenario, n, warm_up, tick))
    except Unusable as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        rows += [
            Row(
                target=name,
                runtime="openvino",
                hint=HINT,
                scenario=scenario,
                status=NOT_MEASURED,
                reason=reason,
                **asked,
                **host.stamp(),
            )
            for scenario in scenarios[len(rows) :]
        ]
    return rows
