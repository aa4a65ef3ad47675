"""Algorithms that could give the second opinion, by oneDAL and by stock scikit-learn."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from appliance.boosting import BoostedTrees, accelerated, fit_boosted_trees

_ASKED = 60
_WARM = 400


class Standardised:
    """An estimator behind features of mean 0 and spread 1, cut at 6 spreads."""

    def __init__(self, estimator: Any) -> None:
        self.estimator = estimator

    def _scaled(self, rows: np.ndarray) -> np.ndarray:
        return np.clip((rows - self.mean) / self.spread, -6, 6).astype(np.float32)

    def fit(self, rows: np.ndarray, types: np.ndarray) -> Standardised:
        self.mean, self.spread = rows.mean(0), rows.std(0) + 1e-6
        self.estimator.fit(self._scaled(rows), types)
        return self

    def predict(self, rows: np.ndarray) -> np.ndarray:
        return self.estimator.predict(self._scaled(rows))


class Boosted:
    """`fit_boosted_trees` in scikit-learn's clothes."""

    trees: BoostedTrees

    def __init__(self, **settings: Any) -> None:
        self.settings = settings

    def fit(self, rows: np.ndarray, types: np.ndarray) -> Boosted:
        self.trees = fit_boosted_trees(rows, types, **self.settings)
        return self

    def predict(self, rows: np.ndarray) -> np.ndarray:
        return self.trees.probabilities(rows).argmax(1)


@dataclass(frozen=True)
class Contender:
    """One algorithm with its settings.

    Attributes
    ----------
    onedal, stock : callable
        Make it anew, unfitted.
    settings : mapping
        Of oneDAL's; the stock one is made as like it as its library allows.
    as_arrays : bool
        Whether what was fitted can be rebuilt from plain arrays.
    """

    name: str
    onedal: Callable[[], Any]
    stock: Callable[[], Any]
    settings: dict[str, Any] = field(default_factory=dict)
    as_arrays: bool = False


def _boosted(settings: dict[str, Any]) -> Contender:
    def stock() -> Any:
        from sklearn.ensemble import HistGradientBoostingClassifier

        return HistGradientBoostingClassifier(
            max_iter=settings["rounds"],
            max_depth=settings["depth"],
            learning_rate=settings["rate"],
            l2_regularization=settings["penalty"],
            min_samples_leaf=settings["least"],
            early_stopping=False,
            random_state=0,
        )

    return Contender("gradient boosting", lambda: Boosted(**settings), stock, settings, True)


def _other(name: str, home: str, kind: str, scaled: bool, settings: dict[str, Any]) -> Contender:
    def dressed(estimator: Any) -> Any:
        return Standardised(estimator) if scaled else estimator

    def stock() -> Any:
        module = __import__(f"sklearn.{home}", fromlist=[kind])
        return dressed(getattr(module, kind)(**settings))

    return Contender(name, lambda: dressed(accelerated(kind, **settings)), stock, settings)


def contenders() -> list[Contender]:
    """What is tried."""
    shared = {"penalty": 2.0, "least": 10, "share": 0.6, "looked_at": 6}
    forest = {"n_estimators": 300, "min_samples_leaf": 2, "random_state": 0}
    return [
        _boosted({"rounds": 250, "depth": 3, "rate": 0.08, **shared}),
        _boosted({"rounds": 150, "depth": 4, "rate": 0.1, **shared}),
        _boosted({"rounds": 400, "depth": 3, "rate": 0.05, **shared}),
        _other("support vector machine", "svm", "SVC", True, {"C": 1.0, "gamma": 0.01}),
        _other("support vector machine", "svm", "SVC", True, {"C": 10.0, "gamma": 0.01}),
        _other("decision forest", "ensemble", "RandomForestClassifier", False, forest),
        _other(
            "logistic regression", "linear_model", "LogisticRegression", True, {"max_iter": 500}
        ),
        _other(
            "nearest neighbours",
            "neighbors",
            "KNeighborsClassifier",
            True,
            {"n_neighbors": 15, "algorithm": "brute"},
        ),
    ]


def timed(make: Callable[[], Any], rows: np.ndarray, types: np.ndarray) -> tuple[float, float]:
    """Milliseconds to fit, and for one row (median): one warm-up first."""
    few = np.s_[:: max(1, len(rows) // _WARM)]
    make().fit(rows[few], types[few])
    before = time.perf_counter()
    fitted = make().fit(rows, types)
    fit_ms = (time.perf_counter() - before) * 1e3
    asked = []
    for number in range(_ASKED):
        row = rows[[number % len(rows)]]
        before = time.perf_counter()
        fitted.predict(row)
        asked.append(time.perf_counter() - before)
    return fit_ms, float(np.median(asked)) * 1e3
