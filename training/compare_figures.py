"""From predictions and latencies to the comparison as one JSON document."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from appliance.core.types import LABELS
from training.candidates import OURS
from training.compare_schema import NOTES, SCHEMA
from training.protocol import Protocol
from training.resample import mean_interval

_HEALTHY = LABELS.index("no_tumor")
PRECISIONS = ("FP32", "INT8")


def comparison(out: Path, names: list[str]) -> dict[str, Any]:
    """Everything the reports show, out of the files that the steps have left in `out`."""
    measured = json.loads((out / "measured.json").read_text())
    protocol = Protocol.from_json(json.loads((out / "protocol.json").read_text()))
    with np.load(out / "predictions.npz", allow_pickle=False) as archive:
        found = {key: archive[key] for key in archive.files}
    runs = {name: json.loads((out / name / "run.json").read_text()) for name in names}
    rows = {(row["name"], row["precision"]): row for row in measured["rows"]}
    candidates = [_candidate(runs[name], rows, found) for name in names]
    fronts = {
        key: front([(c[key], c["INT8"]["accuracy"]["value"]) for c in candidates])
        for key in ("latency_ms", "parameters")
    }
    for index, candidate in enumerate(candidates):
        candidate["on_front"] = {key: index in members for key, members in fronts.items()}
        if OURS in names:
            candidate["against_ours"] = _difference(candidate["name"], found)
    return {
        "schema": SCHEMA,
        "protocol": {**protocol.to_json(), "budget": protocol.budget()},
        "data": {
            "training_folds": list(protocol.train_folds),
            "training_slices": runs[names[0]]["training_slices"],
            "scored_folds": list(protocol.score_folds),
            "scored_slices": len(found["labels"]),
            "scored_groups": len(set(found["groups"].tolist())),
            "other_sources_slices": len(found["others_labels"]),
        },
        "candidates": candidates,
        "host": measured["host"],
        "setting": measured["setting"],
        "notes": NOTES,
    }


def front(points: list[tuple[float, float]]) -> set[int]:
    """Indices of the points that no other beats: cost low, gain high.

    >>> sorted(front([(1.0, 0.9), (2.0, 0.95), (3.0, 0.94)]))
    [0, 1]
    """
    return {
        i
        for i, (cost, gain) in enumerate(points)
        if not any(c <= cost and g >= gain and (c, g) != (cost, gain) for c, g in points)
    }


def _candidate(
    run: Mapping[str, Any], rows: Mapping[tuple[str, str], Any], found: Mapping[str, np.ndarray]
) -> dict[str, Any]:
    name = run["name"]
    result = {**run, "multiply_adds": rows[name, "FP32"]["multiply_adds"]}
    for precision in PRECISIONS:
        row = rows[name, precision]
        result[precision] = {
            **_scores(f"{name}.{precision}", found),
            "latency_ms": row["latency_ms"],
            "bytes": row["bytes"],
        }
    result["latency_ms"] = result["INT8"]["latency_ms"]["p50"]
    times = [np.median(found[f"{name}.{precision}.ms"], 1) for precision in PRECISIONS]
    result["int8_speed_up"] = float(np.median(times[0] / times[1]))
    guesses = [found[f"{name}.{precision}"].argmax(1) for precision in PRECISIONS]
    result["int8_label_flips"] = float((guesses[0] != guesses[1]).mean())
    return result


def _scores(key: str, found: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """Accuracies of one network in one precision, each with its interval."""
    labels, groups = found["labels"], found["groups"]
    guess = found[key].argmax(1)
    tumour = labels != _HEALTHY
    abroad = found[f"{key}.others"].argmax(1) != _HEALTHY
    parts = {
        "accuracy": (guess == labels, groups),
        "types": ((guess == labels)[tumour], groups[tumour]),
        "tumours_found": ((guess != _HEALTHY)[tumour], groups[tumour]),
        "healthy_kept": ((guess == _HEALTHY)[~tumour], groups[~tumour]),
        "other_sources_found": (abroad, found["others_groups"]),
    }
    return {
        name: mean_interval(values, members).to_json() if len(values) else None
        for name, (values, members) in parts.items()
    }


def _difference(name: str, found: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """INT8 against our network, slice by slice: accuracy difference and latency ratio."""
    labels = found["labels"]
    own, ours = (found[f"{n}.INT8"].argmax(1) == labels for n in (name, OURS))
    interval = mean_interval(own.astype(float) - ours.astype(float), found["groups"])
    own_ms, our_ms = (np.median(found[f"{n}.INT8.ms"], 1) for n in (name, OURS))
    words = {1: "better", -1: "worse", 0: "no difference shown"}
    return {
        "accuracy": interval.to_json(),
        "words": "is ours" if name == OURS else words[interval.direction],
        "latency_ratio": float(np.median(own_ms / our_ms)),
    }
