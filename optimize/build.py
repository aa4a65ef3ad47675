"""The steps of a package in order: answers, calibration, estimator, folder, figures.

Every step is kept in the run's folder under a name that holds what decided it, so that a killed
build or evaluation goes on where it was.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from appliance import runtime  # noqa: F401  isort: skip (oneDAL before OpenVINO)
from appliance.core.errors import CorruptFile, ModelError, NotFound
from appliance.core.parity import Bounds
from appliance.core.verdict import Rule
from appliance.onedal import OutlierDetector
from appliance.package import PRECISIONS
from appliance.pipeline import Analyzer
from appliance.registry import Package, open_package
from appliance.runtime import versions
from optimize.answers import Answers, ask, network_of, pooled
from optimize.calibrate import fit_rule
from optimize.cases import Case, all_cases, read_cases
from optimize.evaluate import score
from optimize.figures import figures
from optimize.kept import code_digest, kept_bytes, kept_file
from optimize.opinion import add_opinion, storable
from optimize.outliers import FEATURES, LIMITS_FROM, fit_outliers
from optimize.package import write
from optimize.refusals import measure
from optimize.runs import FOLDS, Run, find_runs, open_run

logger = logging.getLogger(__name__)


def _names(cases: Sequence[Case]) -> list[list[str]]:
    return [[case.image.name, case.sha256, str(case.mask and case.mask.name)] for case in cases]


def answers_of(run: Run, cases: Sequence[Case], what: str, precision: str = "INT8") -> Answers:
    """What a run's network says to cases; kept under ``RUN/kept``.

    Parameters
    ----------
    what : str
        Name of the file, and what the progress bar says.
    """
    network = run.network(precision)
    path = kept_file(
        run.folder / "kept",
        f"answers-{what}-{precision}",
        "npz",
        network,
        network.with_suffix(".bin"),
        run.spec.to_json(),
        _names(cases),
        code_digest("optimize.answers"),
    )
    return Answers.from_bytes(
        kept_bytes(
            path,
            lambda: ask(
                network_of(network, run.draft["outputs"]),
                cases,
                run.spec,
                f"{run.name} {precision} answers",
            ).to_bytes(),
        )
    )


def outliers_of(run: Run, training: Sequence[Case], precision: str = "INT8") -> OutlierDetector:
    """The refusal estimator of a run, from its own training slices; kept under ``RUN/kept``.

    Each precision has its own: their embeddings differ by a constant shift, which one set of
    limits would take for another contrast.
    """
    network = run.network(precision)
    features = tuple(run.draft.get("outlier_features", FEATURES))
    path = kept_file(
        run.folder / "kept",
        "outliers" if precision == "INT8" else f"outliers-{precision}",
        "npz",
        network,
        network.with_suffix(".bin"),
        run.spec.to_json(),
        _names(training),
        features,
        code_digest("optimize.outliers"),
    )
    made = kept_bytes(
        path,
        lambda: fit_outliers(
            network_of(network, run.draft["outputs"]), training, run.spec, features
        ).to_bytes(),
    )
    return OutlierDetector.from_bytes(made)


def estimators_of(run: Run, training: Sequence[Case]) -> dict[str, OutlierDetector]:
    """The refusal estimators of a package by precision."""
    return {precision: outliers_of(run, training, precision) for precision in PRECISIONS}


def package_of(
    run: Run,
    rule: Rule,
    outliers: OutlierDetector | Mapping[str, OutlierDetector],
    target: Path,
    calibrated_on: Sequence[int],
    metrics: Mapping[str, Any] | None = None,
) -> Package:
    """Write the package of a run and open it.

    Parameters
    ----------
    calibrated_on : folds
        What the rule was fitted on; stands in the manifest.
    """
    draft = dict(run.draft)
    draft["provenance"] = {
        **draft["provenance"],
        "calibrated_on_folds": list(calibrated_on),
        "refusal_limits_from": LIMITS_FROM,
        "packaged_with": versions(),
    }
    write(target, draft, run.networks, rule, outliers, metrics)
    return open_package(target)


@lru_cache(maxsize=6)
def _analyzer(folder: Path, sha256: str, precision: str) -> Analyzer:
    return Analyzer(device="CPU", package=open_package(folder), precision=precision)


def analyzer_of(package: Package, precision: str = "INT8") -> Analyzer:
    """A package's analyzer; the last few are kept, compiling takes a second."""
    return _analyzer(package.path, package.sha256, precision)


def rows_of(
    package: Package, cases: Sequence[Case], folder: Path, what: str, precision: str = "INT8"
) -> list[dict[str, Any]]:
    """Cases scored by a package as it is served; kept in `folder`."""
    path = kept_file(
        folder,
        f"rows-{what}-{precision}",
        "jsonl",
        package.sha256,
        _names(cases),
        code_digest("optimize.evaluate"),
    )
    return score(analyzer_of(package, precision), cases, path, f"{what} {precision}")


def held_out_cases(run: Run, root: Path) -> list[Case]:
    """Slices of the folds a run has not seen, from its own lists."""
    return [case for case in all_cases([run.export], root) if case.fold in run.held_out]


def out_of_fold(folder: Path, root: Path) -> Answers:
    """Every fold model's answers to the fold it has not seen, pooled.

    Parameters
    ----------
    folder : Path
        A cross-validated run.

    Raises
    ------
    NotFound
        When a fold model is missing: a rule from some of the folds only would go unnoticed.
    """
    runs = find_runs(folder)
    if missing := [fold for fold in FOLDS if fold not in runs.folds]:
        raise NotFound(f"{folder.name} has no network that held out fold {missing[0]}")
    exports = [run.export for run in runs.folds.values()]
    cases = all_cases(exports, root)
    return pooled(
        [
            answers_of(run, [c for c in cases if c.fold == fold], f"fold{fold}")
            for fold, run in runs.folds.items()
        ]
    )


def build_package(
    folder: Path,
    root: Path,
    target: Path,
    evaluation: Mapping[str, Any] | None = None,
    bounds: Bounds | None = None,
) -> dict[str, Any]:
    """Calibrate, hold the precisions against each other, score them, write the package.

    A run that held a fold out is calibrated on that fold, and its figures there are validation
    figures, unless an evaluation is given. A run trained on all folds is calibrated on the pooled
    out-of-fold answers of the fold models beside it, and takes its figures from their evaluation.

    Parameters
    ----------
    evaluation : mapping, optional
        ``evaluation.json`` of `python -m training evaluate`.
    bounds : Bounds, optional
        Of the parity gate, where others than the project's are wanted; they stand in the manifest.

    Returns
    -------
    dict
        The metrics that went into the manifest.

    Raises
    ------
    NotFound
        When nothing is held out and there is no evaluation.
    ProbeFailed
        When the parity gate fails: the table is printed, nothing is written.
    """
    from optimize import parity
    from optimize.evaluation import for_manifest

    run = open_run(folder)
    metrics: dict[str, Any] = {}
    if evaluation is not None:
        metrics = for_manifest(evaluation, run)
    elif not run.held_out:
        raise NotFound(
            "this network was trained on every fold, nothing is left to measure it on: evaluate "
            "its fold models (`python -m training evaluate`) and give --evaluation FILE"
        )
    training = read_cases(run.export, root, "training")
    outliers = estimators_of(run, training)
    validation = held_out_cases(run, root)
    if run.held_out:
        rule = fit_rule(answers_of(run, validation, "held-out"))
        calibrated_on: Sequence[int] = run.held_out
    else:
        rule = fit_rule(out_of_fold(folder.resolve().parent, root))
        calibrated_on = FOLDS
    metrics["parity"] = parity.gate(run, root, rule, outliers, bounds)
    with tempfile.TemporaryDirectory(prefix="neuralscan-package-") as scratch:
        package = package_of(run, rule, outliers, Path(scratch) / target.name, calibrated_on)
        if run.held_out and evaluation is None:
            metrics |= _validation_figures(run, package, validation)
        others = read_cases(run.export, root, "other_sources")
        rows = rows_of(package, others, run.folder / "kept", "other-sources")
        metrics["other_sources"] = {"data": "other_sources, never trained on", **figures(rows)}
        metrics["refusals"] = measure(analyzer_of(package), root)
    package = package_of(run, rule, outliers, target, calibrated_on, metrics)
    try:
        opinion = add_opinion(folder, root, package, tried=storable(), stock=False)
        metrics["second_opinion"] = opinion["figures"]
    except (CorruptFile, ModelError) as error:
        logger.warning("packaged without a second opinion: %s", error.message)
    return metrics


def _validation_figures(run: Run, package: Package, cases: Sequence[Case]) -> dict[str, Any]:
    """Both precisions on the fold the rule was fitted on, and how often they differ."""
    metrics: dict[str, Any] = {}
    rows = {}
    for precision in ("INT8", "FP16"):
        rows[precision] = rows_of(package, cases, run.folder / "kept", "validation", precision)
        metrics[precision] = {
            "data": "figshare and no_tumor, validation fold (calibrated on it: not a test)",
            "folds": list(run.held_out),
            "input": "files as given, masks on the input grid",
            **figures(rows[precision]),
        }
    metrics["INT8_against_FP16"] = flips(rows["INT8"], rows["FP16"])
    return metrics


def flips(one: Sequence[Mapping], other: Sequence[Mapping]) -> dict[str, Any]:
    """How many labels and verdicts differ between two scorings of the same cases."""
    n = len(one)
    pairs = list(zip(one, other, strict=True))
    return {
        "n": n,
        "label_flips": sum(a["label"] != b["label"] for a, b in pairs) / n,
        "verdict_flips": sum(a["verdict"] != b["verdict"] for a, b in pairs) / n,
    }
