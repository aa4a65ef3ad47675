"""Reports as one self-contained HTML page: figures and pictures inline, nothing loaded.

Every function answers with HTML text in which foreign text is escaped. `new_figure`
and `figure` make matplotlib figures whose ink takes the page's colour, light or dark::

    fig, axes = new_figure()
    axes.bar(["a", "b"], [1, 2], color=COLOURS[0])
    html = page("Title", [("Section", prose("What is seen.") + figure(fig, "Caption."))])
"""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from appliance import NOTICE, __version__
from appliance.core.errors import Unavailable
from appliance.wording import NOTHING, markdown_table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLOURS = ("#3d85c6", "#d9822b", "#2f9e6e", "#b3589a", "#c0504d", "#7d8a97")
"""Hues that read on white and on near-black: classes and series in a fixed order."""

_INK, _LINE = "#010203", "#040506"
"""Colours no figure uses; `figure` turns them into the page's own."""

_STYLE = """
:root { color-scheme: light dark;
  --ground: #f3f6f7; --surface: #fff; --ink: #13212a; --quiet: #4d5f69; --line: #d5dde1; }
@media (prefers-color-scheme: dark) { :root {
  --ground: #0b1115; --surface: #131b21; --ink: #e9eff2; --quiet: #a3b3bc; --line: #35444d; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 64rem; padding: 1.25rem .875rem; background: var(--ground);
  color: var(--ink); overflow-wrap: break-word;
  font: 400 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif; }
h1 { font-size: 1.375rem; margin: 0 0 .25rem; color: var(--ink); }
h2 { font-size: 1.125rem; margin: 0 0 .5rem; }
h3 { font-size: 1rem; margin: 1.25rem 0 .25rem; }
p { margin: .375rem 0; max-width: 46rem; }
a { color: inherit; }
header, footer, figcaption, .caption { color: var(--quiet); }
nav ul { display: flex; flex-wrap: wrap; gap: .125rem 1rem; list-style: none; padding: 0; }
nav { font-size: .9375rem; }
section { margin: 1rem 0; padding: 1rem; background: var(--surface);
  border: 1px solid var(--line); border-radius: .75rem; }
figure { margin: .75rem 0; max-width: 46rem; }
figure svg { display: block; width: 100%; height: auto; color: var(--ink); }
svg text { fill: currentColor; }
figure img { display: block; width: 100%; height: auto; border-radius: .25rem; }
figcaption, .caption { font-size: .875rem; margin: .25rem 0; max-width: 46rem; }
.caption { margin-top: 1rem; }
.caption + .scroll { margin-top: 0; }
.grid { display: grid; gap: .75rem;
  grid-template-columns: repeat(auto-fill, minmax(min(10rem, 45%), 1fr)); }
.grid figure { margin: 0; }
.scroll { overflow-x: auto; margin: .75rem 0; }
table { border-collapse: collapse; font-size: .9375rem; }
th, td { padding: .25rem 1rem .25rem 0; border-bottom: 1px solid var(--line); text-align: left;
  font-weight: 400; vertical-align: top; }
thead th { color: var(--quiet); font-size: .875rem; vertical-align: bottom; }
.range { display: block; color: var(--quiet); font-size: .875em; }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
@media (max-width: 30rem) { section { padding: .75rem; } th, td { padding-right: .625rem; }
  .scroll table { width: max-content; } .scroll td { max-width: 14rem; } }
@media print { :root { color-scheme: light; --ground: #fff; --surface: #fff; --ink: #000;
  --quiet: #333; --line: #bbb; } section { border: 0; padding: 0; }
  figure, tr { break-inside: avoid; } }
"""


def page(title: str, sections: Sequence[tuple[str, str]], lead: str = "") -> str:
    """One HTML document.

    Parameters
    ----------
    title, lead : str
        Plain text; the lead stands under the title.
    sections : sequence of (heading, HTML)
        Headings are plain text and become the table of contents.
    """
    anchors = [f"s{number}" for number in range(1, len(sections) + 1)]
    contents = "".join(
        f'<li><a href="#{anchor}">{escape(heading)}</a></li>'
        for anchor, (heading, _) in zip(anchors, sections, strict=True)
    )
    body = "\n".join(
        f'<section id="{anchor}"><h2>{escape(heading)}</h2>\n{html}</section>'
        for anchor, (heading, html) in zip(anchors, sections, strict=True)
    )
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head>\n<body>"
        f"<header><h1>{escape(title)}</h1>{prose(lead) if lead else ''}"
        f'<nav aria-label="Contents"><ul>{contents}</ul></nav></header>\n<main>{body}</main>\n'
        f"<footer>{prose(f'NeuralScan Edge {__version__}. {NOTICE}')}</footer></body></html>\n"
    )


def prose(*paragraphs: str) -> str:
    """Plain text as paragraphs."""
    return "".join(f"<p>{escape(text)}</p>" for text in paragraphs)


def heading(text: str) -> str:
    """A heading inside a section."""
    return f"<h3>{escape(text)}</h3>"


@dataclass(frozen=True)
class Table:
    """Header, rows of text and numbers (None is shown as a dash), and a caption."""

    header: Sequence[str]
    rows: Sequence[Sequence[Any]]
    caption: str = ""

    def markdown(self) -> str:
        """As a Markdown table, the caption above."""
        caption = f"*{self.caption}*\n\n" if self.caption else ""
        return caption + markdown_table(self.header, self.rows)


def table(header: Sequence[str], rows: Iterable[Sequence[Any]], caption: str = "") -> str:
    """A table that scrolls sideways where it is too wide; numbers stand on the right.

    Values are shown by `str`: round and format them first. None becomes a dash.
    """
    rows = [list(row) for row in rows]
    if uneven := [row for row in rows if len(row) != len(header)]:
        raise ValueError(f"{len(header)} columns, but a row has {len(uneven[0])}: {uneven[0]}")
    numeric = [
        bool(rows) and all(_is_number(row[column]) for row in rows) for column in range(len(header))
    ]

    def cells(values: Sequence[Any], tag: str) -> str:
        shown = (NOTHING if value is None else str(value) for value in values)
        classes = (' class="number"' if number else "" for number in numeric)
        pairs = zip(shown, classes, strict=True)
        return "".join(f"<{tag}{kind}>{_interval_below(text)}</{tag}>" for text, kind in pairs)

    head = f'<p class="caption">{escape(caption)}</p>' if caption else ""
    body = "".join(f"<tr>{cells(row, 'td')}</tr>" for row in rows)
    return (
        f'{head}<div class="scroll"><table><thead><tr>{cells(header, "th")}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def _interval_below(text: str) -> str:
    """HTML of a cell; the interval behind a value stands below it, so that columns stay narrow.

    >>> _interval_below("0.95 (0.93 to 0.97)")
    '0.95 <span class="range">(0.93 to 0.97)</span>'
    """
    found = re.fullmatch(r"(\S+) (\(\S+ to \S+\))", text)
    return f'{found[1]} <span class="range">{found[2]}</span>' if found else escape(text)


def _is_number(value: Any) -> bool:
    """A number, or text that begins like one (``0.95 (0.93 to 0.97)``, ``+3 %``), or nothing."""
    if value is None or value == NOTHING or isinstance(value, int | float | np.number):
        return True
    text = r"^[-+−<>≤≥±]? ?\d[\d,.\s]*(%|×|\(|/|$| to | px| s$| ms)"
    return re.match(text, str(value)) is not None


def picture(array: np.ndarray, caption: str = "", width_px: int | None = None) -> str:
    """An array as an inline PNG.

    Parameters
    ----------
    array : (rows, columns) or (rows, columns, 3) uint8, RGB
    caption : str
        Stands below and serves as alternative text.
    width_px : int, optional
        Largest width on the page; default: as wide as the column.
    """
    array = np.asarray(array)
    if array.dtype != np.uint8 or array.ndim not in (2, 3):
        raise ValueError(f"a picture is uint8, 2-D or RGB; this is {array.dtype}, {array.shape}")
    stored = array if array.ndim == 2 else cv2.cvtColor(array, cv2.COLOR_RGB2BGR)
    data = base64.b64encode(cv2.imencode(".png", stored)[1].tobytes()).decode()
    style = f' style="max-width:{int(width_px)}px"' if width_px else ""
    image = f'<img alt="{escape(caption)}" src="data:image/png;base64,{data}">'
    return f"<figure{style}>{image}{_caption(caption)}</figure>"


def grid(*figures: str) -> str:
    """Pictures beside each other, as many as fit."""
    return f'<div class="grid">{"".join(figures)}</div>'


def new_figure(
    width: float = 5.6, height: float = 3.0, rows: int = 1, columns: int = 1, **changes: Any
) -> tuple[Figure, Any]:
    """A matplotlib figure in the page's style and its axes, as ``pyplot.subplots`` gives them.

    Parameters
    ----------
    width, height : float
        Inches. 5.6 fills the column; wider figures become hard to read on a telephone.
    changes : keyword arguments of ``Figure.subplots``

    Raises
    ------
    Unavailable
        When matplotlib is not installed.
    """
    try:
        import matplotlib
        from matplotlib.figure import Figure
    except ImportError as error:
        raise Unavailable("figures need matplotlib: install neuralscan-edge[training]") from error
    with matplotlib.rc_context(_rc()):
        fig = Figure(figsize=(width, height), layout="constrained")
        axes = fig.subplots(rows, columns, **changes)
    for one in np.ravel(np.asarray(axes, object)):
        one.patch.set_visible(False)
        one.spines[["top", "right"]].set_visible(False)
    fig.patch.set_visible(False)
    return fig, axes


def _rc() -> dict[str, Any]:
    inked = ("text.color", "axes.edgecolor", "axes.labelcolor", "axes.titlecolor")
    return {
        **dict.fromkeys((*inked, "xtick.color", "ytick.color"), _INK),
        "grid.color": _LINE,
        "legend.frameon": False,
        "font.size": 11,
        "axes.axisbelow": True,
        "svg.fonttype": "none",
        "svg.hashsalt": "neuralscan",
        "font.family": "sans-serif",
    }


def figure(fig: Figure, caption: str = "") -> str:
    """A matplotlib figure as inline SVG.

    Black, and the ink of `new_figure`, take the page's text colour; backgrounds stay clear.
    Draw thousands of points with ``rasterized=True``.
    """
    import matplotlib

    for axes in fig.axes:
        axes.title.set_fontsize(11)
    for legend in [*fig.legends, *filter(None, (axes.get_legend() for axes in fig.axes))]:
        legend.get_frame().set_visible(False)
    stream = io.StringIO()
    with matplotlib.rc_context(_rc()):
        fig.savefig(stream, format="svg", transparent=True, dpi=160, metadata={"Date": None})
    svg = stream.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", svg, count=1, flags=re.DOTALL)
    svg = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", svg, count=1, flags=re.DOTALL)
    for colour, replacement in (
        (_INK, "currentColor"),
        ("#000000", "currentColor"),
        (_LINE, "var(--line)"),
    ):
        svg = svg.replace(colour, replacement)
    svg = re.sub(r"font-family: [^;\"]*", "font-family: system-ui, sans-serif", svg)
    label = f' role="img" aria-label="{escape(caption)}"' if caption else ' role="img"'
    return f"<figure>{svg.replace('<svg', f'<svg{label}', 1)}{_caption(caption)}</figure>"


def _caption(text: str) -> str:
    return f"<figcaption>{escape(text)}</figcaption>" if text else ""
