"""The figures of the exploration, each drawn from the document."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from appliance.core.types import LABELS
from training.page import COLOURS, new_figure

COLOUR = dict(zip(LABELS, COLOURS, strict=False))
SETS = {"figshare": COLOURS[0], "no_tumor": COLOURS[3], "other_sources": COLOURS[5]}
SHORT = {"no_tumor": "no tumour"}


def classes(rows: Sequence[Mapping[str, Any]]) -> Any:
    """Stacked bars: slices of each class by fold, the sets kept aside on their own."""
    folds = sorted({fold for row in rows for fold in row["folds"]})
    fig, axes = new_figure(5.6, 2.6)
    left = np.zeros(len(folds))
    for label in LABELS:
        counts = np.array(
            [sum(r["folds"].get(f, 0) for r in rows if r["label"] == label) for f in folds]
        )
        axes.barh(range(len(folds)), counts, left=left, color=COLOUR[label], label=_name(label))
        left += counts
    names = ["kept aside" if fold == "0" else f"fold {fold}" for fold in folds]
    axes.set_yticks(range(len(folds)), names)
    axes.invert_yaxis()
    axes.set_xlabel("slices")
    _legend(fig, axes)
    return fig


def lesion_sizes(shares: Mapping[str, Sequence[float]]) -> Any:
    """Share of the head that the lesion takes, by class, on a logarithmic scale."""
    fig, axes = new_figure(5.6, 2.6)
    bins = np.geomspace(1e-3, 0.5, 36)
    for label, values in shares.items():
        axes.hist(
            np.clip(values, 1e-3, 0.5),
            bins,
            histtype="step",
            linewidth=1.8,
            color=COLOUR[label],
            label=_name(label),
        )
    axes.set_xscale("log")
    axes.set_xticks([0.001, 0.01, 0.1, 0.5], ["0.1 %", "1 %", "10 %", "50 %"])
    axes.set(xlabel="lesion's share of the head", ylabel="slices")
    _legend(fig, axes)
    return fig


def intensities(found: Mapping[str, Any]) -> Any:
    """Densities of grey values by set, before and after preparation."""
    fig, axes = new_figure(5.6, 2.9, columns=2, sharey=False)
    titles = (("file", "as given", (0, 1)), ("prepared", "prepared", (-1, 1)))
    for one, (column, title, ends) in zip(axes, titles, strict=True):
        edges = np.linspace(*ends, found["bins"] + 1)
        for name, values in found["histograms"].items():
            one.stairs(values[column], edges, color=SETS.get(name), linewidth=1.6, label=name)
        one.set(title=title, xlabel="grey value", yticks=[])
    axes[0].set_ylabel("density")
    _legend(fig, axes[0])
    return fig


def baseline(found: Mapping[str, Any]) -> Any:
    """AUC of the linear model by kind of feature, of the file and of the prepared slice."""
    fig, axes = new_figure(5.6, 3.0)
    rows = found["by_feature"]
    kinds = list(dict.fromkeys(row["features"] for row in rows))
    for offset, view, colour in ((-0.18, "file", COLOURS[5]), (0.18, "prepared", COLOURS[4])):
        chosen = [next(r for r in rows if r["view"] == view and r["features"] == k) for k in kinds]
        values = np.array([row["auc"]["value"] for row in chosen])
        ends = np.array([row["auc"]["interval"] for row in chosen])
        spread = np.abs(ends - values[:, None]).T
        axes.barh(
            np.arange(len(kinds)) + offset,
            values - 0.5,
            0.34,
            left=0.5,
            xerr=spread,
            color=colour,
            ecolor="black",
            label="file as given" if view == "file" else "prepared slice",
        )
    axes.set_yticks(range(len(kinds)), [k if k.count("+") == 0 else "all three" for k in kinds])
    axes.invert_yaxis()
    axes.set(xlim=(0.5, 1.0), xlabel="AUC, tumour against no tumour (0.5 is chance)")
    _legend(fig, axes)
    return fig


def components(found: Mapping[str, Any]) -> Any:
    """First two principal components, coloured by class and by set."""
    points = np.array(found["components"]["points"])
    labels, sets = np.array(found["labels"]), np.array(found["sets"])
    fig, axes = new_figure(5.6, 3.3, columns=2, sharex=True, sharey=True)
    style = {"s": 4, "linewidths": 0, "alpha": 0.6, "rasterized": True}
    for number, label in enumerate(LABELS):
        rows = labels == number
        axes[0].scatter(*points[rows].T, color=COLOUR[label], label=_name(label), **style)
    for name in dict.fromkeys(sets.tolist()):
        rows = sets == name
        axes[1].scatter(*points[rows].T, color=SETS.get(name), label=name, **style)
    for one, title in zip(axes, ("by class", "by set"), strict=True):
        one.set(title=title, xlabel="component 1", xticks=[], yticks=[])
        one.legend(
            loc="upper center",
            bbox_to_anchor=(0.5, -0.12),
            ncols=2,
            fontsize=9,
            markerscale=3,
            handletextpad=0.2,
            columnspacing=0.8,
        )
    axes[0].set_ylabel("component 2")
    return fig


def heat_maps(maps: Sequence[Mapping[str, Any]]) -> Any:
    """Rows are classes, columns planes; the line is the average head."""
    labels = list(dict.fromkeys(entry["label"] for entry in maps))
    planes = [
        p
        for p in ("axial", "coronal", "sagittal", "all")
        if any(entry["plane"] == p and entry["map"] for entry in maps)
    ]
    shape = (max(len(labels), 1), max(len(planes), 1))
    fig, axes = new_figure(1.4 * shape[1], 1.5 * shape[0] + 0.3, *shape, squeeze=False)
    for row, label in enumerate(labels):
        for column, plane in enumerate(planes):
            one = axes[row][column]
            one.set(xticks=[], yticks=[])
            one.spines[:].set_visible(False)
            entry = next((e for e in maps if (e["label"], e["plane"]) == (label, plane)), None)
            _heat_map(one, entry)
            if row == 0:
                one.set_title(plane)
            if column == 0:
                one.set_ylabel(_name(label), fontsize=10)
    return fig


def _heat_map(axes: Any, entry: Mapping[str, Any] | None) -> None:
    if entry is None or entry["map"] is None:
        axes.text(0.5, 0.5, "too few", ha="center", va="center", fontsize=9)
        return
    values, outline = np.array(entry["map"]), np.array(entry["outline"])
    values, outline = np.pad(values, 2), np.pad(outline, 2)
    shown = np.ma.masked_less(values, 0.02 * max(values.max(), 1e-9))
    axes.imshow(shown, cmap="inferno", vmin=0, interpolation="bilinear", rasterized=True)
    axes.contour(outline, [0.5], colors="black", linewidths=0.8)
    axes.set_xlabel(f"n {entry['slices']}, peak {entry['peak']:.0%}", fontsize=8)


def readers(found: Mapping[str, Any]) -> Any:
    """How much two readers' masks overlap, by class."""
    fig, axes = new_figure(5.6, 2.6)
    bins = np.linspace(0, 1, 41)
    for label, values in found["dice"].items():
        weights = np.full(len(values), 1 / max(len(values), 1))
        axes.hist(
            values,
            bins,
            weights=weights,
            histtype="step",
            linewidth=1.8,
            color=COLOUR[label],
            label=_name(label),
        )
    axes.set(xlabel="Dice of the two masks", ylabel="share of slices", xlim=(0, 1))
    _legend(fig, axes)
    return fig


def _name(label: str) -> str:
    return SHORT.get(label, label)


def _legend(fig: Any, axes: Any) -> None:
    """One line above the axes, where no data lie."""
    handles, labels = axes.get_legend_handles_labels()
    fig.legend(
        handles, labels, loc="outside upper center", ncols=len(labels), fontsize=9, frameon=False
    )
