"""Rows and comparisons as text: tables, Markdown, JSON. Nothing here measures or draws."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from benchmarks import compare, pages
from benchmarks.plan import NOT_MLPERF
from benchmarks.results import IDENTITY, Row, Run
from benchmarks.summary import headline, libraries, origins, remarks, scaling, unmeasured
from benchmarks.together import Together

FORMATS = ("markdown", "html", "json")
_FIGURES = ("p50_ms", "p90_ms", "p95_ms", "p99_ms", "throughput_per_s", "cold_start_ms")
_COLUMNS = (*IDENTITY, "n", *_FIGURES, "rss_mb", "size_mb", "accuracy", "dice", "label_flips")

Table = tuple[Sequence[str], list[list[str]]]


def _cell(value: object) -> str:
    if value is None:
        return "-"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def table(rows: Iterable[Row]) -> Table:
    """Column names and cells; the reason stands in the last column where nothing was measured."""
    cells = [[*(_cell(getattr(row, c)) for c in _COLUMNS), row.reason] for row in rows]
    return (*_COLUMNS, "remark"), cells


def compared(pairs: Iterable[compare.Pair]) -> Table:
    """One line for each pair."""
    names = (
        "row", "scenario", "figure", "before", "after", "measured ratio",
        "time ratio (95 %), machine taken out", "verdict",
    )  # fmt: skip
    cells = [
        [
            pair.row.name,
            pair.row.scenario,
            pair.figure,
            _cell(pair.before),
            _cell(pair.after),
            f"{pair.measured.value:.3f}",
            pair.ratio.words(),
            pair.ratio.verdict,
        ]
        for pair in pairs
    ]
    return names, cells


def markdown(title: str, content: Table, notes: Iterable[str] = ()) -> str:
    """A table in GitHub's Markdown."""

    def line(cells: Iterable[str]) -> str:
        return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"

    names, cells = content
    lines = [f"## {title}", "", line(names), line(["---"] * len(names)), *map(line, cells), ""]
    return "\n".join([*lines, *(f"- {note}" for note in notes)]).rstrip() + "\n"


def summary(run: Run) -> str:
    """What a reader of a run needs, in Markdown: headline, remarks, what was not measured."""
    names, cells = headline(run.rows)
    notes = [*origins(run.rows), *remarks(run)]
    if cells:
        text = markdown("Benchmarks", (names, cells), notes)
    else:
        text = "\n".join(["## Benchmarks", "", *(f"- {note}" for note in notes)]).rstrip() + "\n"
    names, cells = libraries(run.rows)
    if cells:
        text += "\n" + markdown("Libraries against stock", (names, cells))
    names, cells = scaling(run.rows)
    if cells:
        text += "\n" + markdown("Scaling", (names, cells))
    missing = [f"- {name}: {reason}" for name, reason in unmeasured(run.rows)]
    if missing:
        text += "\n### Not measured\n\n" + "\n".join(missing) + "\n"
    return f"{text}\n{NOT_MLPERF}\n" if run.about else text


def render(run: Run, form: str, title: str = "Benchmarks") -> str:
    """A run as ``markdown`` (all rows), ``html`` or ``json``."""
    if form == "json":
        return json.dumps([row.to_json() for row in run.rows], indent=1) + "\n"
    if form == "html":
        return pages.report(run, title)
    return markdown(title, table(run.rows), [*origins(run.rows), *remarks(run)])


def render_comparison(
    pairs: Sequence[compare.Pair],
    groups: Sequence[Together],
    notes: Sequence[str],
    form: str,
    bound: float,
) -> str:
    """A comparison as ``markdown``, ``html`` or ``json``."""
    if form == "json":
        document = {
            "bound": bound,
            "notes": list(notes),
            "together": [group.to_json() for group in groups],
            "rows": [pair.to_json() for pair in pairs],
        }
        return json.dumps(document, indent=1) + "\n"
    content, said = compared(pairs), [group.words() for group in groups]
    if form == "html":
        return pages.comparison(pairs, content, said, notes)
    return markdown("Comparison", content, [*said, *notes])
