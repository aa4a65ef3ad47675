"""The tables of the exploration, each from the document: header, rows, caption."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from appliance.wording import shown
from training.page import Table

Document = Mapping[str, Any]


def percent(share: float | None, digits: int = 1) -> str | None:
    """``12.3 %``, with a space that does not break."""
    return None if share is None else f"{100 * share:.{digits}f}\u00a0%"


def _plain(label: str) -> str:
    return "no tumour" if label == "no_tumor" else label


def classes(document: Document) -> Table:
    rows = document["classes"]
    folds = sorted({fold for row in rows for fold in row["folds"]})
    names = ["kept aside" if fold == "0" else f"fold {fold}" for fold in folds]
    return Table(
        ("set", "class", "slices", "groups", *names),
        [
            [row["set"], _plain(row["label"]), row["slices"], row["groups"]]
            + [row["folds"].get(fold, 0) for fold in folds]
            for row in rows
        ],
    )


def planes(document: Document) -> Table:
    names = {"ax": "axial", "co": "coronal", "sa": "sagittal"}
    rows = document["planes"]["by_set"]
    rest = sorted({plane for row in rows for plane in row["planes"]} - set(names))
    return Table(
        ("set", "class", "plane is", *names.values(), *rest),
        [
            [row["set"], _plain(row["label"]), "inferred" if row["inferred"] else "listed"]
            + [row["planes"].get(plane, 0) for plane in (*names, *rest)]
            for row in rows
        ],
    )


def files(document: Document) -> Table:
    sizes = document["sizes"]
    heads = {row["set"]: row for row in sizes["head_in_file"]}
    return Table(
        ("set", "file shapes", "commonest", "its share", "head's side / file's side, median"),
        [
            [row["set"], row["shapes"], row["commonest"], percent(row["share"])]
            + [f"{heads[row['set']]['median']:.2f}"]
            for row in sizes["files"]
        ],
    )


def lesions(document: Document) -> Table:
    return Table(
        ("class", "set", "slices", "median px", "5 to 95 %, px", "median share of the head"),
        [
            [row["label"], row["set"], row["slices"], f"{row['px']['median']:.0f}"]
            + [f"{row['px']['p5']:.0f} to {row['px']['p95']:.0f}"]
            + [percent(row["share_of_head"]["median"])]
            for row in document["sizes"]["lesions"]
        ],
    )


def intensities(document: Document) -> Table:
    return Table(
        ("set", "pixels", "mean, file", "deviation", "between slices", "mean, prepared")
        + ("deviation",),
        [
            [row["set"], row["pixels"]]
            + [
                f"{row[key]:.3f}"
                for key in ("file_mean", "file_deviation", "deviation_of_slice_means")
            ]
            + [f"{row[key]:.3f}" for key in ("prepared_mean", "prepared_deviation")]
            for row in document["intensities"]["by_set"]
        ],
        "Head pixels. File: 0 to 1 of what the file can hold; prepared: -1 to 1.",
    )


def baseline(document: Document) -> Table:
    return Table(
        ("features", "of the", "accuracy", "AUC", "other sources called tumour"),
        [
            [row["features"], "file" if row["view"] == "file" else "prepared slice"]
            + [shown(row["accuracy"]), shown(row["auc"])]
            + [shown(row.get("other_sources_called_tumour"), 2)]
            for row in document["source_baseline"]["by_feature"]
        ],
        "95 % intervals by resampling groups. Every slice of the other sources is a tumour.",
    )


def clusters(document: Document) -> Table:
    return Table(
        ("clusters", "agreement with class", "with set", "with plane, where listed"),
        [list(row.values()) for row in document["embedding"]["clusters"]["by_count"]],
        "Adjusted Rand index: 1 the same partition, 0 chance.",
    )


def members(document: Document) -> Table:
    def words(counts: Mapping[str, int]) -> str:
        ordered = sorted(counts.items(), key=lambda item: -item[1])
        return ", ".join(f"{_plain(name)} {count}" for name, count in ordered) or "none listed"

    return Table(
        ("cluster", "slices", "classes", "planes, where listed"),
        [
            [row["cluster"], row["slices"], words(row["labels"]), words(row["planes"])]
            for row in document["embedding"]["clusters"]["members"]
        ],
    )


def look_alikes(document: Document) -> Table:
    found = document["embedding"]["look_alikes"]
    return Table(
        ("cluster across folds", "slices (at most six)"),
        [
            [number, ", ".join(names)]
            for number, names in enumerate(found.get("examples_across_folds", []), 1)
        ],
    )


def places(document: Document) -> Table:
    return Table(
        ("class", "plane", "slices", "groups", "peak"),
        [
            [row["label"], row["plane"], row["slices"], row["groups"], percent(row.get("peak"))]
            for row in document["places"]
        ],
        "Peak: the share of slices with the lesion at its commonest place.",
    )


def readers(document: Document) -> Table:
    return Table(
        ("class", "slices", "median Dice", "mean Dice", "below 0.5", "area, second / first"),
        [
            [row["label"], row["slices"], shown(row["median_dice"]), shown(row["mean_dice"])]
            + [percent(row["share_below_half"]), shown(row["median_area_ratio"], 2)]
            for row in document["readers"]["by_label"]
        ],
        "95 % intervals by resampling groups.",
    )


def timings(document: Document) -> Table:
    return Table(
        ("step", "oneDAL algorithm", "rows × columns", "oneDAL, ms", "scikit-learn, ms")
        + ("times as fast", "the two answers"),
        [
            [row["step"], row["algorithm"], f"{row['rows']}×{row['columns']}"]
            + [f"{row['onedal_ms']:.2f}", f"{row['stock_ms']:.2f}", f"{row['ratio']:.2f}"]
            + [row["agreement"]]
            for row in document["timings"]
        ],
    )
