"""Score a package exactly as it is served: bytes in, report out, nothing reimplemented."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from appliance.core.errors import InputError
from appliance.core.manifest import Manifest
from appliance.core.metrics import Box, dice, hd95, match_boxes
from appliance.core.types import Report
from appliance.ingest import read_bytes
from appliance.pipeline import Analyzer
from optimize.cases import Case
from optimize.kept import kept_rows

SPECK_PX = 10
"""Parts of a true mask with fewer pixels are drawing dust, not lesions to be found."""


def report_of(analyzer: Analyzer, data: bytes, name: str) -> Report:
    """The report of a one-picture file."""
    study = read_bytes(data, name)
    if study.series:
        return analyzer.analyze(study.series[0])
    return analyzer.refuse(study.refusals[0])


def drawn(report: Report, shape: tuple[int, int]) -> np.ndarray:
    """The mask of a report, (rows, columns) bool; empty where none was drawn."""
    return np.zeros(shape, bool) if report.label_map is None else report.label_map.array[0] > 0


def true_lesions(truth: np.ndarray) -> tuple[np.ndarray, list[Box]]:
    """Parts of a true mask that touch by edge or corner, and their half-open boxes.

    Returns
    -------
    (rows, columns) int32, number of the lesion from 1 on
    list of (row0, column0, row1, column1)
    """
    count, numbers, table, _ = cv2.connectedComponentsWithStats(truth.astype(np.uint8))
    kept, boxes = np.zeros_like(numbers), []
    for number in range(1, count):
        column, row, columns, rows, area = (int(v) for v in table[number])
        if area >= SPECK_PX:
            boxes.append((row, column, row + rows, column + columns))
            kept[numbers == number] = len(boxes)
    return kept, boxes


def judge(report: Report, truth: np.ndarray) -> dict[str, Any]:
    """What a report says of one slice, beside the truth: one row without the case's name.

    Parameters
    ----------
    truth : (rows, columns) bool
    """
    document = report.document
    seen = document["classification"]
    mask = drawn(report, truth.shape)
    numbers, boxes = true_lesions(truth)
    found = [(tuple(f["box"][1:3] + f["box"][4:6]), f["score"]) for f in document["lesions"]]
    matched = match_boxes([box for box, _ in found], [score for _, score in found], boxes)
    witnesses = document["slices"][0]["witnesses"] if document["slices"] else None
    distance = hd95(mask, truth)
    return {
        "verdict": document["verdict"],
        "reasons": document["reasons"],
        "label": None if seen is None else seen["label"],
        "probabilities": None if seen is None else seen["probabilities"],
        "prediction_set": None if seen is None else seen["prediction_set"],
        "witnesses": witnesses,
        "ood_score": document["quality"]["ood_score"],
        "mask_px": int(mask.sum()),
        "dice": dice(mask, truth) if truth.any() else None,
        "hd95_px": None if np.isnan(distance) else distance,
        "lesions": len(boxes),
        "touched": len(set(np.unique(numbers[mask])) - {0}),
        "detections": [
            {"score": score, "lesion": hit} for (_, score), hit in zip(found, matched, strict=True)
        ],
    }


def row_of(analyzer: Analyzer, case: Case) -> dict[str, Any]:
    """One case scored: what it is, and what was said."""
    report = report_of(analyzer, case.image.read_bytes(), case.image.name)
    truth = case.truth()
    return {
        "image": case.image.name,
        "source": case.source,
        "fold": case.fold,
        "group": case.group,
        "plane": case.plane,
        "truth": case.label,
        "truth_px": int(truth.sum()),
        **judge(report, truth),
    }


def score(
    analyzer: Analyzer,
    cases: Sequence[Case],
    kept: Path | None = None,
    what: str = "scoring",
) -> list[dict[str, Any]]:
    """One row for each case, in order.

    Parameters
    ----------
    kept : Path, optional
        File that holds the rows scored so far, for a run that was killed.
    what : str
        What the progress bar calls it.
    """
    return kept_rows(kept, list(cases), lambda case: row_of(analyzer, case), what)


def demand_unseen(manifest: Manifest, cases: Iterable[Case], in_sample: bool) -> bool:
    """Whether cases lie in folds the package was trained on, which has to be allowed.

    Raises
    ------
    InputError
        When they do and `in_sample` is not set.
    """
    trained_on = set(manifest.to_json()["provenance"]["trained_on_folds"])
    seen = sorted({case.fold for case in cases} & trained_on)
    if seen and not in_sample:
        raise InputError(
            f"package {manifest.name} was trained on fold {', '.join(map(str, seen))}: its figures "
            "there would say nothing about new patients; give --in-sample to see them, labelled so"
        )
    return bool(seen)
