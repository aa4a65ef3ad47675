"""The evaluation as one HTML page and as Markdown: both render the same sections of the JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from optimize.caveats import REFUSED, SCANNERS, incomplete
from training import page
from training.evaluation import more_tables, plots, tables
from training.evaluation.examples import DRAWN_NAME, KINDS, TRUE_NAME, Example

Document = Mapping[str, Any]


@dataclass(frozen=True)
class Section:
    """A heading with what stands under it, in order: text, tables, plots."""

    title: str
    parts: Sequence[Any] = field(default_factory=tuple)


@dataclass(frozen=True)
class Plot:
    """A figure that only the HTML page shows."""

    make: Callable[[Document], Any]
    caption: str


def lead(document: Document) -> str:
    """What was evaluated and how far it can be trusted, in a few sentences."""
    protocol, pooled = document["protocol"], document["figures"]["pooled"]
    folds = [f["fold"] for f in protocol["folds"]]
    text = (
        f"{document['recipe']['title']} ({document['recipe']['name']}): {pooled['n']} slices in "
        f"{pooled['groups']} groups, fold{'s' * (len(folds) > 1)} {', '.join(map(str, folds))}, "
        "INT8, files as given, masks on the input's grid."
    )
    return " ".join([text, *warnings(document)])


def warnings(document: Document) -> list[str]:
    """What keeps these figures from being the full cross-validation, in sentences."""
    protocol = document["protocol"]
    found = []
    if protocol["in_sample"]:
        found.append(
            "IN-SAMPLE: the network was trained on slices it is judged on here; these figures say "
            "nothing about new patients."
        )
    return [*found, *incomplete(protocol)]


def sections(document: Document) -> list[Section]:
    """The report; what was not measured has no section."""
    found = [
        Section("Targets", tables.targets(document)),
        Section("Protocol", [*_protocol(document), tables.protocol(document)]),
        Section(
            "Classes",
            [
                tables.overview(document),
                Plot(plots.confusion, "Confusion: rows are the truth, numbers are slices."),
                tables.classes(document),
                tables.parts(document, "by_fold", "By fold"),
                Plot(plots.slices_by_fold, "Main figures by fold, with 95 % intervals."),
                tables.parts(document, "by_plane", "By plane (tumour slices name none)"),
                tables.parts(document, "by_size", tables.size_caption(document)),
            ],
        ),
        Section(
            "Masks and boxes",
            [
                tables.masks(document),
                tables.readers(document),
                Plot(plots.by_class, "Mean Dice by class; squares: two groups of readers."),
                document["protocol"]["ap50"],
            ],
        ),
        Section(
            "Calibration and prediction sets",
            [
                tables.calibration(document),
                Plot(plots.reliability, _RELIABILITY),
                tables.sets(document),
            ],
        ),
        Section(
            "Operating points",
            [
                Plot(plots.roc, "Presence of a tumour; the right side enlarges the corner."),
                tables.operating(document),
            ],
        ),
    ]
    found += _elsewhere(document)
    if document["robustness"]:
        text = (
            "{slices} slices in {groups} groups, drawn by chance by group; each disturbance is "
            "applied to the file before it is read."
        ).format(**document["robustness"])
        caption = "Accuracy, Dice and refused share over the strength; left is undisturbed."
        found.append(
            Section(
                "Robustness",
                [text, Plot(plots.robustness, caption), more_tables.robustness(document)],
            )
        )
    found.append(Section("INT8, FP16 and FP32", more_tables.precisions(document)))
    found.append(Section("Image-level split (leaky) beside the honest one", _leak(document)))
    if document["source_baseline"]:
        found.append(Section("Source-only baseline", [more_tables.baseline(document)]))
    if document["ensemble"]:
        found.append(Section("Ensemble", [more_tables.ensemble(document)]))
    return found


def _protocol(document: Document) -> list[str]:
    protocol = document["protocol"]
    return [
        *warnings(document),
        "For each fold, temperature, presence and conformal thresholds come from the out-of-fold "
        "answers of the other folds' networks, each to the fold it has not seen. Limits of the "
        f"refusal estimator: {protocol['refusal_limits']}. A package is then written and every "
        "slice is read from its file, as it is served.",
        protocol["intervals"],
        f"{REFUSED} Folds keep apart what looks like one person, as far as it was noticed. "
        f"{SCANNERS}",
    ]


def _elsewhere(document: Document) -> list[Section]:
    found = []
    if document["other_sources"]:
        found.append(Section("Other sources", [_OTHERS, *more_tables.other_sources(document)]))
    real = [
        t for t in (more_tables.series(document), more_tables.volume(document)) if t is not None
    ]
    if real:
        found.append(Section("Real series", [_SERIES, *real]))
    if any(document["refusals"].values()):
        found.append(Section("Unsuitable input", [_UNSUITABLE, more_tables.refusals(document)]))
    return found


_RELIABILITY = (
    "Reliability: share right over mean confidence of a bin; larger dots hold more slices, lines "
    "join bins of ten and more."
)
_OTHERS = (
    "Slices of many other scanners and of the web, never trained on; recipes were chosen with "
    "them, so they are no untouched test. Called no_tumor and uncertain count all slices."
)
_SERIES = (
    "A vestibular schwannoma series (slices judged by their own verdicts, those between not "
    "judged) and a skull-stripped, z-scored T1c volume (evaluation only)."
)
_UNSUITABLE = (
    "Share refused. Nothing was fitted on these pictures; the estimator's settings were chosen "
    "while looking at such figures: development figures. A skull-stripped T1c volume is suitable "
    "in principle, and refusing it is a loss."
)


def _leak(document: Document) -> list[Any]:
    return [
        "Leaky figures are shown to be recognised, not to be quoted: with an image-level split, "
        "neighbours of a slice are in the training part. Same features, same oneDAL support "
        "vector machine, four classes; only the split differs.",
        more_tables.leak(document),
    ]


def markdown(document: Document) -> str:
    """The report as Markdown, without plots and pictures."""
    lines = [f"# Evaluation of `{document['recipe']['name']}`", "", lead(document), ""]
    lines += [_made(document), ""]
    for section in sections(document):
        lines += [f"## {section.title}", ""]
        for part in section.parts:
            if isinstance(part, page.Table):
                lines += [part.markdown(), ""]
            elif isinstance(part, str):
                lines += [part, ""]
    return "\n".join(lines)


def _made(document: Document) -> str:
    software = document["software"]
    return (
        f"Measured {document['utc']} with neuralscan {software['neuralscan']} (commit "
        f"{software['commit']}), OpenVINO {software.get('openvino', 'unknown')}. "
        "Research use only. Not a medical device."
    )


def html(document: Document, pictures: Sequence[Example] = ()) -> str:
    """The report as one self-contained page."""
    shown = []
    for section in sections(document):
        body = ""
        for part in section.parts:
            if isinstance(part, page.Table):
                body += page.table(part.header, part.rows, part.caption)
            elif isinstance(part, Plot):
                body += page.figure(part.make(document), part.caption)
            elif isinstance(part, str):
                body += page.prose(part)
        shown.append((section.title, body))
    if pictures:
        shown.append(("Examples", _gallery(pictures)))
    title = f"Evaluation of {document['recipe']['name']}"
    return page.page(title, shown, f"{lead(document)} {_made(document)}")


def _gallery(pictures: Sequence[Example]) -> str:
    body = page.prose(
        f"Outlines: {DRAWN_NAME} as the appliance drew it, {TRUE_NAME} as the experts did. Slices "
        "chosen by chance, one of a group. These are pictures of the data: keep this page where "
        "the data may be."
    )
    for kind, title in KINDS:
        own = [p for p in pictures if p.kind == kind]
        if own:
            body += page.heading(title)
            body += page.grid(*(page.picture(p.picture, p.caption) for p in own))
    return body
