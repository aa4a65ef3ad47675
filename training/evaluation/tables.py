"""The tables of the report: numbers of the document as text, nothing computed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from appliance.core.types import LABELS
from appliance.wording import number, shown
from optimize.caveats import PROBABILITIES
from training.page import Table

Document = Mapping[str, Any]


FIGURES = (
    ("accuracy", "four classes right"),
    ("types", "type right, tumour slices, by the label"),
    ("types_of_three", "likeliest of the three types right, tumour slices"),
    ("sensitivity", "tumour slices labelled as tumour"),
    ("specificity", "healthy slices labelled so"),
    ("precision", "precision, mean of the classes"),
    ("recall", "recall, mean of the classes"),
    ("f1", "F1, mean of the classes"),
    ("auc", "AUC tumour against no tumour"),
    ("called_no_tumor", "tumour slices called no_tumor"),
    ("shown_as_tumor_or_uncertain", "tumour slices shown as tumour or uncertain"),
    ("healthy_called_tumor", "healthy slices called tumor"),
    ("uncertain", "verdict uncertain"),
    ("contradiction", "classifier and outline contradict each other"),
    ("refused", "refused, falsely"),
)
MASKS = (
    ("dice", "Dice, tumour slices"),
    ("dice_when_read", "Dice, tumour slices that were read"),
    ("hd95_px", "95 % Hausdorff distance, px, median where both outlines are"),
    ("ap50", "AP50"),
    ("lesions_found", "lesions found (box overlap of half)"),
    ("lesions_touched", "lesions touched by the mask"),
    ("false_mask_rate", "healthy slices with a mask"),
)


def _digits(key: str) -> int:
    """Decimals of a figure: an AUC is close to 1."""
    return 4 if key == "auc" else 3


def targets(document: Document) -> list[str | Table]:
    """How many are met, and a table for each group of targets."""
    every = document["targets"]
    met = sum(t["status"] == "met" for t in every)
    text = f"{met} of {len(every)} met; judged by the figure itself, not by its interval."
    if not document["protocol"]["complete"]:
        text += " Provisional: not the whole cross-validation, see the protocol."
    found: list[str | Table] = [text]
    for group in dict.fromkeys(t["group"] for t in every):
        rows = [
            [t["target"], t["bound"], t["status"], shown(t)] for t in every if t["group"] == group
        ]
        found.append(Table((group, "bound", "", "found (95 %)"), rows))
    return found


def protocol(document: Document) -> Table:
    rows = [
        [
            f["fold"],
            f["network"],
            ", ".join(map(str, f["trained_on_folds"])) + (" IN-SAMPLE" if f["in_sample"] else ""),
            ", ".join(map(str, f["thresholds_from_folds"]))
            + (" (in-sample thresholds)" if f["in_sample_thresholds"] else ""),
            f["slices"],
            " / ".join(str(f["by_class"][label]) for label in LABELS),
        ]
        for f in document["protocol"]["folds"]
    ]
    head = ("fold", "network", "trained on", "thresholds from", "slices", "of each class")
    return Table(head, rows, "Classes in the order " + ", ".join(LABELS) + ".")


def overview(document: Document) -> Table:
    pooled, half = document["figures"]["pooled"], document["figures_fp16"]
    rows = [
        [text, shown(pooled[k], _digits(k)), pooled[k]["n"], shown(half[k], _digits(k))]
        for k, text in FIGURES
    ]
    return Table(("figure", "INT8 (95 %)", "n", "FP16 (95 %)"), rows, "All folds pooled.")


def classes(document: Document) -> Table:
    keys = ("precision", "recall", "f1", "uncertain", "refused")
    found = document["figures"]["pooled"]["by_class"]
    rows = [["slices", *(f["recall"]["n"] for f in found.values())]]
    rows += [[key, *(shown(f[key]) for f in found.values())] for key in keys]
    return Table(("", *found), rows, "By class (refused slices lower the recall).")


def parts(document: Document, kind: str, caption: str) -> Table:
    keys = (
        ("accuracy", "four classes"),
        ("types", "types"),
        ("sensitivity", "sensitivity"),
        ("specificity", "specificity"),
        ("auc", "AUC"),
        ("dice", "Dice"),
        ("ap50", "AP50"),
        ("hd95_px", "HD95 px"),
        ("false_mask_rate", "false masks"),
        ("uncertain", "uncertain"),
        ("refused", "refused"),
    )
    found = document["figures"][kind]
    rows = [["slices", *(f["n"] for f in found.values())]]
    rows += [["groups", *(f["groups"] for f in found.values())]]
    rows += [[text, *(shown(f[key]) for f in found.values())] for key, text in keys]
    rows = [row for row in rows if any(value is not None for value in row[1:])]
    return Table(("", *found), rows, caption + ".")


def size_caption(document: Document) -> str:
    low, high = document["figures"]["size_edges_px"]
    return f"By tumour size, terciles: small up to {low} px, medium up to {high} px"


def masks(document: Document) -> Table:
    pooled, half = document["figures"]["pooled"], document["figures_fp16"]
    rows = [[text, shown(pooled[k]), pooled[k]["n"], shown(half[k])] for k, text in MASKS]
    for label, found in pooled["by_class"].items():
        if "dice" in found:
            other = half["by_class"][label]
            row = [f"Dice, {label}", shown(found["dice"]), found["dice"]["n"], shown(other["dice"])]
            rows.append(row)
            hd95 = [shown(found["hd95_px"], 1), found["hd95_px"]["n"], shown(other["hd95_px"], 1)]
            rows.append([f"HD95 px, {label}", *hd95])
    return Table(("figure", "INT8 (95 %)", "n slices", "FP16 (95 %)"), rows)


def readers(document: Document) -> Table | None:
    found = document["readers"]
    if not found:
        return None
    rows = [
        [
            label,
            shown(f["readers"]),
            number(f["readers_median"]),
            shown(f["network"]),
            f["readers"]["n"],
        ]
        for label, f in found.items()
    ]
    head = ("class", "readers, mean", "readers, median", "network, mean, same slices", "n")
    return Table(head, rows, "Dice of two groups of readers: the practical ceiling.")


def calibration(document: Document) -> Table:
    found = document["calibration"]
    rows = [
        [text, shown(found[k]["error"], 4), number(found[k]["log_loss"], 4), found[k]["error"]["n"]]
        for k, text in PROBABILITIES.items()
    ]
    temperatures = ", ".join(f"{k} {v:.3f}" for k, v in found["temperatures"].items())
    head = ("probabilities", "expected calibration error (95 %)", "log loss", "n")
    return Table(head, rows, f"15 bins. Temperatures: {temperatures}.")


def sets(document: Document) -> Table:
    pooled = document["figures"]["pooled"]
    rows = [
        [name, shown(f["set_coverage"]), shown(f["set_size"]), f["set_coverage"]["n"]]
        for name, f in (("all", pooled), *pooled["by_class"].items())
    ]
    head = ("class", "holds the truth (95 %)", "labels in it, mean", "n")
    return Table(head, rows, "Prediction sets aimed at 95 %; refused slices have none.")


def operating(document: Document) -> Table:
    found = document["operating_points"]
    rows = [
        [f"presence ≥ {p['presence']:g}", shown(p["sensitivity"]), shown(p["specificity"])]
        for p in found["table"]
    ]
    rows += [
        [f"CHOSEN: {p['rule']}", shown(p["sensitivity"]), shown(p["specificity"])]
        for p in found["chosen"]
    ]
    caption = f"{found['n']} slices that were read. The chosen rows are what is served."
    return Table(("called tumour when", "sensitivity (95 %)", "specificity (95 %)"), rows, caption)
