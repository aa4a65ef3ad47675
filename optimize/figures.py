"""Figures of merit of scored rows, each with an interval from resampled groups.

The only place where rows become figures: `optimize package`, `optimize evaluate` and `training
evaluate` all call it. A refused slice counts as wrong and as an empty mask; figures that need
probabilities or a prediction set leave it out, and their n says so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from appliance.core.intervals import RESAMPLES, Bootstrap, Statistic, weighted_mean, weighted_ratio
from appliance.core.metrics import (
    bin_of,
    confusion,
    weighted_auc,
    weighted_average_precision,
    weighted_calibration_error,
    weighted_median,
)
from appliance.core.types import LABELS
from optimize.scored import HEALTHY, Scored

AP_DEFINITION = (
    "AP50: detections are the lesions of the report (box of a connected part of the drawn mask, "
    "score of the report), true boxes the connected parts of the expert mask of 10 pixels or "
    "more; a detection is right when its box overlaps a true box, not yet taken by a better "
    "scored one of the same slice, by at least half (intersection over union). All detections of "
    "all slices, healthy ones included, in one list by score; area under precision made "
    "monotone, over recall, every recall step counted; one class."
)
METHOD = (
    "95 % percentile intervals of a bootstrap that draws whole groups (runs of consecutive slices "
    "of one label, clusters of look-alikes), {resamples} draws; where every draw gives 0 or 1, "
    "Wilson's interval with the number of groups as n. A patient may have several runs, so "
    "the intervals are too narrow by an unknown amount."
)


Part = tuple[Statistic, np.ndarray]
"""A statistic, and the items it speaks about, (n,) bool."""


def _share(hits: np.ndarray, where: np.ndarray | None = None) -> Part:
    inside = np.ones(len(hits), bool) if where is None else where
    return weighted_mean(hits, inside), inside


def _of_confusion(s: Scored, kind: str) -> Part:
    """Mean over the classes present of precision, recall or F1, by the label."""
    classes = [c for c in range(len(LABELS)) if (s.truth == c).any()]
    parts = [_of_class(s, c, kind) for c in classes]

    def statistic(weights: np.ndarray) -> np.ndarray:
        return np.nanmean([part(weights) for part in parts], axis=0)

    return statistic, np.ones(len(s.rows), bool)


def _of_class(s: Scored, index: int, kind: str) -> Statistic:
    right = ((s.guess == index) & (s.truth == index)).astype(float)
    said, true = (s.guess == index).astype(float), (s.truth == index).astype(float)
    if kind == "f1":
        return weighted_ratio(2 * right, said + true)
    if kind == "recall":
        return weighted_ratio(right, true)

    def precision(weights: np.ndarray) -> np.ndarray:
        # A draw in which nobody was called so has no wrong call either, and no right one.
        return np.nan_to_num(weighted_ratio(right, said)(weights))

    return precision


def _auc(s: Scored) -> Part:
    return (
        lambda w: weighted_auc(s.presence[s.read], s.tumour[s.read], w[:, s.read]),
        s.read,
    )


def _ece(s: Scored) -> Part:
    top = s.chances[s.read].max(1)
    right = (s.guess == s.truth)[s.read]
    return lambda w: weighted_calibration_error(top, right, w[:, s.read]), s.read


def _ap50(s: Scored) -> Part:
    lesions = s.column("lesions")
    owner, score, hit = [], [], []
    for index, row in enumerate(s.rows):
        for found in row["detections"]:
            owner.append(index)
            score.append(found["score"])
            hit.append(found["lesion"] is not None)
    owner = np.array(owner, int)

    def statistic(weights: np.ndarray) -> np.ndarray:
        total = np.asarray(weights, float) @ lesions
        return weighted_average_precision(score, hit, weights[:, owner], total)

    return statistic, np.ones(len(s.rows), bool)


def _per_lesion(s: Scored, key: str) -> Part:
    lesions = s.column("lesions")
    if key == "touched":
        found = s.column("touched")
    else:
        hits = [sum(d["lesion"] is not None for d in row["detections"]) for row in s.rows]
        found = np.array(hits, float)
    return weighted_ratio(found, lesions), lesions > 0


def _median(values: np.ndarray) -> Part:
    known = np.isfinite(values)
    return lambda w: weighted_median(values[known], w[:, known]), known


def _dice(s: Scored, where: np.ndarray | None = None) -> Part:
    inside = s.tumour if where is None else s.tumour & where
    return weighted_mean(np.nan_to_num(s.column("dice")), inside), inside


_FIGURES: dict[str, Callable[[Scored], Part]] = {
    "accuracy": lambda s: _share(s.guess == s.truth),
    "types": lambda s: _share(s.guess == s.truth, s.tumour),
    "types_of_three": lambda s: _share(_best_type(s) == s.truth, s.tumour),
    "sensitivity": lambda s: _share(s.read & (s.guess != HEALTHY), s.tumour),
    "sensitivity_when_read": lambda s: _share(s.guess != HEALTHY, s.tumour & s.read),
    "specificity": lambda s: _share(s.read & (s.guess == HEALTHY), ~s.tumour),
    "precision": lambda s: _of_confusion(s, "precision"),
    "recall": lambda s: _of_confusion(s, "recall"),
    "f1": lambda s: _of_confusion(s, "f1"),
    "auc": _auc,
    "calibration_error": _ece,
    "set_coverage": lambda s: _share(s.covered, s.read),
    "set_size": lambda s: _share(s.set_size, s.read),
    "dice": _dice,
    "dice_when_read": lambda s: _dice(s, s.read),
    "hd95_px": lambda s: _median(s.column("hd95_px")),
    "ap50": _ap50,
    "lesions_found": lambda s: _per_lesion(s, "found"),
    "lesions_touched": lambda s: _per_lesion(s, "touched"),
    "false_mask_rate": lambda s: _share(s.column("mask_px") > 0, ~s.tumour),
    "healthy_called_tumor": lambda s: _share(s.verdict == "tumor", ~s.tumour),
    "called_no_tumor": lambda s: _share(s.verdict == "no_tumor", s.tumour),
    "shown_as_tumor_or_uncertain": lambda s: _share(
        np.isin(s.verdict, ("tumor", "uncertain")), s.tumour
    ),
    "contradiction": lambda s: _share(s.contradicts, s.read),
    "uncertain": lambda s: _share(s.verdict == "uncertain"),
    "refused": lambda s: _share(s.verdict == "refused"),
}


_NO_SHARES = ("set_size", "hd95_px")


def _best_type(s: Scored) -> np.ndarray:
    """The likeliest of the three types, (n,) int; -1 for a refused slice."""
    types = np.where(np.isnan(s.chances), -1.0, s.chances)[:, :HEALTHY]
    return np.where(s.read, types.argmax(1), -1)


def _rounded(value: float) -> float | None:
    return round(value, 4) if np.isfinite(value) else None


def entry(
    statistic: Statistic, where: np.ndarray, draws: Bootstrap, share: bool = True
) -> dict[str, Any]:
    """A figure with its interval.

    Parameters
    ----------
    share : bool
        The figure lies between 0 and 1.

    Returns
    -------
    dict
        ``value`` (None where it is not defined), ``interval``, ``n`` slices it speaks about.
    """
    n = int(where.sum())
    if n == 0:
        return {"value": None, "interval": [None, None], "n": 0}
    low, high = draws.interval(statistic, where=where, share=share)
    value = draws.value(statistic)
    return {
        "value": _rounded(value),
        "interval": [_rounded(low), _rounded(high)],
        "n": n,
    }


def figures(
    rows: Sequence[Mapping[str, Any]], resamples: int = RESAMPLES, seed: int = 0
) -> dict[str, Any]:
    """All figures of rows that `optimize.evaluate.score` made.

    Returns
    -------
    dict
        ``n``, ``groups``, ``confusion`` (rows are the truth, last column refused), the figures
        of `entry`, and ``by_class`` for what is asked of a class.
    """
    s = Scored.of(rows)
    draws = Bootstrap([row["group"] for row in rows], resamples, seed)
    guess = np.where(s.read, s.guess, len(LABELS))
    out: dict[str, Any] = {
        "n": len(rows),
        "groups": draws.groups,
        "confusion": confusion(s.truth, guess, len(LABELS) + 1)[: len(LABELS)].tolist(),
    }
    if not rows:
        return out
    for name, make in _FIGURES.items():
        out[name] = entry(*make(s), draws, name not in _NO_SHARES)
    out["by_class"] = {
        label: _of_label(s, index, draws)
        for index, label in enumerate(LABELS)
        if (s.truth == index).any()
    }
    return out


def _of_label(s: Scored, index: int, draws: Bootstrap) -> dict[str, Any]:
    own = s.truth == index
    everything = np.ones(len(own), bool)
    parts: dict[str, Part] = {
        "precision": (_of_class(s, index, "precision"), everything),
        "recall": (_of_class(s, index, "recall"), own),
        "f1": (_of_class(s, index, "f1"), everything),
        "set_coverage": _share(s.covered, s.read & own),
        "set_size": _share(s.set_size, s.read & own),
        "uncertain": _share(s.verdict == "uncertain", own),
        "refused": _share(s.verdict == "refused", own),
    }
    if index != HEALTHY:
        parts["dice"] = _dice(s, own)
        values = np.where(own, s.column("hd95_px"), np.nan)
        parts["hd95_px"] = _median(values)
    return {name: entry(*part, draws, name not in _NO_SHARES) for name, part in parts.items()}


def reliability(
    confidence: np.ndarray, correct: np.ndarray, bins: int = 15
) -> list[dict[str, float | int]]:
    """Bins of a reliability plot that hold a slice: mean confidence, share right, count.

    Examples
    --------
    >>> reliability(np.array([0.9, 0.95]), np.array([True, False]), 10)
    [{'confidence': 0.925, 'right': 0.5, 'n': 2}]
    """
    which = bin_of(confidence, bins)
    return [
        {
            "confidence": round(float(confidence[which == b].mean()), 4),
            "right": round(float(np.asarray(correct)[which == b].mean()), 4),
            "n": int((which == b).sum()),
        }
        for b in np.unique(which)
    ]
