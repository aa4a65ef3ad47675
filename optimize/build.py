"""The steps in order: answers, calibration, package, evaluation of what was packaged."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from appliance import runtime  # noqa: F401  isort: skip (oneDAL before OpenVINO)
from appliance.core.preprocess import Prepared, Preprocessing
from appliance.core.types import LABELS
from appliance.onedal import OutlierDetector, fit_outlier_detector
from appliance.pipeline import Analyzer
from appliance.registry import open_package
from appliance.runtime import Network, versions
from optimize.calibrate import Answers, fit_rule
from optimize.cases import Case, prepared, read_cases
from optimize.contrasts import FOREIGN, another_scanner
from optimize.evaluate import score
from optimize.package import write
from optimize.refusals import measure

logger = logging.getLogger(__name__)


def answers(
    network: Network, cases: list[Case], spec: Preprocessing
) -> tuple[Answers, list[Prepared]]:
    """What a network says to listed slices."""
    items: list[Prepared] = []

    def arrays():
        for item in prepared(cases, spec):
            items.append(item)
            yield item.array[None]

    outputs = list(network.infer_many(arrays()))
    return (
        Answers(
            np.concatenate([o["logits"] for o in outputs]),
            np.concatenate([o["mask"] for o in outputs])[..., 0],
            np.concatenate([o["embedding"] for o in outputs]),
            np.array([LABELS.index(case.label) for case in cases]),
        ),
        items,
    )


def fit_outliers(
    network: Network,
    training: list[Case],
    validation: Answers,
    spec: Preprocessing,
    seed: int = 5,
) -> OutlierDetector:
    """The estimator: training slices, imitated scanners and contrasts, limits from validation."""
    rng = np.random.default_rng(seed)
    items = list(prepared(training, spec))
    units = [(item.array[..., 0] * 128.0 + 128.0) / 255.0 for item in items]

    def embed(pictures: Iterable[np.ndarray]) -> np.ndarray:
        arrays = ((np.clip(p, 0, 1) * 255.0 - 128.0) / 128.0 for p in pictures)
        outputs = network.infer_many(a[None, ..., None].astype(np.float32) for a in arrays)
        return np.stack([o["embedding"][0] for o in outputs])

    some = [units[i] for i in rng.permutation(len(units))[:900]]
    plain = embed(units)
    scanners = embed(another_scanner(p, rng) for p in some * 3)
    foreign = np.concatenate([embed(imitate(p, rng) for p in some) for imitate in FOREIGN])
    return fit_outlier_detector(
        np.concatenate([plain, scanners]),
        foreign,
        validation.embedding,
        (validation.labels == LABELS.index("no_tumor")).astype(int),
        features=slice(24, 176),
        bank=len(plain),
    )


def build_package(run: Path, root: Path, target: Path) -> dict[str, Any]:
    """Calibrate on what the INT8 network answers, write the package, score both precisions.

    Returns
    -------
    dict
        The metrics that went into the manifest: validation figures, and called so.
    """
    export, networks = run / "export", run / "networks"
    draft = json.loads((export / "draft.json").read_text())
    spec = Preprocessing.from_json(draft["preprocessing"])
    network = Network(
        networks / "int8" / "model.xml", draft["outputs"], device="CPU", hint="THROUGHPUT"
    )
    training, validation = (read_cases(export, root, part) for part in ("training", "validation"))
    seen, items = answers(network, validation, spec)
    rule = fit_rule(seen, items, [case.truth() for case in validation])
    outliers = fit_outliers(network, training, seen, spec)
    write(target, draft, networks, rule, outliers)
    others = read_cases(export, root, "other_sources")
    metrics: dict[str, Any] = {}
    for precision in ("INT8", "FP16"):
        analyzer = Analyzer(device="CPU", package=open_package(target), precision=precision)
        scored, rows = score(analyzer, validation)
        metrics[precision] = {
            "data": "figshare and no_tumor, validation fold (calibrated on it: not a test)",
            "folds": draft["provenance"]["calibrated_on_folds"],
            "input": "files as given, masks on the input grid",
            **scored,
        }
        (run / f"validation-{precision}.json").write_text(json.dumps(rows, indent=0))
        if precision == "INT8":
            scored, rows = score(analyzer, others)
            metrics["other_sources"] = {"data": "other_sources, never trained on", **scored}
            (run / "other-sources-INT8.json").write_text(json.dumps(rows, indent=0))
            metrics["refusals"] = measure(analyzer, root)
    metrics["INT8_against_FP16"] = _flips(run)
    draft["provenance"]["packaged_with"] = versions()
    write(target, draft, networks, rule, outliers, metrics)
    return metrics


def _flips(run: Path) -> dict[str, Any]:
    """How many labels and verdicts differ between the two precisions."""
    a, b = (json.loads((run / f"validation-{p}.json").read_text()) for p in ("INT8", "FP16"))
    n = len(a)
    return {
        "n": n,
        "label_flips": sum(x["label"] != y["label"] for x, y in zip(a, b, strict=True)) / n,
        "verdict_flips": sum(x["verdict"] != y["verdict"] for x, y in zip(a, b, strict=True)) / n,
    }
