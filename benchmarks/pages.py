"""A run, or a comparison, as one self-contained HTML page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape
from typing import Any

from appliance.core.errors import Unavailable
from benchmarks.compare import Pair
from benchmarks.plan import NOT_MLPERF
from benchmarks.results import MEASURED, Row, Run
from benchmarks.summary import (
    headline,
    libraries,
    measured,
    origins,
    remarks,
    scaling,
    unmeasured,
)
from training.page import page, prose, table

_COLUMNS = {
    "scenario": "scenario", "hint": "hint", "batch": "batch", "n": "n", "p50_ms": "p50 ms",
    "p90_ms": "p90 ms", "p95_ms": "p95 ms", "p99_ms": "p99 ms", "throughput_per_s": "per s",
    "cold_start_ms": "cold start ms", "rss_mb": "RSS MB", "energy_j": "J",
    "others_cores": "others, cores", "driver": "driver",
}  # fmt: skip


def _drawn(draw: Callable[..., str], *arguments: Any) -> str:
    """A figure, or the sentence that says what is missing for it."""
    try:
        return draw(*arguments)
    except Unavailable as error:
        return prose(f"Not drawn: {error.message}")


def _list(lines: Sequence[str]) -> str:
    return "<ul>" + "".join(f"<li>{escape(line)}</li>" for line in lines) + "</ul>"


def _cell(value: Any) -> Any:
    return f"{value:.4g}" if isinstance(value, float) else value


def _all_rows(rows: Sequence[Row]) -> str:
    lines = [
        [row.name, *(_cell(getattr(row, name)) for name in _COLUMNS)]
        for row in rows
        if row.status == MEASURED
    ]
    return table(("target", *_COLUMNS.values()), lines) if lines else ""


def _conditions(run: Run) -> str:
    host = next((row.host for row in run.rows if row.host), {})
    lines = []
    for name, value in host.items():
        if isinstance(value, dict):
            value = ", ".join(
                k if v is True else f"no {k}" if v is False else f"{k} {v}"
                for k, v in value.items()
            )
        lines.append([name, str(value)])
    lines += [[name, str(value)] for name, value in run.about.items()]
    return table(("", ""), lines) if lines else ""


def report(run: Run, title: str = "Benchmarks") -> str:
    """The page of a run: sections without content are left out."""
    from benchmarks import plots

    single, offline = measured(run.rows), measured(run.rows, "offline")
    missing = [[name, reason] for name, reason in unmeasured(run.rows)]
    names, lines = headline(run.rows)
    whole = [row for row in single if row.target != "infer"]
    columns, against = libraries(run.rows)
    points, growth = scaling(run.rows)
    sections = [
        ("Headline", (table(names, lines) if lines else "") + _list(remarks(run))),
        ("Accuracy against latency", _drawn(plots.accuracy_against_latency, single)),
        ("Latency", _drawn(plots.latencies, single)),
        ("Throughput", _drawn(plots.throughputs, offline)),
        ("Stages of the appliance", _drawn(plots.stages, whole)),
        ("Scaling", _drawn(plots.scaling, run.rows) + table(points, growth) if growth else ""),
        (
            "Libraries against stock",
            table(columns, against) + _drawn(plots.speedups, run.rows) if against else "",
        ),
        ("Over time", _drawn(plots.over_time, single)),
        ("Not measured", table(("what", "why"), missing) if missing else ""),
        ("All rows", _all_rows(run.rows)),
        ("Conditions", _conditions(run)),
    ]
    lead = "; ".join(origins(run.rows)) or "Nothing was measured."
    lead += f" {NOT_MLPERF}" if run.about else ""
    return page(title, [(heading, html) for heading, html in sections if html], lead)


def comparison(
    pairs: Sequence[Pair],
    content: tuple[Sequence[str], list[list[str]]],
    groups: Sequence[str],
    notes: Sequence[str],
) -> str:
    """The page of a comparison."""
    from benchmarks import plots

    names, lines = content
    sections = [
        ("Together", _list(groups) if groups else ""),
        ("Verdicts", table(names, lines)),
        ("Ratios", _drawn(plots.ratios, pairs)),
        ("Conditions", _list(notes) if notes else ""),
    ]
    return page("Comparison", [(heading, html) for heading, html in sections if html])
