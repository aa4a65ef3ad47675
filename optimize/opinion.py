"""The second opinion of a package: choose by cross-validation, fit, measure, add.

Folds are never mixed: a candidate is judged on a fold whose slices it has not seen, on outlines of
experts, on the same outlines moved, and on outlines of networks that have not seen the fold
either. The estimator that goes into a package is fitted on the folds its network was trained on,
so that the folds held out stay so for both.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from appliance import runtime  # noqa: F401  isort: skip (oneDAL before OpenVINO)
from appliance.boosting import BoostedTrees
from appliance.core.errors import CorruptFile
from appliance.onedal import OutlierDetector, one_thread
from appliance.opinion import FILE, METHOD, TYPES, OpinionEstimator
from appliance.package import Package, open_package
from optimize.cases import Case, all_cases, read_cases
from optimize.contenders import Boosted, Contender, contenders, timed
from optimize.outlines import Outlines, judged_rows, outlines_of, training_rows
from optimize.package import retrieval_of, write_with
from optimize.runs import FOLDS, Run, find_runs, open_run

logger = logging.getLogger(__name__)
_TEMPERATURES = np.geomspace(0.5, 3.0, 46)


def _tumours(cases: Sequence[Case], folds: Sequence[int]) -> list[Case]:
    return [c for c in cases if c.mask is not None and c.label in TYPES and c.fold in folds]


def cross_validated(found: Outlines, make: Any) -> dict[str, dict[str, Any]]:
    """Accuracy by kind of outline: each fold by an estimator of the others.

    Returns
    -------
    ``{kind: {"value", "n", "by_fold": {fold: share}}}``; the value is the mean over all slices
    """
    hits: dict[str, dict[int, np.ndarray]] = {}
    folds = [int(fold) for fold in np.unique(found.folds)]
    for fold in folds:
        rest = [other for other in folds if other != fold]
        fitted = make().fit(*training_rows(found, rest))
        for kind, (rows, at) in judged_rows(found, fold).items():
            hits.setdefault(kind, {})[fold] = fitted.predict(rows) == found.types[at]
    return {
        kind: {
            "value": round(float(np.concatenate(list(by.values())).mean()), 4),
            "n": int(sum(len(part) for part in by.values())),
            "by_fold": {str(fold): round(float(part.mean()), 4) for fold, part in by.items()},
        }
        for kind, by in hits.items()
    }


def table(
    found: Outlines, folds: Sequence[int], tried: Sequence[Contender], stock: bool = True
) -> list[dict[str, Any]]:
    """One row for each candidate: accuracy by fold and outline, times beside stock scikit-learn's.

    Both take one thread, so that accuracies can be repeated. Without `stock` only oneDAL is timed.
    """
    rows = []
    fitted_on = training_rows(found, folds)
    for one in tqdm(tried, desc="candidates", disable=None):
        with threadpool_limits(1), one_thread():
            fit_ms, ask_ms = timed(one.onedal, *fitted_on)
            stock_ms = timed(one.stock, *fitted_on) if stock else None
            accuracy = cross_validated(found, one.onedal)
        rows.append(
            {
                "algorithm": one.name,
                "settings": one.settings,
                "accuracy": accuracy,
                "fit_ms": round(fit_ms, 1),
                "predict_ms": round(ask_ms, 4),
                "stock_fit_ms": None if stock_ms is None else round(stock_ms[0], 1),
                "stock_predict_ms": None if stock_ms is None else round(stock_ms[1], 4),
                "from_arrays": one.as_arrays,
            }
        )
    return rows


def merit(row: Mapping[str, Any]) -> float:
    """What candidates are ranked by: mean accuracy over those kinds of outline that every fold
    has. A network's outlines of one held-out fold choose nothing: they are kept to measure with."""
    expert = len(row["accuracy"]["expert"]["by_fold"])
    kinds = [found for found in row["accuracy"].values() if len(found["by_fold"]) == expert]
    return float(np.mean([found["value"] for found in kinds]))


def choose(rows: Sequence[dict]) -> int:
    """Of the candidates that can be rebuilt from arrays: the one with the fewest trees within a
    standard error of the best. A better one that cannot be rebuilt is named.

    References
    ----------
    Breiman et al., Classification and regression trees, 1984 (the rule of one standard error).
    """
    best = max(range(len(rows)), key=lambda i: merit(rows[i]))
    storable = [i for i, row in enumerate(rows) if row["from_arrays"]]
    first = max(storable, key=lambda i: merit(rows[i]))
    if best != first:
        logger.warning(
            "%s is better by %.4f, but cannot be rebuilt from plain arrays",
            rows[best]["algorithm"],
            merit(rows[best]) - merit(rows[first]),
        )
    top = merit(rows[first])
    error = float(np.sqrt(top * (1.0 - top) / rows[first]["accuracy"]["expert"]["n"]))
    near = [i for i in storable if merit(rows[i]) >= top - error]
    return min(near, key=lambda i: (rows[i]["settings"].get("rounds", 0), -merit(rows[i])))


def _temperature(found: Outlines, folds: Sequence[int], one: Contender) -> float:
    """The temperature that minimises the log loss on folds left out in turn."""
    logs, types = [], []
    for fold in folds:
        rest = [other for other in folds if other != fold]
        trees = one.onedal().fit(*training_rows(found, rest)).trees
        for kind, (rows, at) in judged_rows(found, fold).items():
            if kind != "expert":
                logs.append(np.log(trees.probabilities(rows).astype(np.float64) + 1e-9))
                types.append(found.types[at])
    logs, types = np.concatenate(logs), np.concatenate(types)
    at = np.arange(len(types))
    losses = []
    for temperature in _TEMPERATURES:
        scaled = logs / temperature
        norm = np.log(np.exp(scaled - scaled.max(1, keepdims=True)).sum(1)) + scaled.max(1)
        losses.append(float((norm - scaled[at, types]).mean()))
    return float(_TEMPERATURES[int(np.argmin(losses))])


def fit_estimator(found: Outlines, folds: Sequence[int], one: Contender) -> OpinionEstimator:
    """The chosen candidate fitted on these folds, calibrated by leaving each of them out."""
    boosted: Boosted = one.onedal().fit(*training_rows(found, folds))
    own = np.isin(found.folds, folds) & ~np.isnan(found.expert[:, 0])
    rows, types = found.expert[own], found.types[own]
    usual = [np.quantile(rows[types == kind], (0.1, 0.9), axis=0) for kind in range(len(TYPES))]
    trees: BoostedTrees = boosted.trees
    return OpinionEstimator(
        trees,
        _temperature(found, folds, one),
        np.median(rows, axis=0).astype(np.float32),
        np.stack(usual).astype(np.float32),
    )


def against_network(chances: np.ndarray, named: np.ndarray, types: np.ndarray) -> dict[str, Any]:
    """How often two opinions differ, and who is right then.

    Parameters
    ----------
    chances : (n, types) float
        The second opinion's.
    named, types : (n,) int
        The network's type, and the true one.
    """
    other = chances.argmax(1)
    differ = other != named
    both = ~differ
    return {
        "n": len(types),
        "second_opinion_right": int((other == types).sum()),
        "network_right": int((named == types).sum()),
        "network_right_when_agreed": int((named == types)[both].sum()),
        "differed": {
            "n": int(differ.sum()),
            "network_right": int((named == types)[differ].sum()),
            "second_opinion_right": int((other == types)[differ].sum()),
        },
    }


def _unseen_runs(run: Run) -> dict[int, Run]:
    """Fold to a network that has not seen it: the run itself, else the fold models beside it."""
    if run.held_out:
        return dict.fromkeys(run.held_out, run)
    return dict(find_runs(run.folder.resolve().parent).folds)


def _out_of_fold(found: Outlines, folds: Sequence[int], one: Contender, t: float) -> np.ndarray:
    """(n, types): each slice's network outline judged by an estimator of the other folds."""
    chances = np.full((len(found.types), len(TYPES)), np.nan)
    for fold in folds:
        rest = [other for other in folds if other != fold]
        trees = one.onedal().fit(*training_rows(found, rest)).trees
        rows, at = judged_rows(found, fold).get("network", (None, None))
        if rows is not None:
            blank = np.zeros(rows.shape[1], np.float32)
            usual = np.zeros((len(TYPES), 2, rows.shape[1]), np.float32)
            chances[at] = OpinionEstimator(trees, t, blank, usual).probabilities(rows)
    return chances


def measure(
    found: Outlines, fitted_on: Sequence[int], estimator: OpinionEstimator, one: Contender
) -> dict[str, Any]:
    """The second opinion beside the network, on outlines of networks that have not seen the fold.

    Folds the estimator has seen as well are judged by estimators of the other folds instead.
    """
    drawn = ~np.isnan(found.drawn[:, 0])
    held_out = drawn & ~np.isin(found.folds, fitted_on)
    if held_out.any():
        chances, on = estimator.probabilities(found.drawn[held_out]), held_out
    else:
        everywhere = _out_of_fold(found, fitted_on, one, estimator.temperature)
        on = drawn & ~np.isnan(everywhere[:, 0])
        chances = everywhere[on]
    return {
        "folds": sorted({int(fold) for fold in found.folds[on]}),
        "not_drawn": int(np.isin(found.folds, np.unique(found.folds[on])).sum() - on.sum()),
        **against_network(chances, found.network[on], found.types[on]),
    }


def storable() -> list[Contender]:
    """The candidates that can go into a package."""
    return [one for one in contenders() if one.as_arrays]


def add_opinion(
    folder: Path,
    root: Path,
    package: Package,
    target: Path | None = None,
    tried: Sequence[Contender] = (),
    stock: bool = True,
) -> dict[str, Any]:
    """Fit the second opinion of a package and write the package with it, whole or not at all.

    Parameters
    ----------
    folder : Path
        The run the package was made from.
    target : Path, optional
        Another folder than the package's own.
    tried : sequence of Contender
        All of `contenders` where none are given.
    stock : bool
        Time stock scikit-learn as well.

    Returns
    -------
    dict
        ``candidates``, the table, and ``figures``, which stand in the manifest.

    Raises
    ------
    CorruptFile
        When a fold holds too few tumours to judge anything.
    """
    run = open_run(folder)
    unseen = _unseen_runs(run)
    exports = {one.export for one in (run, *unseen.values())}
    cases = _tumours(all_cases(sorted(exports), root), FOLDS)
    _demand_enough(cases)
    found = outlines_of(cases, package.manifest, unseen, run, "folds")
    fitted_on = [fold for fold in FOLDS if fold in run.trained_on]
    tried = tried or contenders()
    rows = table(found, fitted_on, tried, stock)
    chosen = choose(rows)
    estimator = fit_estimator(found, fitted_on, tried[chosen])
    beside = measure(found, fitted_on, estimator, tried[chosen])
    others = _tumours(read_cases(run.export, root, "other_sources"), (0,))
    figures = {
        "data": "expert outlines of figshare, moved copies, and networks' outlines of unseen folds",
        "method": METHOD,
        "algorithm": rows[chosen]["algorithm"],
        "settings": rows[chosen]["settings"],
        "fitted_on_folds": fitted_on,
        "accuracy": rows[chosen]["accuracy"],
        "beside_the_network": beside,
        "differed": {**beside["differed"], "of": beside["n"], "folds": beside["folds"]},
    }
    if others:
        seen = outlines_of(others, package.manifest, {0: run}, run, "others", copies=0)
        on = ~np.isnan(seen.drawn[:, 0])
        told = estimator.probabilities(seen.drawn[on])
        figures["other_sources"] = against_network(told, seen.network[on], seen.types[on])
    rows[chosen]["chosen"] = True
    metrics = {**package.manifest.document["metrics"], "second_opinion": figures}
    outliers = OutlierDetector.from_bytes(package.read("ood.npz"))
    changes = {"metrics": metrics, "retrieval": retrieval_of(package.manifest.document, outliers)}
    write_with(package, {FILE: estimator.to_bytes()}, changes, target)
    OpinionEstimator.from_bytes(open_package(target or package.path).read(FILE))
    return {"candidates": rows, "figures": figures}


def _demand_enough(cases: Sequence[Case]) -> None:
    """Every fold needs some of every type."""
    for fold in FOLDS:
        for label in TYPES:
            count = sum(case.fold == fold and case.label == label for case in cases)
            if count < 2:
                raise CorruptFile(
                    f"expected tumours of every type in every fold, found {count} of {label} in "
                    f"fold {fold}: give a whole data root"
                )
