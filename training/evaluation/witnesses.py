"""Calibration before and after temperature scaling, and what other thresholds would have given."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from appliance.core.intervals import Bootstrap, weighted_mean
from appliance.core.metrics import weighted_calibration_error
from appliance.core.types import LABELS
from appliance.core.verdict import softmax
from optimize.figures import entry, reliability
from optimize.scored import HEALTHY, Scored
from training.evaluation.plan import Judged

PRESENCE = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99)
_CURVE = 200


def calibration(judged: Sequence[Judged], resamples: int) -> dict[str, Any]:
    """Expected calibration error and reliability bins of three sets of probabilities.

    Returns
    -------
    dict
        ``raw``: the classifier's softmax; ``scaled``: the same after temperature scaling;
        ``served``: classifier and mask combined, as the reports give them (refused slices left
        out). Each with ``error`` and ``bins``; ``temperatures`` by fold.
    """
    raw, scaled, labels = [], [], []
    for j in judged:
        raw.append(softmax(j.answers.logits.astype(np.float64)))
        scaled.append(softmax(j.answers.logits.astype(np.float64) / j.rule.temperature))
        labels.append(j.answers.labels)
    rows = [row for j in judged for row in j.rows["INT8"]]
    served = Scored.of(rows)
    truth = np.concatenate(labels)
    groups = [case.group for j in judged for case in j.cases]
    out = {"temperatures": {j.name: round(j.rule.temperature, 4) for j in judged}}
    for name, chances, right in (
        ("raw", np.concatenate(raw), truth),
        ("scaled", np.concatenate(scaled), truth),
        ("served", served.chances, served.truth),
    ):
        known = np.isfinite(chances).all(1)
        out[name] = _calibrated(chances[known], right[known], np.array(groups)[known], resamples)
    return out


def _calibrated(
    chances: np.ndarray, truth: np.ndarray, groups: np.ndarray, resamples: int
) -> dict[str, Any]:
    top, right = chances.max(1), chances.argmax(1) == truth
    draws = Bootstrap(groups, resamples)
    everything = np.ones(len(truth), bool)
    return {
        "error": entry(lambda w: weighted_calibration_error(top, right, w), everything, draws),
        "log_loss": round(float(-np.log(chances[np.arange(len(truth)), truth] + 1e-12).mean()), 4),
        "bins": reliability(top, right),
    }


def operating_points(rows: Sequence[dict], resamples: int) -> dict[str, Any]:
    """Sensitivity and specificity over the threshold on the probability of presence.

    Returns
    -------
    dict
        ``table``: a row for each threshold; ``chosen``: what is served, by label and by verdict;
        ``curve``: the whole ROC curve, thinned; ``n``, refused slices left out.
    """
    s = Scored.of(rows)
    read = s.read
    presence, tumour = s.presence[read], s.tumour[read]
    draws = Bootstrap([row["group"] for row in rows], resamples)
    table = []
    for threshold in PRESENCE:
        called = np.nan_to_num(s.presence, nan=-1.0) >= threshold
        table.append({"presence": threshold, **_pair(called, s, draws)})
    said = {
        "label": s.read & (s.guess != HEALTHY),
        "verdict tumor": s.verdict == "tumor",
        "verdict tumor or uncertain": np.isin(s.verdict, ("tumor", "uncertain")),
    }
    chosen = [{"rule": name, **_pair(called, s, draws)} for name, called in said.items()]
    return {
        "n": int(read.sum()),
        "table": table,
        "chosen": chosen,
        "curve": _curve(presence, tumour),
    }


def _pair(called: np.ndarray, s: Scored, draws: Bootstrap) -> dict[str, Any]:
    ill, well = s.read & s.tumour, s.read & ~s.tumour
    return {
        "sensitivity": entry(weighted_mean(called, ill), ill, draws),
        "specificity": entry(weighted_mean(~called, well), well, draws),
    }


def _curve(presence: np.ndarray, tumour: np.ndarray) -> list[list[float]]:
    """(1 - specificity, sensitivity) at falling thresholds, at most `_CURVE` points."""
    if not tumour.any() or tumour.all():
        return []
    order = np.argsort(-presence, kind="stable")
    last = np.append(np.diff(presence[order]) != 0, True)  # ties move together
    found = np.cumsum(tumour[order])[last] / tumour.sum()
    false = np.cumsum(~tumour[order])[last] / (~tumour).sum()
    points = np.stack([np.append(0.0, false), np.append(0.0, found)], 1)
    keep = np.unique(np.linspace(0, len(points) - 1, _CURVE).astype(int))
    return np.round(points[keep], 4).tolist()


def by_part(rows: Sequence[dict], edges: Sequence[int]) -> dict[str, dict[str, list[dict]]]:
    """Rows by fold, plane and size of the tumour.

    Parameters
    ----------
    edges : (low, high)
        Tumour pixels that part the terciles.
    """

    def grouped(key) -> dict[str, list[dict]]:
        found: dict[str, list[dict]] = {}
        for row in rows:
            name = key(row)
            if name is not None:
                found.setdefault(name, []).append(row)
        return dict(sorted(found.items()))

    def size(row: dict) -> str | None:
        if row["truth"] == LABELS[-1]:
            return None
        low, high = edges
        px = row["truth_px"]
        return "1 small" if px <= low else "2 medium" if px <= high else "3 large"

    return {
        "by_fold": grouped(lambda row: str(row["fold"])),
        "by_plane": grouped(lambda row: row["plane"] or "unknown"),
        "by_size": grouped(size),
    }


def size_edges(rows: Sequence[dict]) -> list[int]:
    """Tumour pixels at the two terciles of the tumour slices."""
    sizes = [row["truth_px"] for row in rows if row["truth"] != LABELS[-1]]
    return [int(edge) for edge in np.quantile(sizes, [1 / 3, 2 / 3])] if sizes else [0, 0]
