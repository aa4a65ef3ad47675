"""A result on two series as one A4 page, the same words and figures as its HTML page."""

from __future__ import annotations

import io
from typing import Any
from xml.sax.saxutils import escape

from reportlab.lib import colors
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.lib.utils import ImageReader
from reportlab.platypus import (
    Flowable,
    Image,
    KeepInFrame,
    Paragraph,
    SimpleDocTemplate,
    Spacer,
    Table,
)

from appliance import NOTICE, __version__
from appliance.pair_pictures import for_report
from appliance.pair_report import input_in_words, measurements
from appliance.pair_words import in_words, roles, tone
from appliance.pairs import Pair

_MARGIN = 16 * mm
_WIDTH, _HEIGHT = A4[0] - 2 * _MARGIN, A4[1] - 2 * _MARGIN - 12 * mm
_ACROSS, _MOST = 3, 6
_LINE = colors.HexColor("#d5dde1")
_INK = {"no_tumor": "#17663a", "uncertain": "#775300", "refused": "#47467a"}
_TEXT = ParagraphStyle("text", fontName="Helvetica", fontSize=9, leading=12)
_BOLD = ParagraphStyle("bold", _TEXT, fontName="Helvetica-Bold", spaceBefore=6)
_WORD = ParagraphStyle("word", _BOLD, fontSize=13, leading=17)
_SMALL = ParagraphStyle("small", _TEXT, fontSize=7.5, leading=9.5)


def to_pdf(pair: Pair) -> bytes:
    """The page; the same bytes for the same result."""
    stream = io.BytesIO()
    template = SimpleDocTemplate(
        stream, pagesize=A4, leftMargin=_MARGIN, rightMargin=_MARGIN, topMargin=_MARGIN,
        bottomMargin=_MARGIN, title=f"NeuralScan Edge: {pair.document['task']}",
        author=f"NeuralScan Edge {__version__}", subject=NOTICE, invariant=1,
    )  # fmt: skip
    template.build([KeepInFrame(_WIDTH, _HEIGHT, _parts(pair), mode="shrink")])
    return stream.getvalue()


def _parts(pair: Pair) -> list[Flowable]:
    document = pair.document
    word, meaning = in_words(document)
    headline = ParagraphStyle("headline", _WORD, textColor=colors.HexColor(_INK[tone(document)]))
    parts = [
        _said(f"NeuralScan Edge: {document['task']}", _WORD),
        _said(NOTICE, _BOLD),
        _said(word, headline),
        _said(meaning),
        *(_said(f"Why: {reason}") for reason in document["reasons"]),
        *(_said(f"Mind this: {warning}", _BOLD) for warning in document["warnings"]),
        Spacer(0, 2 * mm),
        *_pictures(pair),
    ]
    rows = measurements(document)
    if rows:
        parts += [_said("Figures", _BOLD), _grid([list(row) for row in rows])]
    parts.append(_said("How it was made", _BOLD))
    names = roles(document["task"])
    for role, given in document["inputs"].items():
        parts.append(_said(f"{names[role].capitalize()}: {input_in_words(given)}", _SMALL))
        parts.append(_said(f"Digest: {given['sha256']}", _SMALL))
    for name, value in document["options"].items():
        parts.append(_said(f"{name.capitalize()}: {value}", _SMALL))
    model = document.get("model")
    if model:
        text = f"{model['name']} {model['version']}, {model['precision']} on {model['device']}"
        parts += [_said(f"Model: {text}", _SMALL), _said(f"Digest: {model['sha256']}", _SMALL)]
    parts.append(
        _said(f"Made by NeuralScan Edge {__version__}; nothing left this machine.", _SMALL)
    )
    return parts


def _pictures(pair: Pair) -> list[Flowable]:
    cells: list[Any] = []
    side = _WIDTH / _ACROSS - 4 * mm
    for caption, data in for_report(pair)[:_MOST]:
        width, height = ImageReader(io.BytesIO(data)).getSize()
        scale = side / max(width, height)
        picture = Image(io.BytesIO(data), width * scale, height * scale)
        cells.append([picture, _said(caption, _SMALL)])
    rows = [cells[i : i + _ACROSS] for i in range(0, len(cells), _ACROSS)]
    if not rows:
        return []
    rows[-1] += [""] * (_ACROSS - len(rows[-1]))
    return [Table(rows, colWidths=[_WIDTH / _ACROSS] * _ACROSS)]


def _grid(rows: list[list[str]]) -> Table:
    table = Table(rows, colWidths=[70 * mm, 30 * mm, 30 * mm], hAlign="LEFT")
    table.setStyle(
        [
            ("FONTSIZE", (0, 0), (-1, -1), 8.5),
            ("TOPPADDING", (0, 0), (-1, -1), 1),
            ("BOTTOMPADDING", (0, 0), (-1, -1), 1),
            ("LINEBELOW", (0, 0), (-1, -1), 0.3, _LINE),
        ]
    )
    return table


def _said(text: str, style: ParagraphStyle = _TEXT) -> Paragraph:
    """A paragraph in the letters the built-in fonts have."""
    return Paragraph(escape(str(text).encode("cp1252", "replace").decode("cp1252")), style)
