"""The verb ``registration``: fit the verdict of a registration, and say how often it is right."""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from itertools import repeat
from pathlib import Path
from typing import Any

import numpy as np

_MISS = 0.03
"""A pair is right when the corners' mean error is at most this share of the head's size."""
_FALSE_ALARMS, _PASSING = 0.05, 0.05
"""Right pairs that may be less than good; wrong ones that may be better than failed."""
_FITTED_ON = (
    "generated heads, and figshare and BRISC slices (CC BY 4.0, folds 1 to 3) in invented "
    "contrast; no CT/MR pair; volumes: generated heads"
)
_RIDGE, _GAP = 3.0, 1 / 3
_FOLDS = 5


def add_verb(verbs: Any) -> None:
    """Add ``registration`` to the parser."""
    verb = verbs.add_parser(
        "registration",
        help="fit and judge the verdict of `neuralscan register`",
        description="Register right pairs and pairs broken on purpose, fit the verdict's limits on "
        "generated and CC BY slices, and judge them on the CT/MR pairs, which are not fitted on: "
        "--judged of them, half broken, and each moved by --transforms known transforms. "
        "Example: python -m training registration --data DIR --out runs/registration",
    )
    verb.add_argument("--data", type=Path, help="data root; default: NEURALSCAN_DATA")
    verb.add_argument(
        "--out", type=Path, required=True, help="rows.jsonl, limits.json, report.json; resumed"
    )
    verb.add_argument("--pairs", type=int, default=96, help="pairs to fit on (default 96)")
    verb.add_argument("--volumes", type=int, default=16, help="pairs of volumes (default 16)")
    verb.add_argument(
        "--judged", type=int, default=240, help="CT/MR pairs, half of them broken (default 240)"
    )
    verb.add_argument(
        "--transforms", type=int, default=1, help="for each CT/MR pair, up to 20 (default 1)"
    )
    verb.add_argument("--every", type=int, default=1, help="take every Nth CT/MR pair only")
    verb.add_argument("--workers", type=int, default=2, help="processes (default 2)")
    verb.add_argument("--seed", type=int, default=0)
    verb.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Measure, fit, judge, write; prints the report."""
    from appliance.provenance import data_root
    from training import registration_protocol as protocol
    from training.processes import write_json

    root, out = data_root(arguments.data), arguments.out
    out.mkdir(parents=True, exist_ok=True)
    half = arguments.pairs // 2
    fitted = [(source, k) for k in range(half) for source in ("generated", "real")]
    judged = [("ct_mr", k) for k in range(arguments.judged)]
    flat = measured([*fitted, *judged], root, arguments)
    solid = measured([("volume", k) for k in range(arguments.volumes)], root, arguments)
    turns = min(arguments.transforms, protocol.TRANSFORMS)
    atlas = measured(
        protocol.tasks(len(protocol.names(root)), turns, arguments.every), root, arguments
    )
    document, report = fitted_limits(flat, solid)
    document["made_with"] = {k: getattr(arguments, k) for k in ("pairs", "volumes", "seed")}
    if atlas:
        report["protocol"] = protocol.report(atlas, document)
    write_json(out / "limits.json", document)
    write_json(out / "report.json", report)
    print(json.dumps(report, indent=1))
    return 0


def fitted_limits(
    flat: Sequence[dict[str, Any]], solid: Sequence[dict[str, Any]]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """``limits.json`` and the report; rows of the CT/MR pairs are judged, never fitted on."""
    from appliance.registration.evidence import DECIDING
    from appliance.registration.verdict import PICTURES, SCHEMA, VOLUMES

    document: dict[str, Any] = {"schema": SCHEMA, "names": list(DECIDING), "miss": _MISS}
    document["fitted_on"] = _FITTED_ON
    report: dict[str, Any] = {}
    outside = [row for row in flat if row["source"] == "ct_mr"]
    inside = [row for row in flat if row["source"] != "ct_mr"]
    for part, rows in ((PICTURES, inside), (VOLUMES, solid)):
        document[part], held_out = fit(rows)
        report[part] = {"held_out": held_out}
    if outside:
        report[PICTURES]["judged"] = judge(outside, document)
    return document, report


def measured(
    tasks: Sequence[tuple[str, int]], root: Path, arguments: argparse.Namespace
) -> list[dict[str, Any]]:
    """One row for each pair; rows of an earlier, interrupted call are read and not made again."""
    from tqdm import tqdm

    kept = arguments.out / "rows.jsonl"
    lines = kept.read_text(encoding="utf-8").splitlines() if kept.is_file() else []
    known = [json.loads(line) for line in lines]
    found = {(r["source"], r["k"]): r for r in known if r["seed"] == arguments.seed}
    left = [task for task in tasks if task not in found]
    with (
        ProcessPoolExecutor(arguments.workers) as pool,
        kept.open("a", encoding="utf-8") as stream,
    ):
        rows = pool.map(measure, repeat(root), left, repeat(arguments.seed))
        for row in tqdm(rows, total=len(left), desc="registration", disable=None):
            found[row["source"], row["k"]] = row
            stream.write(json.dumps(row) + "\n")
            stream.flush()
    return [found[task] for task in tasks]


def measure(root: Path, task: tuple[str, int], seed: int) -> dict[str, Any]:
    """Make and register one pair; ``error`` is a share of the head's size, None without a truth."""
    import cv2

    from appliance.core.errors import BlankImage
    from appliance.core.transforms import corners, target_errors
    from appliance.registration import evidence, images
    from appliance.registration.align import align_pictures
    from training import registration_pairs as pairs
    from training.registration_protocol import SOURCE
    from training.registration_protocol import measured as measured_run

    cv2.setNumThreads(1)
    source, k = task
    if source == SOURCE:
        return {**measured_run(root, k), "seed": seed}
    if source == "volume":
        return _measured_volumes(k, seed)
    makers = {"real": pairs.real, "ct_mr": pairs.of_atlas}
    pair = pairs.generated(k, seed) if source == "generated" else makers[source](root, k, seed)
    row = {"source": source, "k": k, "seed": seed, "kind": pair.kind, "group": pair.group}
    try:
        fixed, moving = images.of_picture(pair.fixed), images.of_picture(pair.moving)
    except BlankImage:
        return {**row, "error": None, "blank": True}
    found = align_pictures(fixed, moving, lambda share: None)
    shown = evidence.of_pictures(fixed, moving, found, lambda share: None)
    error = None
    if pair.truth is not None:
        error = float(target_errors(found.matrix, pair.truth, corners(*fixed.box)).mean())
    share = None if error is None else error / fixed.size
    score = round(found.score, 5)
    return {**row, "error_px": error, "error": share, "blank": False, "score": score, **shown}


def _measured_volumes(k: int, seed: int) -> dict[str, Any]:
    """Register one pair of volumes; the error is in mm at the corners of the fixed head."""
    from appliance.core.transforms import corners, target_errors
    from appliance.registration import evidence, images
    from appliance.registration.align import align_volumes
    from training.registration_volumes import volumes

    pair = volumes(k, seed)
    row = {"source": "volume", "k": k, "seed": seed, "kind": pair.kind, "group": pair.group}
    fixed, moving = images.of_volume(pair.fixed), images.of_volume(pair.moving)
    found = align_volumes(fixed, moving, lambda share: None, threads=1)
    shown = evidence.of_volumes(fixed, moving, found, lambda share: None)
    error = None
    if pair.truth is not None:
        truth = images.REVERSE @ pair.truth @ images.REVERSE
        error = float(target_errors(found.matrix, truth, corners(*fixed.box)).mean())
    share = None if error is None else error / fixed.size
    score = round(found.score, 5)
    return {**row, "error_px": error, "error": share, "blank": False, "score": score, **shown}


def logistic(X: np.ndarray, y: np.ndarray, ridge: float = _RIDGE) -> tuple[np.ndarray, float]:
    """Weights and intercept of a ridge logistic regression, both classes weighing the same.

    References
    ----------
    Hastie, Tibshirani, Friedman, "The Elements of Statistical Learning", 4.4.1 (IRLS).
    """
    design = np.column_stack([X, np.ones(len(X))])
    share = np.where(y, 0.5 / max(y.mean(), 1e-9), 0.5 / max(1 - y.mean(), 1e-9))
    penalty = np.diag([ridge] * X.shape[1] + [1e-6])
    beta = np.zeros(design.shape[1])
    for _ in range(50):
        p = 1 / (1 + np.exp(-np.clip(design @ beta, -30, 30)))
        weight = share * p * (1 - p) + 1e-9
        gradient = design.T @ (share * (y - p)) - penalty @ beta
        change = np.linalg.solve(design.T @ (weight[:, None] * design) + penalty, gradient)
        beta += change
        if np.abs(change).max() < 1e-8:
            break
    return beta[:-1], float(beta[-1])


def fit(rows: Sequence[dict[str, Any]]) -> tuple[dict[str, Any], dict[str, Any]]:
    """One part of the limits, and what to expect of it on heads it has not seen.

    Weights for the held-out figures come from the other groups only; the cuts, which are quantiles
    of these held-out probabilities, are in-sample, so the shares are a little optimistic.
    """
    from appliance.registration.evidence import vector

    kept = [row for row in rows if not row["blank"]]
    X = np.array([vector(row) for row in kept])
    y = np.array([_right(row) for row in kept])
    folds = _folds([row["group"] for row in kept])

    def trained(where: np.ndarray) -> dict[str, Any]:
        mean, spread = X[where].mean(0), X[where].std(0) + 1e-6
        clipped = np.clip((X[where] - mean) / spread, -4, 4)
        weights, intercept = logistic(clipped, y[where])
        return {"mean": mean, "spread": spread, "weights": weights, "intercept": intercept}

    def scored(model: dict[str, Any], where: np.ndarray) -> np.ndarray:
        clipped = np.clip((X[where] - model["mean"]) / model["spread"], -4, 4)
        return 1 / (1 + np.exp(-(clipped @ model["weights"] + model["intercept"])))

    held_out = np.zeros(len(y))
    for fold in range(_FOLDS):
        held_out[folds == fold] = scored(trained(folds != fold), folds == fold)
    good, failed = _cuts(held_out, y)
    model = trained(np.ones(len(y), bool))
    document = {
        **{k: np.asarray(model[k]).round(6).tolist() for k in ("mean", "spread", "weights")},
        "intercept": round(model["intercept"], 6),
        "good": round(good, 6),
        "failed": round(failed, 6),
        "n": {"right": int(y.sum()), "wrong": int((~y).sum())},
    }
    return document, _summary(kept, held_out, good, failed)


def _cuts(p: np.ndarray, right: np.ndarray) -> tuple[float, float]:
    """Probabilities from which on a pair is good, and below which it failed.

    Where the right and the wrong leave a gap, good begins nearer the wrong ones: right pairs of
    other sources show weaker evidence than those that were fitted on, wrong ones no stronger.
    """
    low = float(np.quantile(p[~right], 1 - _PASSING))
    high = float(np.quantile(p[right], _FALSE_ALARMS))
    if high > low:
        ends = np.log([low / (1 - low), high / (1 - high)])
        odds = ends[0] + _GAP * (ends[1] - ends[0])
        high = float(1 / (1 + np.exp(-odds)))
    return high, min(low, high)


def judge(rows: Sequence[dict[str, Any]], document: dict[str, Any]) -> dict[str, Any]:
    """How limits do on rows they were not fitted on."""
    from appliance.registration.verdict import Limits

    limits = Limits.from_json(document)
    kept = [row for row in rows if not row["blank"]]
    found = np.array([limits.probability(row) for row in kept])
    return _summary(kept, found, limits.good, limits.failed)


def _right(row: dict[str, Any]) -> bool:
    return row["error"] is not None and row["error"] <= _MISS


def _folds(groups: Sequence[str]) -> np.ndarray:
    """A fold for each row; a group is in one only."""
    order = {g: i % _FOLDS for i, g in enumerate(sorted(set(groups)))}
    return np.array([order[g] for g in groups])


def _summary(rows: Sequence[dict[str, Any]], p: np.ndarray, good: float, failed: float) -> dict:
    """Errors of the right pairs, and shares that call themselves good, by source and kind."""
    found: dict[str, Any] = {}
    by: dict[tuple[str, str], list[int]] = defaultdict(list)
    for place, row in enumerate(rows):
        kind = row["kind"]
        if kind == "right":
            kind = "right, found" if _right(row) else "right, missed"
        by[row["source"], kind].append(place)
    for (source, kind), places in sorted(by.items()):
        values = p[places]
        found[f"{source}: {kind}"] = {
            "n": len(places),
            "good": round(float((values >= good).mean()), 4),
            "failed": round(float((values < failed).mean()), 4),
        }
    for source in sorted({row["source"] for row in rows}):
        errors = [r["error_px"] for r in rows if r["source"] == source and r["kind"] == "right"]
        if errors:
            found[f"{source}: error_px"] = {
                "median": round(float(np.median(errors)), 3),
                "p95": round(float(np.quantile(errors, 0.95)), 3),
            }
    return found
