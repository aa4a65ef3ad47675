"""The ladder as Markdown and as one HTML page; renders the JSON and computes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from appliance.wording import markdown_table
from training.page import COLOURS, figure, new_figure, page, prose, table

_HEAD = (
    "with",
    "accuracy",
    "tumour types",
    "tumours of other scanners found",
    "of the series: tumour found",
    "healthy called tumour",
    "AUC abroad",
)
_ADDED = ("rung", "adds")
_PAIRED = ("accuracy", "types", "others_found")
_ALONE = ("series_found", "series_healthy_called", "abroad_auc")

NOTES = (
    "Each row has the measures of all rows above it and its own. In brackets: the change from the "
    "row above, paired by slice, with its 95 % interval by resampling groups; a star where that "
    "leaves zero out.",
    "The likeliest label of the FP32 network alone decides: no mask, no thresholds, no refusal.",
    "The series is one person with a vestibular schwannoma on another scanner, a kind of tumour no "
    "network was trained on: no interval is given. AUC abroad: tumours of other scanners against "
    "its healthy slices, by the probability of a tumour; what is healthy and what is not then both "
    "come from sets the network has not learnt from, and its threshold does not matter; one side "
    "is one person, whose scanner it may tell.",
    "Every rung was trained once: the chance of another seed is not in the intervals.",
)


def _cell(found: Mapping[str, Any] | None) -> str:
    """``0.953 (+0.012, -0.001 to +0.024) *``, or a dash."""
    if found is None:
        return "–"
    change = found.get("change")
    if change is None:
        return f"{found['value']:.3f}"
    star = " *" if change["low"] > 0 or change["high"] < 0 else ""
    interval = f"{change['low']:+.3f} to {change['high']:+.3f}"
    return f"{found['value']:.3f} ({change['value']:+.3f}, {interval}){star}"


def rows(document: Mapping[str, Any]) -> list[list[str]]:
    """One row for each rung, lowest first."""
    return [
        [
            f"{'' if number == 0 else '+ '}{rung['name']}",
            *(_cell(rung.get(key)) for key in _PAIRED),
            *("–" if rung[key] is None else f"{rung[key]:.3f}" for key in _ALONE),
        ]
        for number, rung in enumerate(document["rungs"])
    ]


def added(document: Mapping[str, Any]) -> list[list[str]]:
    """What each rung adds."""
    return [[rung["name"], rung["says"]] for rung in document["rungs"]]


def lead(document: Mapping[str, Any]) -> str:
    """What was done, in one paragraph."""
    protocol, series = document["protocol"], document["series_slices"]
    return (
        f"{document['network']}, {protocol['budget']} for each rung, input {protocol['input']}×"
        f"{protocol['input']}, classification only. Trained on {document['training_slices']} "
        f"slices, scored on {document['scored_slices']} of the held-out fold, "
        f"{document['other_sources_slices']} tumour slices of other scanners, and "
        f"{series['tumour']} tumour and {series['healthy']} healthy slices of one real series."
    )


def markdown(document: Mapping[str, Any]) -> str:
    """The ladder as Markdown."""
    notes = "\n".join(f"- {note}" for note in NOTES)
    return (
        f"# Measures against the source confound\n\n{lead(document)}\n\n"
        f"{markdown_table(_HEAD, rows(document))}\n\n"
        f"{markdown_table(_ADDED, added(document))}\n\n{notes}\n"
    )


def _climb(document: Mapping[str, Any]) -> str:
    """Home and abroad, rung by rung."""
    fig, axes = new_figure(height=3.6)
    names = [rung["name"] for rung in document["rungs"]]
    lines = (
        ("accuracy at home", [rung["accuracy"]["value"] for rung in document["rungs"]]),
        (
            "tumours of other scanners found",
            [(rung.get("others_found") or {}).get("value") for rung in document["rungs"]],
        ),
        ("AUC abroad", [rung["abroad_auc"] for rung in document["rungs"]]),
    )
    for colour, (label, values) in zip(COLOURS, lines, strict=False):
        if None not in values:
            axes.plot(names, values, marker="o", color=colour, label=label)
    axes.legend(frameon=False, fontsize=9)
    axes.grid(True, axis="y", linewidth=0.5)
    return figure(fig, "Each rung has all measures to its left and its own.")


def html(document: Mapping[str, Any]) -> str:
    """The ladder as one self-contained page."""
    sections = [
        ("Home and abroad", _climb(document)),
        ("Figures", table(_HEAD, rows(document)) + table(_ADDED, added(document))),
        ("How to read it", prose(*NOTES)),
    ]
    return page("Measures against the source confound", sections, lead(document))
