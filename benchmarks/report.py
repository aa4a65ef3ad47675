"""Rows to JSON, Markdown and HTML, and two files of rows side by side; nothing here measures."""

from __future__ import annotations

import html
import json
from collections.abc import Iterable, Sequence

from benchmarks.results import IDENTITY, MEASURED, Row

FORMATS = ("markdown", "html", "json")
_FIGURES = ("p50_ms", "p90_ms", "p95_ms", "p99_ms", "throughput_per_s", "cold_start_ms")
_COLUMNS = (*IDENTITY, "n", *_FIGURES, "rss_mb", "size_mb", "accuracy", "dice", "label_flips")
_COMPARED = ("p50_ms", "p99_ms", "throughput_per_s", "cold_start_ms", "rss_mb", "size_mb")

Table = tuple[Sequence[str], list[list[str]]]


def _cell(value: object) -> str:
    if value is None:
        return "-"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def table(rows: Iterable[Row]) -> Table:
    """Column names and cells; the reason stands in the last column where nothing was measured."""
    cells = [[*(_cell(getattr(row, c)) for c in _COLUMNS), row.reason] for row in rows]
    return (*_COLUMNS, "remark"), cells


def origins(rows: Iterable[Row]) -> list[str]:
    """One line for each machine, revision and set of versions that occurs."""
    lines = []
    for row in rows:
        if row.status != MEASURED:
            continue
        versions = ", ".join(f"{name} {number}" for name, number in row.versions.items() if number)
        cores, memory = row.host.get("cores", "?"), row.host.get("memory_gib", "?")
        line = f"{row.host.get('cpu', 'unknown CPU')}, {cores} cores, {memory} GiB"
        line += f"; commit {row.commit or 'unknown'}; {row.utc[:10]}; {versions}"
        if line not in lines:
            lines.append(line)
    return lines


def compared(before: Iterable[Row], after: Iterable[Row]) -> Table:
    """Rows that measure the same thing, with before, after and their ratio for each figure."""
    known = {row.identity: row for row in before if row.status == MEASURED}
    cells = []
    for row in after:
        old = known.get(row.identity)
        if old is None or row.status != MEASURED:
            continue
        line = [str(value) for value in row.identity]
        for name in _COMPARED:
            a, b = getattr(old, name), getattr(row, name)
            ratio = f" ({b / a:.2f}x)" if a and b is not None else ""
            line.append(f"{_cell(a)} -> {_cell(b)}{ratio}")
        cells.append(line)
    return (*IDENTITY, *_COMPARED), cells


def markdown(title: str, content: Table, notes: Iterable[str] = ()) -> str:
    """A table in GitHub's Markdown."""

    def line(cells: Iterable[str]) -> str:
        return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"

    names, cells = content
    lines = [f"## {title}", "", line(names), line(["---"] * len(names)), *map(line, cells), ""]
    return "\n".join([*lines, *(f"- {note}" for note in notes)]).rstrip() + "\n"


def as_html(title: str, content: Table, notes: Iterable[str] = ()) -> str:
    """One self-contained page."""

    def line(cells: Iterable[str], tag: str) -> str:
        return "<tr>" + "".join(f"<{tag}>{html.escape(c)}</{tag}>" for c in cells) + "</tr>"

    names, cells = content
    body = "\n".join(line(row, "td") for row in cells)
    remarks = "".join(f"<li>{html.escape(note)}</li>" for note in notes)
    return f"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{html.escape(title)}</title>
<style>
body {{ font: 15px/1.4 system-ui, sans-serif; margin: 2rem; color-scheme: light dark; }}
div {{ overflow-x: auto; }}
table {{ border-collapse: collapse; font-variant-numeric: tabular-nums; }}
th, td {{ padding: .3rem .6rem; border-bottom: 1px solid #8886; text-align: left; }}
</style>
<h1>{html.escape(title)}</h1>
<div><table>
<thead>{line(names, "th")}</thead>
<tbody>
{body}
</tbody>
</table></div>
<ul>{remarks}</ul>
</html>
"""


def render(rows: Sequence[Row], form: str, title: str = "Benchmarks") -> str:
    """Rows as ``markdown``, ``html`` or ``json``."""
    if form == "json":
        return json.dumps([row.to_json() for row in rows], indent=1) + "\n"
    draw = as_html if form == "html" else markdown
    return draw(title, table(rows), origins(rows))
