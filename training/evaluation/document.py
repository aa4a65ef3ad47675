"""The evaluation as one JSON document, schema ``neuralscan/evaluation/1``, in the order of work."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from tqdm import tqdm

from appliance import __version__
from appliance.core.errors import BadRequest
from appliance.core.intervals import RESAMPLES
from appliance.doctor import cpu
from appliance.provenance import commit
from appliance.registry import Package
from appliance.runtime import versions
from optimize.answers import pooled
from optimize.build import estimators_of, package_of, rows_of
from optimize.calibrate import fit_rule
from optimize.cases import Case, all_cases, demand_unchanged, read_cases
from optimize.figures import AP_DEFINITION, METHOD, figures
from optimize.runs import FOLDS, Run, Runs, find_runs
from training.evaluation import elsewhere, ensemble, leak, precisions, robustness, witnesses
from training.evaluation.plan import Judged, cases_by_fold, describe, judge_all, plan
from training.evaluation.targets import judge_targets

logger = logging.getLogger(__name__)
EVALUATION_SCHEMA = "neuralscan/evaluation/1"


@dataclass(frozen=True)
class Wish:
    """What an evaluation is asked for.

    Attributes
    ----------
    folds : tuple of int, optional
        Folds to judge on; by default all that a network has not seen.
    robustness_slices : int
        Slices of the disturbed subset; 0 leaves it out.
    source_baseline : mapping, optional
        The part of that name of another report, quoted.
    """

    folds: tuple[int, ...] | None = None
    in_sample: bool = False
    resamples: int = RESAMPLES
    robustness_slices: int = 240
    ensemble: bool = False
    source_baseline: Mapping[str, Any] | None = None


def evaluate(folder: Path, root: Path, wish: Wish) -> tuple[dict[str, Any], list[Judged]]:
    """Measure a run.

    Parameters
    ----------
    folder : Path
        A run, or a cross-validated run with ``fold1`` to ``fold4`` and ``all``.
    root : Path
        The data root.

    Returns
    -------
    dict
        The document.
    list of Judged
        The parts, for pictures.

    Raises
    ------
    InputError
        When a network would be judged on slices it was trained on, or an image was changed.
    NotFound
        When a network, a list or an image is missing.
    """
    runs = find_runs(folder)
    parts = plan(runs, wish.folds, wish.in_sample)
    if wish.ensemble and len({part.run.folder for part in parts}) < 2:
        raise BadRequest("--ensemble needs two fold networks or more, there is one")
    robustness.share_of(len(parts), wish.robustness_slices)
    cases = cases_by_fold(runs, root)
    demand_unchanged(case for part in parts for case in cases[part.fold])
    judged = judge_all(parts, cases, root)
    document = _frame(runs, judged, wish)
    document |= _home(judged, root, wish)
    document |= _abroad(runs, judged, root, wish)
    logger.info("robustness")
    document["robustness"] = robustness.robustness(judged, wish.robustness_slices, wish.resamples)
    logger.info("precisions and splits")
    document["precisions"] = precisions.between(judged, wish.resamples)
    document["leak"] = leak.leak(judged, root, wish.resamples, runs.leaky)
    document["source_baseline"] = wish.source_baseline
    document["targets"] = judge_targets(document)
    return json.loads(json.dumps(document)), judged


def _frame(runs: Runs, judged: Sequence[Judged], wish: Wish) -> dict[str, Any]:
    """What was judged and how."""
    first = judged[0].part.run.draft
    folds = [j.part.fold for j in judged]
    return {
        "schema": EVALUATION_SCHEMA,
        "utc": datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "software": {"neuralscan": __version__, "commit": commit() or "unknown", **versions()},
        "host": cpu()["name"],
        "recipe": {"name": first["name"], "title": first["title"]},
        "networks": {run.name: run.digest for run in runs.networks},
        "protocol": {
            "folds": describe(judged),
            "complete": tuple(folds) == FOLDS and not any(j.part.seen for j in judged),
            "missing_folds": [fold for fold in FOLDS if fold not in folds],
            "unfinished": list(runs.unfinished),
            "in_sample": any(j.part.seen for j in judged),
            "in_sample_thresholds": any(j.thresholds_in_sample for j in judged),
            "refusal_limits": judged[0].package.manifest.to_json()["provenance"][
                "refusal_limits_from"
            ],
            "intervals": METHOD.format(resamples=wish.resamples),
            "ap50": AP_DEFINITION,
        },
    }


def _home(judged: Sequence[Judged], root: Path, wish: Wish) -> dict[str, Any]:
    """Figures on the folds."""
    logger.info("figures")
    rows = [row for j in judged for row in j.rows["INT8"]]
    edges = witnesses.size_edges(rows)
    parts = witnesses.by_part(rows, edges)
    return {
        "figures": {
            "precision": "INT8",
            "pooled": figures(rows, wish.resamples),
            **{kind: _by_name(kind, found, wish) for kind, found in parts.items()},
            "size_edges_px": edges,
        },
        "figures_fp16": figures([row for j in judged for row in j.rows["FP16"]], wish.resamples),
        "calibration": witnesses.calibration(judged, wish.resamples),
        "operating_points": witnesses.operating_points(rows, wish.resamples),
        "readers": elsewhere.readers(judged, root, wish.resamples),
    }


def _by_name(kind: str, parts: dict[str, list[dict]], wish: Wish) -> dict[str, Any]:
    """Figures of each part."""
    bar = tqdm(parts.items(), desc=kind.replace("_", " "), disable=None)
    return {name: figures(rows, wish.resamples) for name, rows in bar}


def _whole(run: Run, judged: Sequence[Judged], root: Path) -> Package | None:
    """The package of the network trained on all folds, with the pooled out-of-fold rule."""
    if any(j.part.seen for j in judged) or {j.part.fold for j in judged} != set(FOLDS):
        logger.warning("%s is left out: its thresholds need all four fold models", run.name)
        return None
    rule = fit_rule(pooled([j.answers for j in judged]))
    outliers = estimators_of(run, read_cases(run.export, root, "training"))
    return package_of(run, rule, outliers, run.folder / "package", FOLDS)


def _abroad(runs: Runs, judged: Sequence[Judged], root: Path, wish: Wish) -> dict[str, Any]:
    """Figures on what no network was trained on."""
    packages: dict[str, Package] = {}
    kept: dict[str, Path] = {}
    for j in judged:
        packages[j.name], kept[j.name] = j.package, j.part.run.folder / "kept"
    if runs.whole is not None and runs.whole.folder != judged[0].part.run.folder:
        package = _whole(runs.whole, judged, root)
        if package is not None:
            packages["all"], kept["all"] = package, runs.whole.folder / "kept"
    cases = read_cases(judged[0].part.run.export, root, "other_sources")
    logger.info("other sources, real volumes, unsuitable input")
    return {
        "other_sources": elsewhere.other_sources(packages, kept, cases, wish.resamples),
        "schwannoma": elsewhere.schwannoma(packages, kept, root),
        "brats": elsewhere.brats(packages, kept, root),
        "refusals": elsewhere.unsuitable(packages, kept, root),
        "ensemble": _ensemble(runs, judged, cases, root, wish) if wish.ensemble else None,
    }


def _ensemble(
    runs: Runs, judged: Sequence[Judged], cases: Sequence[Case], root: Path, wish: Wish
) -> dict[str, Any]:
    """The mean of the fold networks on the other sources, and what it costs."""
    logger.info("ensemble of %d", len(judged))
    exports = [j.part.run.export for j in judged]
    seen = {fold for j in judged for fold in j.part.run.trained_on}
    training = [case for case in all_cases(exports, root) if case.fold in seen]
    folder = runs.folder / "ensemble"
    package = ensemble.write_ensemble(judged, training, folder)
    run = Run(folder, judged[0].part.run.draft)
    return {
        "members": [j.name for j in judged],
        "thresholds": "from the single networks' out-of-fold answers",
        "latency": ensemble.latency_ratio(run, judged[0].part.run),
        "other_sources": figures(
            rows_of(package, cases, folder / "kept", "other-sources"), wish.resamples
        ),
    }
