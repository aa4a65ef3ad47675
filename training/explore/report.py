"""The exploration as one HTML page and as Markdown, both from the same sections."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from appliance.wording import markdown_table, shown
from training import page
from training.explore import plots, tables
from training.explore.tables import Document, percent

TITLE = "What the data hold"


@dataclass(frozen=True)
class Drawn:
    """A figure and what is to be seen in it."""

    fig: Any
    caption: str


Section = tuple[str, list[Any]]
"""Heading; paragraphs (str), tables and figures in order."""


def _classes(d: Document) -> Section:
    total = sum(row["slices"] for row in d["classes"])
    return "Classes", [
        f"{total} labelled slices. Folds are made of groups: runs of neighbouring slices, patients "
        "where they are known, or clusters of look-alikes. They are as close to patients as the "
        "public files allow.",
        Drawn(
            plots.classes(d["classes"]),
            "Slices by fold and class. Every class is in every fold; what is kept aside is to "
            "choose between recipes, never to train.",
        ),
        tables.classes(d),
    ]


def _planes(d: Document) -> Section:
    found = d["planes"]["inference"]
    if found is None:
        text = (
            "Planes of some sets are not listed, and there are too few listed ones to infer them."
        )
        return "Planes", [text, tables.planes(d)]
    return "Planes", [
        "The lists name the plane of the tumour-free slices and of the other sources, not of "
        "figshare. There it is inferred from the network's embedding and the head's outline, by a "
        "logistic regression that was fitted on the tumour-free slices.",
        f"Its accuracy: {shown(found['accuracy'])} on tumour-free slices of a fold it has not "
        + f"seen. {_elsewhere(found)}"
        + f"On the unlisted slices {percent(found['sure'])} are inferred with a probability of "
        f"{found['sure_from']} or more; the rest is called unsure. "
        f"{percent(found['one_plane_in_a_run'])} of the slices of a run of neighbours agree with "
        "most of their run; a run may hold several planes.",
        tables.planes(d),
    ]


def _elsewhere(found: Mapping[str, Any]) -> str:
    """What the inference is worth where there are tumours, as far as it could be measured."""
    if not found["accuracy_other_sources"]:
        return "It could not be measured on slices with a tumour. "
    sure = shown(found["accuracy_other_sources_when_sure"])
    share = percent(found["sure_other_sources"])
    return (
        "On the other sources, which have tumours as figshare has, it is "
        f"{shown(found['accuracy_other_sources'])}"
        + (f", and {sure} on the {share} it is sure of" if sure else "")
        + ". That is what to expect on figshare, where it could not be measured. "
    )


def _sizes(d: Document) -> Section:
    return "Sizes", [
        "The shape of the file alone tells the sets apart. The preparation crops every slice to "
        "the head and scales it, so that the network does not see this.",
        tables.files(d),
        Drawn(
            plots.lesion_sizes(d["sizes"]["lesion_shares"]),
            "Lesions as a share of the head in their slice. Where the classes lie apart, a figure "
            "for all of them together hides the class with the small ones.",
        ),
        tables.lesions(d),
    ]


def _intensities(d: Document) -> Section:
    return "Intensities", [
        Drawn(
            plots.intensities(d["intensities"]),
            "Grey values of the head by set. What still differs on the right, a network can learn "
            "in the place of the tumour.",
        ),
        tables.intensities(d),
    ]


def _baseline(d: Document) -> Section:
    found = d["source_baseline"]
    if found is None:
        return "Source-only baseline", ["Not measured: it needs slices with and without tumour."]
    items: list[Any] = [
        "Tumour and tumour-free slices come from different scanners. A linear model that sees only "
        "the outermost pixels, sizes, and how often each grey value occurs tells them apart with "
        f"an AUC of {shown(found['file_auc'])} on the file and {shown(found['prepared_auc'])} on "
        "the prepared slice. Of the prepared slice the counts leave out the tumour, and a place of "
        "such a shape where there is none: this model can know the source, hardly the tumour. A "
        "network's own figures on these sets have to be read beside it.",
        Drawn(
            plots.baseline(found),
            "What each kind of feature gives away. Bars begin at chance; lines are 95 % intervals.",
        ),
        tables.baseline(d),
    ]
    if elsewhere := found.get("prepared_other_sources_called_tumour"):
        items.append(
            f"On tumours from other scanners the same model, on prepared slices, says tumour in "
            f"{percent(elsewhere['value'])} of the cases. A network that is better at home and as "
            "bad there has learnt the scanner."
        )
    return "Source-only baseline", items


def _embedding(d: Document) -> Section:
    found, package = d["embedding"], d["package"]
    explained = found["components"]["explained"]
    folds = ", ".join(map(str, package["trained_on_folds"])) or "none of these"
    near = found["look_alikes"]
    items = [
        f"Embeddings of {package['name']} {package['version']} ({package['precision']}, "
        f"{package['embedding']} features), as the server computes them. It was trained on folds: "
        f"{folds}; slices of those folds are seen through a network that knows them.",
        Drawn(
            plots.components(found),
            f"The first two of {found['components']['components']} principal components "
            f"({percent(explained[0])} and {percent(explained[1])} of the variance). Where the two "
            "colourings show the same border, class and set cannot be told apart by this picture.",
        ),
        tables.clusters(d),
        tables.members(d),
    ]
    if near["reach"] is None:
        return "Embeddings", items
    items.append(
        f"Look-alikes: DBSCAN joins slices closer than {near['reach']}, as close as "
        f"{percent(near['quantile_of_strangers'])} of slices are to one of another fold. "
        f"{near['slices_in_clusters']} slices fall into {near['clusters']} clusters, "
        f"{near['within_one_group']} of them inside one group as expected, {near['across_groups']} "
        f"across groups, {near['across_folds']} across folds; the largest holds {near['largest']}. "
        "Alike to the network is not the same person: the verb prepare compares the pictures."
    )
    items.append(tables.look_alikes(d))
    return "Embeddings", items


def _places(d: Document) -> Section:
    if not any(entry["map"] for entry in d["places"]):
        return "Where lesions lie", ["Too few people for a map."]
    inferred = "; planes of figshare are inferred" if d["planes"]["inference"] else ""
    return "Where lesions lie", [
        Drawn(
            plots.heat_maps(d["places"]),
            "Share of slices with the lesion at each place of the head's bounding box, each map on "
            f"its own scale up to its peak; the line is the average head{inferred}. Left and right "
            "are as in the files, some of which are mirrored. The last column mixes planes.",
        ),
        tables.places(d),
        "A class that nearly always lies in one place, a high peak, can be named from the place "
        "alone. Maps of fewer than ten groups are not drawn.",
    ]


def _readers(d: Document) -> Section:
    found = d["readers"]
    if found is None:
        return "Two readers", ["No second masks in this data root."]
    whole = found["by_label"][-1]
    return "Two readers", [
        f"{whole['slices']} slices were outlined by two groups of readers. Where they differ, a "
        "network that learnt from one cannot be held to more.",
        Drawn(
            plots.readers(found),
            "Overlap of the two masks by class. A low overlap is more than an unsteady hand: the "
            "readers chose different tissue.",
        ),
        tables.readers(d),
        "Area: the second reader's grows with the first's to the power "
        f"{found['log_area_slope']:.2f}; 1 would be a constant ratio, below 1 small lesions are "
        "drawn larger and large ones smaller than by the first. "
        f"{found['one_mask_empty']} slices have one empty mask.",
    ]


def _timings(d: Document) -> Section:
    host = d["host"]
    faster = sum(row["ratio"] > 1 for row in d["timings"])
    return "oneDAL beside scikit-learn", [
        f"Each step ran by oneDAL, whose answer is used above, and by stock scikit-learn, three "
        f"times in turns after a call to warm up; medians, {host['cores']} threads each, "
        f"{host['cpu']}; {faster} of {len(d['timings'])} steps were faster by oneDAL. The load "
        f"average was {host['load_average']} on {host['cores']} cores: above that number other "
        "work ran too, and neither times nor ratios are to be quoted.",
        tables.timings(d),
    ]


_SECTIONS = (
    _classes,
    _planes,
    _sizes,
    _intensities,
    _baseline,
    _embedding,
    _places,
    _readers,
    _timings,
)
_LEAD = (
    "Statistics over a data root: what a network can learn from it, and what it could learn "
    "instead. No picture of a person is shown."
)


def _html(item: Any) -> str:
    if isinstance(item, str):
        return page.prose(item)
    if isinstance(item, page.Table):
        return page.table(item.header, item.rows, item.caption) if item.rows else ""
    return page.figure(item.fig, item.caption)


def _markdown(item: Any) -> str:
    if isinstance(item, str):
        return item + "\n"
    if not isinstance(item, page.Table) or not item.rows:
        return ""
    caption = f"\n{item.caption}\n" if item.caption else ""
    return markdown_table(item.header, item.rows) + "\n" + caption


def html(document: Mapping[str, Any]) -> str:
    """One self-contained page."""
    sections = [make(document) for make in _SECTIONS]
    return page.page(
        TITLE, [(name, "\n".join(map(_html, items))) for name, items in sections], _LEAD
    )


def markdown(document: Mapping[str, Any]) -> str:
    """The same text and tables; the figures are in the page only."""
    parts = [f"# {TITLE}\n", _LEAD + "\n"]
    for name, items in (make(document) for make in _SECTIONS):
        parts.append(f"## {name}\n")
        parts += [text for item in items if (text := _markdown(item))]
    return "\n".join(parts)
