"""The figures of the report, out of the document's numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from appliance.core.types import LABELS
from training.page import COLOURS, new_figure

_SHORT = ("glioma", "mening.", "pituit.", "none")


def confusion(document: Mapping[str, Any]):
    """Confusion matrix, rows are the truth, shares of the row in colour."""
    table = np.array(document["figures"]["pooled"]["confusion"])
    fig, axes = new_figure(6.4, 3.2)
    shares = table / np.maximum(table.sum(1, keepdims=True), 1)
    for row in range(len(LABELS)):
        for column in range(len(LABELS) + 1):
            share = shares[row, column]
            colour = COLOURS[2] if row == column else COLOURS[4]
            axes.add_patch(_square(column, row, colour, share))
            axes.text(column, row, f"{table[row, column]}", ha="center", va="center")
    axes.set(
        xlim=(-0.5, len(LABELS) + 0.5),
        ylim=(len(LABELS) - 0.5, -0.5),
        xlabel="label of the report",
        ylabel="truth",
    )
    axes.set_xticks(range(len(LABELS) + 1), [*_SHORT, "refused"])
    axes.set_yticks(range(len(LABELS)), _SHORT)
    return fig


def _square(column: int, row: int, colour: str, share: float):
    from matplotlib.patches import Rectangle

    return Rectangle((column - 0.5, row - 0.5), 1, 1, color=colour, alpha=0.6 * share, linewidth=0)


def reliability(document: Mapping[str, Any]):
    """Share right over confidence, before and after temperature scaling, and as served."""
    found = document["calibration"]
    fig, axes = new_figure(6.4, 4.0)
    axes.plot([0, 1], [0, 1], color=COLOURS[5], linewidth=1, linestyle="--")
    for (name, text), colour in zip(_CURVES, COLOURS, strict=False):
        bins = found[name]["bins"]
        error = found[name]["error"]["value"]
        full = [b for b in bins if b["n"] >= _FULL]
        axes.plot(
            [b["confidence"] for b in full], [b["right"] for b in full],
            linewidth=1.2, color=colour, label=f"{text}: ECE {error:.3f}",
        )  # fmt: skip
        axes.scatter(
            [b["confidence"] for b in bins], [b["right"] for b in bins],
            [4 + 3 * b["n"] ** 0.5 for b in bins], color=colour, alpha=0.7, linewidth=0,
        )  # fmt: skip
    axes.set(xlabel="confidence", ylabel="share right", xlim=(0.2, 1.01), ylim=(0, 1.02))
    axes.grid(True, linewidth=0.5)
    axes.legend()
    return fig


_FULL = 10
_CURVES = (
    ("raw", "classifier"),
    ("scaled", "classifier, temperature"),
    ("served", "as served, with the mask"),
)


def roc(document: Mapping[str, Any]):
    """ROC curve of presence with the served points; the corner that matters, enlarged."""
    found = document["operating_points"]
    fig, axes = new_figure(6.4, 3.2, columns=2)
    curve = np.array(found["curve"]).reshape(-1, 2)
    for one in axes:
        if len(curve):
            one.plot(curve[:, 0], curve[:, 1], color=COLOURS[0], drawstyle="steps-post")
        for point, colour in zip(found["chosen"], COLOURS[1:], strict=False):
            pair = point["specificity"]["value"], point["sensitivity"]["value"]
            if None not in pair:
                one.plot(1 - pair[0], pair[1], "o", color=colour, label=point["rule"])
        one.set(xlabel="1 − specificity", ylabel="sensitivity")
        one.grid(True, linewidth=0.5)
    axes[0].set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    axes[1].set(xlim=(-0.003, 0.15), ylim=(0.85, 1.003), ylabel="")
    axes[0].legend(loc="lower right", fontsize=8)
    return fig


def by_class(document: Mapping[str, Any]):
    """Dice of the network and of the readers among themselves, by class."""
    classes = document["figures"]["pooled"]["by_class"]
    readers = document["readers"] or {}
    fig, axes = new_figure(6.4, 2.8)
    names = [label for label in LABELS[:-1] if label in classes]
    for shift, (text, colour, entries) in enumerate(
        (
            ("network", COLOURS[0], [classes[n]["dice"] for n in names]),
            ("readers", COLOURS[1], [readers.get(n, {}).get("readers") for n in names]),
        )
    ):
        for at, found in enumerate(entries):
            if found is None or found["value"] is None:
                continue
            spread = np.abs(np.array(found["interval"], float) - found["value"])[:, None]
            axes.errorbar(
                at + 0.16 * (shift - 0.5),
                found["value"],
                spread,
                fmt="o" if shift == 0 else "s",
                color=colour,
                capsize=4,
                label=text if at == 0 else None,
            )
    axes.set_xticks(range(len(names)), names)
    axes.set(ylabel="Dice, mean", xlim=(-0.6, len(names) - 0.4))
    axes.grid(True, axis="y", linewidth=0.5)
    if axes.get_legend_handles_labels()[1]:
        axes.legend()
    return fig


_SHOWN = (("accuracy", "accuracy"), ("dice", "Dice"), ("refused", "refused"))


def robustness(document: Mapping[str, Any]):
    """Accuracy, Dice and refused share over the strength of every disturbance."""
    found = document["robustness"]
    kinds = found["disturbances"]
    rows = (len(kinds) + 1) // 2
    fig, axes = new_figure(6.4, 2.0 * rows, rows=rows, columns=2, sharey=True)
    flat = np.ravel(axes)
    for one, kind in zip(flat, kinds, strict=False):
        steps = ["none", *(f"{p['strength']:g}" for p in kind["points"])]
        for (key, text), colour in zip(_SHOWN, (COLOURS[0], COLOURS[2], COLOURS[4]), strict=True):
            values = [found["plain"][key]["value"], *(p[key]["value"] for p in kind["points"])]
            values = [np.nan if v is None else v for v in values]
            one.plot(steps, values, marker="o", markersize=3, color=colour, label=text)
        one.set_title(kind["name"])
        one.set_xlabel(kind["unit"], fontsize=8)
        one.set(ylim=(-0.03, 1.03))
        one.grid(True, axis="y", linewidth=0.5)
    for one in flat[len(kinds) :]:
        one.set_visible(False)
    flat[0].legend(loc="center left", fontsize=8)
    return fig


def slices_by_fold(document: Mapping[str, Any]):
    """The main shares of every fold with their intervals."""
    folds = document["figures"]["by_fold"]
    fig, axes = new_figure(6.4, 3.0)
    keys = (("accuracy", "four classes"), ("types", "types"), ("dice", "Dice"), ("ap50", "AP50"))
    for shift, ((key, text), colour) in enumerate(zip(keys, COLOURS, strict=False)):
        for at, found in enumerate(f[key] for f in folds.values()):
            if found["value"] is None:
                continue
            spread = np.abs(np.array(found["interval"], float) - found["value"])[:, None]
            axes.errorbar(
                at + 0.12 * (shift - 1.5), found["value"], spread, fmt="o", color=colour,
                capsize=3, label=text if at == 0 else None,
            )  # fmt: skip
    axes.set_xticks(range(len(folds)), [f"fold {name}" for name in folds])
    axes.set(xlim=(-0.6, len(folds) - 0.4))
    axes.grid(True, axis="y", linewidth=0.5)
    axes.legend(fontsize=8)
    return fig
