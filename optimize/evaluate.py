"""Score a package exactly as it is served: bytes in, report out, nothing reimplemented."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from tqdm import tqdm

from appliance.core.metrics import auc, calibration_error, confusion, dice, wilson
from appliance.core.types import LABELS, Report
from appliance.ingest import read_bytes
from appliance.pipeline import Analyzer
from optimize.cases import Case

_HEALTHY = LABELS.index("no_tumor")


def report_of(analyzer: Analyzer, data: bytes, name: str) -> Report:
    """The report of a one-picture file."""
    study = read_bytes(data, name)
    if study.series:
        return analyzer.analyze(study.series[0])
    return analyzer.refuse(study.refusals[0])


def _drawn(report: Report, shape: tuple[int, int]) -> np.ndarray:
    return np.zeros(shape, bool) if report.label_map is None else report.label_map.array[0] > 0


def score(analyzer: Analyzer, cases: Iterable[Case]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Figures over cases, and one row for each.

    Refused slices count as refused and, for accuracy and Dice, as wrong and empty.
    """
    cases = list(cases)
    rows = []
    for case in tqdm(cases, desc="scoring", disable=None):
        report = report_of(analyzer, case.image.read_bytes(), case.image.name)
        document = report.document
        seen = document["classification"]
        truth = case.truth()
        mask = _drawn(report, truth.shape)
        rows.append(
            {
                "image": case.image.name,
                "truth": case.label,
                "verdict": document["verdict"],
                "reasons": document["reasons"],
                "label": None if seen is None else seen["label"],
                "probabilities": None if seen is None else seen["probabilities"],
                "prediction_set": None if seen is None else seen["prediction_set"],
                "ood_score": document["quality"]["ood_score"],
                "mask_px": int(mask.sum()),
                "dice": dice(mask, truth) if truth.any() else None,
            }
        )
    return figures(rows), rows


def _share(hits: np.ndarray) -> dict[str, Any]:
    low, high = wilson(int(hits.sum()), len(hits))
    return {
        "value": round(float(hits.mean()), 4) if len(hits) else None,
        "interval": [round(low, 4), round(high, 4)],
        "n": len(hits),
    }


def figures(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Figures of merit of rows; shares carry a 95 % Wilson interval and n."""
    truth = np.array([LABELS.index(row["truth"]) for row in rows])
    guess = np.array([-1 if row["label"] is None else LABELS.index(row["label"]) for row in rows])
    verdict = np.array([row["verdict"] for row in rows])
    tumour = truth != _HEALTHY
    read = guess >= 0
    out: dict[str, Any] = {
        "n": len(rows),
        "accuracy": _share(guess == truth),
        "types": _share((guess == truth)[tumour]),
        "sensitivity": _share((read & (guess != _HEALTHY))[tumour]),
        "shown_as_tumor_or_uncertain": _share(np.isin(verdict, ("tumor", "uncertain"))[tumour]),
        "called_no_tumor": _share((verdict == "no_tumor")[tumour]),
        "uncertain": _share(verdict == "uncertain"),
        "refused": _share(verdict == "refused"),
        "confusion": confusion(truth[read], guess[read], len(LABELS)).tolist(),
    }
    overlaps = [row["dice"] for row in rows if row["dice"] is not None]
    if overlaps:
        out["dice"] = {
            "value": round(float(np.mean(overlaps)), 4),
            "by_class": {
                label: round(float(np.mean(part)), 4)
                for label in LABELS
                if (
                    part := [
                        r["dice"] for r in rows if r["truth"] == label and r["dice"] is not None
                    ]
                )
            },
            "n": len(overlaps),
        }
    if (~tumour).any():
        drawn = np.array([row["mask_px"] > 0 for row in rows])
        out["specificity"] = _share((read & (guess == _HEALTHY))[~tumour])
        out["false_mask_rate"] = _share(drawn[~tumour])
    if read.any() and (~tumour).any():
        chances = np.array(
            [[row["probabilities"][k] for k in LABELS] for row in rows if row["label"]]
        )
        out["auc"] = round(auc(1.0 - chances[:, _HEALTHY], tumour[read]), 4)
        error = calibration_error(chances.max(1), guess[read] == truth[read])
        out["calibration_error"] = round(error, 4)
        covered = [row["truth"] in row["prediction_set"] for row in rows if row["label"]]
        sizes = [len(row["prediction_set"]) for row in rows if row["label"]]
        out["set_coverage"] = round(float(np.mean(covered)), 4)
        out["set_size"] = round(float(np.mean(sizes)), 4)
    return out
