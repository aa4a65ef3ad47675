"""What of an evaluation goes into a manifest: figures with intervals, protocol, targets."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from appliance.core.errors import CorruptFile, InputError, NotFound
from optimize.runs import Run, open_run

SCHEMA = "neuralscan/evaluation/1"
_WHOLE = (
    "schema",
    "utc",
    "software",
    "targets",
    "leak",
    "precisions",
    "readers",
    "schwannoma",
    "brats",
)
_PART = (
    "n",
    "groups",
    "accuracy",
    "types",
    "sensitivity",
    "specificity",
    "auc",
    "dice",
    "ap50",
    "false_mask_rate",
    "uncertain",
    "refused",
)


def beside(folder: Path) -> Path | None:
    """The evaluation beside a network trained on every fold; None for another, or without one."""
    file = folder.resolve().parent / "evaluation" / "evaluation.json"
    return file if file.is_file() and not open_run(folder).held_out else None


def read_evaluation(path: Path) -> dict[str, Any]:
    """An ``evaluation.json``.

    Raises
    ------
    NotFound, CorruptFile
        When it is not there, or something else.
    """
    if not path.is_file():
        raise NotFound(f"expected an evaluation at {path}; run `python -m training evaluate`")
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise CorruptFile(f"{path.name} is no JSON: {error}") from error
    found = document.get("schema") if isinstance(document, dict) else None
    if found != SCHEMA:
        raise CorruptFile(f"expected schema {SCHEMA} in {path.name}, found {found!r}")
    return document


def for_manifest(evaluation: Mapping[str, Any], run: Run) -> dict[str, Any]:
    """Metrics of a manifest: ``INT8`` and ``FP16`` fold-out, and ``evaluation`` with the rest.

    Raises
    ------
    InputError
        When the evaluation is of other networks, is in-sample, or, for a network trained on every
        fold, lacks a fold.
    """
    if run.digest not in evaluation["networks"].values():
        raise InputError(
            f"the evaluation is of other networks ({', '.join(evaluation['networks'])}) than "
            f"{run.name}; run `python -m training evaluate` on the run this one belongs to"
        )
    protocol = evaluation["protocol"]
    if protocol["in_sample"]:
        raise InputError("an in-sample evaluation is no evidence: evaluate without --in-sample")
    if not run.held_out and not protocol["complete"]:
        raise InputError(
            f"the evaluation lacks folds {protocol['missing_folds']}: a network trained on every "
            "fold is described by all of its fold models"
        )
    folds = [fold["fold"] for fold in protocol["folds"]]
    about = {"data": _data(protocol), "folds": folds, "input": "files as given"}
    slim = {key: evaluation[key] for key in _WHOLE}
    slim["protocol"] = {
        **protocol,
        "folds": [{k: v for k, v in f.items() if k != "verdict"} for f in protocol["folds"]],
    }
    slim["parts"] = {
        kind: {
            name: {key: found[key] for key in _PART if key in found}
            for name, found in evaluation["figures"][kind].items()
        }
        for kind in ("by_fold", "by_plane", "by_size")
    }
    slim["size_edges_px"] = evaluation["figures"]["size_edges_px"]
    slim["calibration"] = {
        k: {"error": v["error"], "log_loss": v["log_loss"]}
        for k, v in evaluation["calibration"].items()
        if k != "temperatures"
    }
    slim["source_baseline"] = _shown(evaluation["source_baseline"])
    slim["robustness"] = evaluation["robustness"]
    slim["ensemble"] = evaluation["ensemble"]
    others = evaluation["other_sources"]
    slim["other_sources"] = others and {"slices": others["slices"], "mean": others["mean"]}
    return {
        "INT8": {**about, **evaluation["figures"]["pooled"]},
        "FP16": {**about, **evaluation["figures_fp16"]},
        "evaluation": slim,
    }


def _shown(baseline: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """The figures and words of a source-only baseline, without its tables."""
    if baseline is None:
        return None
    return {k: v for k, v in baseline.items() if isinstance(v, Mapping | int | float | str)}


def _data(protocol: Mapping[str, Any]) -> str:
    folds = ", ".join(str(fold["fold"]) for fold in protocol["folds"])
    text = f"figshare and no_tumor, fold {folds}, each read by a network that has not seen it"
    if protocol["in_sample_thresholds"]:
        text += "; thresholds fitted on the same fold (in-sample thresholds)"
    return text
