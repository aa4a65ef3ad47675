"""The source-only baseline: how far the scanner alone gives the answer away.

Tumour and tumour-free slices come from different scanners. A linear model that sees border, size
and grey value counts, with the tumour left out of the counts, cannot have learnt what a tumour
is. What it scores by group-wise cross-validation is what a network could score by recognising
the source; what it says about tumours from other scanners shows that it learnt nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from appliance.core.intervals import Bootstrap, weighted_mean
from appliance.core.metrics import weighted_auc
from training.explore.both import Bench, fit_logistic
from training.explore.slices import Collected
from training.explore.surface import KINDS
from training.folds import fold_of_groups

_PENALTY = 1.0
VIEWS = {"file": "surface_given", "prepared": "surface_prepared"}
"""The file as it is given; the network's input of it."""

Figure = dict[str, Any]


class Scaled:
    """Columns brought to mean 0 and deviation 1 by the training rows."""

    def __init__(self, points: np.ndarray) -> None:
        self.mean, self.deviation = points.mean(0), points.std(0) + 1e-9

    def __call__(self, points: np.ndarray) -> np.ndarray:
        return (points - self.mean) / self.deviation


def out_of_fold(
    points: np.ndarray, labels: np.ndarray, folds: np.ndarray, penalty: float
) -> np.ndarray:
    """Probability of each class for each row, by a model that saw no row of its fold.

    Parameters
    ----------
    points : (n, features)
    labels : (n,) int, 0 to classes - 1
    folds : (n,) int

    Returns
    -------
    (n, classes) float64
    """
    found = np.zeros((len(points), int(labels.max()) + 1))
    for fold in np.unique(folds):
        held_out = folds == fold
        scale = Scaled(points[~held_out])
        model = fit_logistic(scale(points[~held_out]), labels[~held_out], penalty)
        found[np.ix_(held_out, model.classes_)] = model.predict_proba(scale(points[held_out]))
    return found


def figure(draws: Bootstrap, statistic: Callable[[np.ndarray], np.ndarray]) -> Figure:
    """Value, 95 % interval by resampling groups, and number of slices."""
    low, high = draws.interval(statistic)
    return {
        "value": round(draws.value(statistic), 4),
        "interval": [round(low, 4), round(high, 4)],
        "n": draws.n,
    }


def _matrix(collected: Collected, rows: np.ndarray, view: str, kinds: Sequence[str]) -> np.ndarray:
    slices = [getattr(collected.slices[row], VIEWS[view]) for row in rows]
    return np.array([np.concatenate([one[kind] for kind in kinds]) for one in slices])


def baseline(collected: Collected, bench: Bench) -> dict[str, Any] | None:
    """Figures of the linear model by view and kind of feature; None where one kind is missing.

    The keys that end in ``_accuracy``, ``_auc`` and ``_other_sources_called_tumour`` are of all
    features together; ``by_feature`` holds a row for each kind alone.
    """
    fold_of_groups(collected.cases)
    folds = collected.column("fold")
    tumour = collected.column("label") != "no_tumor"
    rows = np.flatnonzero(folds > 0)
    aside = np.flatnonzero((collected.column("source") == "other_sources") & tumour)
    if len(set(tumour[rows])) < 2 or len(set(folds[rows])) < 2:
        return None
    draws = Bootstrap(collected.column("group")[rows].tolist())
    others = Bootstrap(collected.column("group")[aside].tolist()) if len(aside) else None
    document: dict[str, Any] = {
        "what": "linear model on border, size and histogram, the tumour left out; "
        "cross-validated by fold of groups",
        "by_feature": [],
    }
    labels = tumour[rows].astype(int)
    for view in VIEWS:
        for kinds in (*((kind,) for kind in KINDS), KINDS):
            points = _matrix(collected, rows, view, kinds)
            score = out_of_fold(points, labels, folds[rows], _PENALTY)[:, 1]
            row = _row(view, kinds, score, labels, draws)
            scale = Scaled(points)
            if kinds == KINDS:
                step = f"source-only baseline, {view}"
                model = bench.logistic(step, scale(points), labels, _PENALTY)
            else:
                model = fit_logistic(scale(points), labels, _PENALTY)
            if others is not None:
                elsewhere = scale(_matrix(collected, aside, view, kinds))
                called = model.predict(elsewhere) == 1
                row["other_sources_called_tumour"] = figure(others, weighted_mean(called))
            document["by_feature"].append(row)
            if kinds == KINDS:
                named = {key: value for key, value in row.items() if isinstance(value, dict)}
                document |= {f"{view}_{key}": value for key, value in named.items()}
    return document


def _row(
    view: str, kinds: Sequence[str], score: np.ndarray, labels: np.ndarray, draws: Bootstrap
) -> dict[str, Any]:
    hit = (score >= 0.5) == (labels == 1)
    chance = max(labels.mean(), 1 - labels.mean())
    return {
        "view": view,
        "features": " + ".join(kinds),
        "always_the_larger_class": round(float(chance), 4),
        "accuracy": figure(draws, weighted_mean(hit)),
        "auc": figure(draws, lambda w: weighted_auc(score, labels == 1, w)),
    }
