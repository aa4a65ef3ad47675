"""Reports as PDF: one A4 page each, the same words and figures as the HTML page.

The fonts are those every reader of PDF has; they hold Latin letters, others become question marks.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from typing import Any
from xml.sax.saxutils import escape

from reportlab.lib import colors
from reportlab.lib.enums import TA_CENTER
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import (
    Flowable,
    Image,
    KeepInFrame,
    ListFlowable,
    Paragraph,
    Spacer,
    Table,
)

from appliance import NOTICE, __version__
from appliance.core.types import Report, Series
from appliance.report import (
    LABELS,
    VERDICTS,
    not_measured,
    percent,
    pictures,
    sides,
    warnings,
)

_MARGIN = 16 * mm
_WIDTH = A4[0] - 2 * _MARGIN
_HEIGHT = A4[1] - 2 * _MARGIN - 8 * mm
_SHOWN = 3
_LISTED = 8
"""Lesions, and warnings, that are listed one by one; the JSON and HTML reports list all."""
_COLOURS = {
    "tumor": colors.HexColor("#a3301b"),
    "no_tumor": colors.HexColor("#17663a"),
    "uncertain": colors.HexColor("#775300"),
    "refused": colors.HexColor("#47467a"),
}
_TEXT = ParagraphStyle("text", fontName="Helvetica", fontSize=9, leading=12)
_SMALL = ParagraphStyle(
    "small", _TEXT, fontSize=7.5, leading=9.5, textColor=colors.HexColor("#444444")
)
_CAPTION = ParagraphStyle("caption", _SMALL, alignment=TA_CENTER)
_HEAD = ParagraphStyle("head", _TEXT, fontName="Helvetica-Bold", fontSize=10, spaceBefore=6)
_TITLE = ParagraphStyle("title", _TEXT, fontName="Helvetica-Bold", fontSize=13, leading=17)


def to_pdf(entries: Sequence[tuple[Report, Series | None]]) -> bytes:
    """One page for each report.

    Parameters
    ----------
    entries : sequence of (Report, Series or None)
        None for an input that could not be read.
    """
    stream = io.BytesIO()
    canvas = Canvas(stream, pagesize=A4, pageCompression=1, invariant=1)
    canvas.setTitle("NeuralScan Edge report")
    canvas.setAuthor(f"NeuralScan Edge {__version__}")
    canvas.setSubject(NOTICE)
    for report, series in entries:
        page = KeepInFrame(_WIDTH, _HEIGHT, _page(report, series), mode="shrink")
        _, height = page.wrapOn(canvas, _WIDTH, _HEIGHT)
        page.drawOn(canvas, _MARGIN, A4[1] - _MARGIN - height)
        canvas.setFont("Helvetica", 7.5)
        line = f"{NOTICE} Made by NeuralScan Edge {__version__} on this machine; nothing left it."
        canvas.drawString(_MARGIN, _MARGIN - 4 * mm, line)
        canvas.showPage()
    canvas.save()
    return stream.getvalue()


def shrunk(report: Report, series: Series | None) -> float:
    """How much smaller than designed a report is printed so that it fits its page; 1 where it is
    not.
    """
    canvas = Canvas(io.BytesIO(), pagesize=A4)
    page = KeepInFrame(_WIDTH, _HEIGHT, _page(report, series), mode="shrink")
    page.wrapOn(canvas, _WIDTH, _HEIGHT)
    return 1 / float(getattr(page, "_scale", 1.0))


def _page(report: Report, series: Series | None) -> list[Flowable]:
    document = report.document
    parts: list[Flowable] = [
        _paragraph(f"NeuralScan Edge report: {document['input']['name'] or 'input'}", _TITLE),
        _paragraph(NOTICE, ParagraphStyle("notice", _TEXT, fontName="Helvetica-Bold")),
        Spacer(0, 2 * mm),
        *_verdict(document),
        *_pictures(report, series),
    ]
    found = document["classification"]
    if found:
        parts += [_paragraph("How sure", _HEAD), _probabilities(found), _set_of(found)]
    opinion = document.get("second_opinion")
    if opinion:
        parts += [_paragraph("Second opinion", _HEAD), _opinion(opinion)]
    if document["lesions"]:
        certain = document["verdict"] == "tumor"
        head = "What was found" if certain else "What was outlined (doubtful)"
        parts += [_paragraph(head, _HEAD), _lesions(document)]
        rest = document["lesions"][_LISTED:]
        if rest:
            area = sum(lesion["area_px"] for lesion in rest)
            line = f"{len(rest)} smaller ones, {area} pixels together, stand in the JSON report."
            parts.append(_paragraph(line, _SMALL))
    said = warnings(document)
    if said:
        more = len(said) - _LISTED
        said = [*said[:_LISTED], *([f"{more} more stand in the JSON report."] if more > 0 else [])]
        parts += [_paragraph("Read with care", _HEAD), _bullets(said)]
    parts += [
        _paragraph("What was not measured", _HEAD),
        _bullets(not_measured(document)),
        _paragraph("How it was made", _HEAD),
        *_made(document),
    ]
    return parts


def _verdict(document: Mapping[str, Any]) -> list[Flowable]:
    verdict = document["verdict"]
    word, sentence = VERDICTS[verdict]
    found = document["classification"]
    if verdict == "tumor" and found:
        word += f": {LABELS.get(found['label'], found['label']).lower()} most likely"
    colour = _COLOURS[verdict]
    style = ParagraphStyle("word", _TITLE, textColor=colour, borderPadding=0)
    parts = [_paragraph(word, style), _paragraph(sentence)]
    if document["refusal"]:
        refusal = document["refusal"]
        return [*parts, _paragraph(f"Why: {refusal['message']} ({refusal['code']})")]
    return [*parts, *(_paragraph(reason) for reason in document.get("reasons", []))]


def _pictures(report: Report, series: Series | None) -> list[Flowable]:
    drawn = pictures(report, series)[:_SHOWN]
    if not drawn:
        return []
    side = min(54 * mm, _WIDTH / len(drawn) - 4 * mm)
    cells = []
    for one in drawn:
        data = base64.b64decode(one.data_uri.split(",", 1)[1])
        width, height = ImageReader(io.BytesIO(data)).getSize()
        scale = side / max(width, height)
        cells.append([Image(io.BytesIO(data), width * scale, height * scale)])
    captions = [_paragraph(one.caption, _CAPTION) for one in drawn]
    table = Table([cells, captions], colWidths=[_WIDTH / len(drawn)] * len(drawn))
    table.setStyle([("ALIGN", (0, 0), (-1, -1), "CENTER"), ("VALIGN", (0, 0), (-1, -1), "BOTTOM")])
    return [Spacer(0, 2 * mm), table, _paragraph(sides(report.document), _SMALL)]


def _probabilities(found: Mapping[str, Any]) -> Table:
    rows = [
        [LABELS.get(name, name), percent(share), _Bar(float(share))]
        for name, share in found["probabilities"].items()
    ]
    return _table(rows, [45 * mm, 22 * mm, _WIDTH - 67 * mm])


def _set_of(found: Mapping[str, Any]) -> Paragraph:
    names = ", ".join(LABELS.get(name, name) for name in found["prediction_set"])
    return _paragraph(
        f"Prediction set: {names}. Such sets are made to hold the truth in "
        f"{percent(found['coverage'])} of the cases that are like the validation data."
    )


def _opinion(opinion: Mapping[str, Any]) -> Paragraph:
    label = LABELS.get(opinion["label"], opinion["label"]).lower()
    share = percent(opinion["probabilities"][opinion["label"]])
    if opinion["agrees"]:
        return _paragraph(
            f"Shape, texture and surroundings of the outline alone also say {label} ({share})."
        )
    compared = LABELS.get(opinion["compared_with"], opinion["compared_with"]).lower()
    return _paragraph(
        f"Differs. The network says {compared}; shape, texture and surroundings of the outline "
        f"alone say {label} ({share}). It changes nothing above."
    )


def _lesions(document: Mapping[str, Any]) -> Table:
    many = len(document["slices"]) > 1
    area = "Area (pixels, all slices)" if many else "Area (pixels)"
    rows: list[list[Any]] = [
        ["Lesion", "Slices", "Score", area, "Diameters (mm)", "Volume (ml)"],
    ]
    for lesion in document["lesions"][:_LISTED]:
        box = lesion.get("view_box") or lesion["box"]
        largest = lesion.get("largest_slice")
        last = f" to {box[3]}" if box[3] > box[0] + 1 else ""
        if last and largest is not None:
            last += f", most on {largest + 1}"
        across = lesion["diameters_mm"]
        volume = lesion["volume_ml"]
        rows.append(
            [
                str(lesion["id"]),
                f"{box[0] + 1}{last}",
                f"{lesion['score']:.2f}",
                str(lesion["area_px"]),
                "not measured" if across is None else f"{across[0]:.1f} x {across[1]:.1f}",
                "not measured" if volume is None else f"{volume:.2f}",
            ]
        )
    widths = [16 * mm, 42 * mm, 16 * mm, 42 * mm, 34 * mm, _WIDTH - 150 * mm]
    table = _table(rows, widths)
    table.setStyle([("FONTNAME", (0, 0), (-1, 0), "Helvetica-Bold")])
    return table


def _made(document: Mapping[str, Any]) -> list[Flowable]:
    model, given, quality = document["model"], document["input"], document["quality"]
    parts = [given["kind"], given["modality"], given["sequence"], given["plane"]]
    if given["shape"]:
        parts.append(" x ".join(map(str, given["shape"])) + " pixels")
    if given["spacing_mm"]:
        parts.append(" x ".join(f"{v:g}" for v in given["spacing_mm"]) + " mm")
    lines = [
        f"Model: {model['name']} {model['version']}, {model['precision']} on {model['device']}",
        f"Model digest: {model['sha256']}",
        "Input: " + ", ".join(part for part in parts if part),
        f"Input digest: {given['sha256'] or 'none'}",
    ]
    if quality["ood_score"] is not None:
        place = "within" if quality["in_distribution"] else "outside"
        lines.append(
            f"Likeness to training: {place} the accepted range (score {quality['ood_score']})"
        )
    return [_paragraph(line, _SMALL) for line in lines]


def _table(rows: list[list[Any]], widths: list[float]) -> Table:
    table = Table(rows, colWidths=widths, hAlign="LEFT")
    table.setStyle(
        [
            ("FONTNAME", (0, 0), (-1, -1), "Helvetica"),
            ("FONTSIZE", (0, 0), (-1, -1), 8.5),
            ("TOPPADDING", (0, 0), (-1, -1), 1.5),
            ("BOTTOMPADDING", (0, 0), (-1, -1), 1.5),
            ("LINEBELOW", (0, 0), (-1, -1), 0.3, colors.HexColor("#d5dde1")),
            ("VALIGN", (0, 0), (-1, -1), "MIDDLE"),
        ]
    )
    return table


def _bullets(lines: Sequence[str]) -> ListFlowable:
    return ListFlowable(
        [_paragraph(line) for line in lines], bulletType="bullet", start="-", leftIndent=10
    )


def _paragraph(text: str, style: ParagraphStyle = _TEXT) -> Paragraph:
    plain = str(text).encode("cp1252", "replace").decode("cp1252")
    return Paragraph(escape(plain), style)


class _Bar(Flowable):
    """A share of one as a bar."""

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share, self.width, self.height = share, 80 * mm, 2.4 * mm

    def wrap(self, width: float, _height: float) -> tuple[float, float]:
        """The width that is offered, as far as it is needed."""
        self.width = min(self.width, width)
        return self.width, self.height

    def draw(self) -> None:
        """Track and bar."""
        self.canv.setFillColor(colors.HexColor("#e4eaed"))
        self.canv.rect(0, 0, self.width, self.height, stroke=0, fill=1)
        self.canv.setFillColor(colors.HexColor("#2b6777"))
        self.canv.rect(0, 0, self.width * self.share, self.height, stroke=0, fill=1)
