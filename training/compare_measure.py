"""Scores and times all candidates in one process, the same slices and the same minutes for all.

A step of ``python -m training compare``, without TensorFlow::

    python -m training.compare_measure OUT DATA NAME...

writes ``OUT/measured.json`` and ``OUT/predictions.npz``.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from time import perf_counter_ns
from typing import Any

import numpy as np
from tqdm import tqdm

from appliance import runtime  # noqa: F401  isort: skip (oneDAL before OpenVINO)
import openvino as ov

from appliance.core.types import LABELS
from appliance.doctor import cpu, usable_cores
from appliance.runtime import Network, versions
from training import data
from training.processes import worker, write_json
from training.protocol import Protocol

PRECISIONS = {"FP32": "fp32", "INT8": "int8"}
HINT = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32", "batch": 1}
ROUNDS = 60
"""Times that each network gets its turn; each turn is one untimed and two timed inferences."""


def multiply_adds(model: Path) -> int:
    """Multiply-adds of the convolutions and matrix products of an IR, for one slice."""
    return sum(_multiply_adds(node) for node in ov.Core().read_model(str(model)).get_ops())


def _multiply_adds(node: ov.Node) -> int:
    kind = node.get_type_name()
    if kind not in ("Convolution", "GroupConvolution", "MatMul", "ScaledDotProductAttention"):
        return 0
    cells = int(np.prod(node.output(0).get_partial_shape().to_shape()))
    first, second = (node.input(i).get_partial_shape().to_shape() for i in (0, 1))
    if kind == "Convolution":  # second: out, in, rows, columns
        return cells * int(np.prod(second[1:]))
    if kind == "GroupConvolution":  # second: groups, out, in, rows, columns
        return cells * int(np.prod(second[2:]))
    if kind == "MatMul":
        return cells * int(first[-2] if node.get_attributes()["transpose_a"] else first[-1])
    # queries (…, tokens, width) with keys, then the weights with as wide values
    return 2 * int(np.prod(first)) * int(second[-2])


def interleaved(
    networks: dict[str, Network], array: np.ndarray, rounds: int = ROUNDS, seed: int = 0
) -> dict[str, np.ndarray]:
    """Latencies of several networks that take turns in a new order each round.

    Whatever else the machine does hits all of them alike, so that ratios hold even where the
    absolute times do not.

    Returns
    -------
    dict of (rounds, 2) float64, milliseconds
    """
    rng = np.random.default_rng(seed)
    names = list(networks)
    times = {name: np.zeros((rounds, 2)) for name in names}
    for turn in tqdm(range(rounds), "latency, all networks in turn", disable=None):
        for name in rng.permutation(names):
            networks[name].infer(array)
            for repeat in range(2):
                started = perf_counter_ns()
                networks[name].infer(array)
                times[name][turn, repeat] = (perf_counter_ns() - started) / 1e6
    return times


def scored_slices(root: Path, protocol: Protocol) -> tuple[data.Slices, data.Slices]:
    """The scored folds, and the tumours of other scanners, prepared."""
    cases = data.tumour_cases(root) + data.healthy_cases(root)
    scored = data.split(cases, protocol.score_folds, apart_from=protocol.train_folds)
    spec = protocol.preprocessing
    return (
        data.load(scored, spec, "scored slices"),
        data.load(data.other_source_cases(root), spec, "other sources"),
    )


def _size(folder: Path) -> int:
    return sum((folder / name).stat().st_size for name in ("model.xml", "model.bin"))


def measure(out: Path, root: Path, names: list[str], rounds: int = ROUNDS) -> None:
    """Predictions of every network in both precisions, then latencies in turn."""
    protocol = Protocol.from_json(json.loads((out / "protocol.json").read_text()))
    scored, others = scored_slices(root, protocol)
    networks, rows, arrays = {}, [], {}
    for name in names:
        for precision, folder in PRECISIONS.items():
            path = out / name / "networks" / folder
            network = Network(path / "model.xml", {"logits": "logits"}, device="CPU")
            networks[f"{name}.{precision}"] = network
            rows.append({"name": name, "precision": precision, "bytes": _size(path)})
        rows[-2]["multiply_adds"] = rows[-1]["multiply_adds"] = multiply_adds(
            out / name / "networks" / "fp32" / "model.xml"
        )
    for key, network in tqdm(networks.items(), "scoring", disable=None):
        arrays[key] = logits_of(network, scored.arrays)
        arrays[f"{key}.others"] = logits_of(network, others.arrays)
    times = interleaved(networks, scored.arrays[:1], rounds)
    for row in rows:
        taken = times[f"{row['name']}.{row['precision']}"]
        row["latency_ms"] = {
            **{f"p{q}": round(float(np.percentile(taken, q)), 4) for q in (50, 90)},
            "n": taken.size,
        }
        arrays[f"{row['name']}.{row['precision']}.ms"] = taken
    np.savez_compressed(out / "predictions.npz", **arrays, **truth_of(scored, others))
    write_json(out / "measured.json", {"rows": rows, "setting": HINT, "host": _host()})


def truth_of(scored: data.Slices, others: data.Slices) -> dict[str, np.ndarray]:
    return {
        "labels": scored.labels,
        "groups": np.array([case.group for case in scored.cases]),
        "others_labels": others.labels,
        "others_groups": np.array([case.group for case in others.cases]),
    }


def logits_of(network: Network, arrays: np.ndarray) -> np.ndarray:
    """(n, 4) float32."""
    if not len(arrays):
        return np.zeros((0, len(LABELS)), np.float32)
    return np.concatenate([o["logits"] for o in network.infer_many(a[None] for a in arrays)])


def _host() -> dict[str, Any]:
    return {"cpu": cpu()["name"], "cores": usable_cores(), "versions": versions()}


def main(argv: list[str]) -> int:
    """``OUT DATA NAME...``."""
    return worker(lambda: measure(Path(argv[0]), Path(argv[1]), argv[2:]))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
