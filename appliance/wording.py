"""Figures and tables as text: one wording for model cards and for reports, in Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

NOTHING = "–"


def number(value: float | None, digits: int = 3) -> str | None:
    """A rounded number; None stays None."""
    return None if value is None else f"{value:.{digits}f}"


def shown(entry: Mapping[str, Any] | None, digits: int = 3) -> str | None:
    """``0.951 (0.930 to 0.968)``; None where there is no figure.

    Examples
    --------
    >>> shown({"value": 0.5, "interval": [0.25, 0.75], "n": 8})
    '0.500 (0.250 to 0.750)'
    >>> shown({"value": 0.5, "interval": [None, None]}, 1), shown({"value": None}), shown(None)
    ('0.5', None, None)
    """
    if not entry or entry.get("value") is None:
        return None
    low, high = entry.get("interval") or (None, None)
    text = number(entry["value"], digits)
    return text if low is None else f"{text} ({low:.{digits}f} to {high:.{digits}f})"


def markdown_table(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """A Markdown table, without a line end behind it; None is shown as a dash.

    Examples
    --------
    >>> print(markdown_table(("class", "n"), [("glioma", 3), ("none", None)]))
    | class | n |
    | --- | --- |
    | glioma | 3 |
    | none | – |
    """
    lines = [header, ("---",) * len(header), *rows]
    cells = ([NOTHING if value is None else str(value) for value in line] for line in lines)
    return "\n".join(f"| {' | '.join(line)} |" for line in cells)


def by_number(by_class: Mapping[str, Any]) -> str:
    """How many slices of each class figures by class are of, the most first.

    >>> by_number({"glioma": {"recall": {"n": 1}}, "meningioma": {"recall": {"n": 81}}})
    '81 meningioma, 1 glioma'
    """
    counts = {label: found["recall"]["n"] for label, found in by_class.items()}
    ordered = sorted(counts.items(), key=lambda pair: -pair[1])
    return ", ".join(f"{n} {label}" for label, n in ordered if n)
