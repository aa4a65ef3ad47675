"""Reports to take away: JSON text, and one self-contained HTML page."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from jinja2 import Environment

from appliance import NOTICE, __version__, reference
from appliance.core.types import Report, Series
from appliance.render import Pictures
from appliance.templating import data_uri, environment

_PICTURES = 6
VERDICTS = {
    "tumor": (
        "Tumour found",
        "The network sees a lesion. It can name three kinds only; a radiologist must confirm it.",
    ),
    "no_tumor": (
        "No tumour found",
        "The network sees no lesion of the kinds it knows. This does not exclude one.",
    ),
    "uncertain": (
        "Uncertain",
        "The readings of the network disagree or are close. A radiologist must look.",
    ),
    "refused": ("Not analysed", "This input was refused; nothing is said about the patient."),
}
LABELS = {
    "glioma": "Glioma",
    "meningioma": "Meningioma",
    "pituitary": "Pituitary tumour",
    "no_tumor": "No tumour",
}


@dataclass(frozen=True)
class Picture:
    """A picture inlined in the page."""

    caption: str
    data_uri: str


def to_json(report: Report) -> str:
    """The report's document as indented JSON text."""
    return json.dumps(report.to_json(), indent=1, ensure_ascii=False) + "\n"


def to_html(entries: Sequence[tuple[Report, Series | None]]) -> str:
    """One page with every report, pictures inlined, nothing loaded from elsewhere.

    Parameters
    ----------
    entries : sequence of (Report, Series or None)
        None for an input that could not be read.
    """
    return (
        _environment()
        .get_template("report.html")
        .render(
            style=style(),
            notice=NOTICE,
            version=__version__,
            verdicts=VERDICTS,
            labels=LABELS,
            about_cards=reference.load()["notice"],
            entries=[
                {
                    "report": report.document,
                    "pictures": pictures(report, series),
                    "missing": not_measured(report.document),
                    "sides": sides(report.document),
                    "read": sum(s["verdict"] != "refused" for s in report.document["slices"]),
                    "warnings": warnings(report.document),
                    "cards": reference.cards_for(report.document),
                }
                for report, series in entries
            ],
        )
    )


@lru_cache(maxsize=1)
def style() -> str:
    """The page's style sheet, which stands inside it."""
    loader = _environment().loader
    return loader.get_source(_environment(), "report.css")[0]  # type: ignore[union-attr]


def policy() -> str:
    """Content-Security-Policy that lets the page show itself and load nothing."""
    digest = base64.b64encode(hashlib.sha256(style().encode()).digest()).decode()
    return (
        f"default-src 'none'; img-src data:; style-src 'sha256-{digest}'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


@lru_cache(maxsize=1)
def _environment() -> Environment:
    return environment(
        label=lambda name: LABELS.get(name, str(name).replace("_", " ")), percent=percent
    )


def percent(share: float) -> str:
    """A share of one in percent, never rounded to a certainty.

    >>> percent(0.841), percent(0.00002), percent(0.99997), percent(0.0)
    ('84.1 %', '<0.1 %', '>99.9 %', '0.0 %')
    """
    share = float(share)
    if 0.0 < share < 0.001:
        return "<0.1 %"
    if 0.999 < share < 1.0:
        return ">99.9 %"
    return f"{100 * share:.1f} %"


def warnings(document: Mapping[str, Any]) -> list[str]:
    """What is to be read with care; the second opinion has a place of its own."""
    elsewhere = (document.get("second_opinion") or {}).get("warning")
    return [text for text in document["quality"]["warnings"] if text != elsewhere]


def sides(document: Mapping[str, Any]) -> str:
    """Where the patient's sides are in the pictures, or that nobody knows."""
    edges = {
        "axial": "the patient's right is on the left, the front on top",
        "coronal": "the patient's right is on the left, the head end on top",
        "sagittal": "the patient's front is on the left, the head end on top",
    }.get(document["input"]["plane"])
    if edges is None:
        return "The input does not say which side is the patient's left."
    return f"Shown upright: {edges}."


def pictures(report: Report, series: Series | None) -> list[Picture]:
    """What the page shows: the slices with most of the mask, in order, outlined.

    One slice is shown plain, outlined and, where there is one, with its heat map.
    """
    if series is None:
        return []
    drawn = Pictures.of(series, report)
    count = drawn.view.view_shape[0]
    if count == 1:
        shown = [("As given", 0, "none")]
        if report.label_map is not None:
            shown.append(("With the outline of what was found", 0, "contour"))
        if report.heat is not None:
            shown.append(("Where the classifier looked", 0, "heat"))
    else:
        areas = {s["index"]: s["mask_px"] for s in report.document["slices"] if s["mask_px"]}
        best = sorted(areas, key=lambda index: (-areas[index], index))[:_PICTURES]
        chosen = sorted(best) or [count // 2]
        shown = [(f"Slice {index + 1} of {count}", index, "contour") for index in chosen]
    return [
        Picture(caption, _data_uri(drawn.slice(index, overlay, square=True)))
        for caption, index, overlay in shown
    ]


def _data_uri(png: bytes) -> str:
    return data_uri(png)


def not_measured(document: Mapping[str, Any]) -> list[str]:
    """What this report does not say, and why."""
    if document["verdict"] == "refused":
        return ["Everything: the input was refused before it was read."]
    given = document["input"]
    slices, missing = document["slices"], []
    if given["spacing_mm"] is None:
        missing.append(
            "Diameters in millimetres and volumes in millilitres: the input carries no geometry."
        )
    if len(slices) == 1:
        missing.append("Anything outside this one slice, and therefore the volume of a lesion.")
    if given["sequence"] is None:
        missing.append(
            "Whether this is a contrast-enhanced T1 sequence: the input does not say, and the "
            "network knows no other."
        )
    empty = sum(s["verdict"] == "refused" for s in slices)
    if empty:
        missing.append(f"{empty} of {len(slices)} slices hold no content and were not read.")
    missing.append(
        "Anything but glioma, meningioma and pituitary tumour: no other tumour, bleeding, "
        "infarction, inflammation or malformation was looked for."
    )
    missing.append("Change since an earlier examination.")
    return missing
