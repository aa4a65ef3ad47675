"""The gate passes what agrees and stops what does not, before anything is written."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from appliance.core.errors import NotFound, ProbeFailed, Unavailable
from appliance.core.parity import Bounds
from appliance.core.verdict import Rule
from appliance.runtime import Network
from optimize import parity
from optimize.__main__ import main
from optimize.cases import prepared
from optimize.runs import open_run
from tests.small_root import write_small_root
from tests.tiny import accept_everything
from tests.tiny_runs import write_run

ESTIMATORS = {precision: accept_everything() for precision in ("INT8", "FP16")}
RULE = Rule(top_pixels=8, minimum_share=0.0005)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return write_small_root(tmp_path_factory.mktemp("root"))


@pytest.fixture(scope="module")
def made(root, tmp_path_factory):
    return write_run(tmp_path_factory.mktemp("run") / "tiny", root, (1, 2, 3))


@pytest.fixture
def folder(made, tmp_path):
    shutil.copytree(made, tmp_path / "tiny")
    return tmp_path / "tiny"


def _turn(folder, precision, factor):
    """Scale the network's gain: its weights hold one 40, more or less."""
    path = folder / "networks" / precision / "model.bin"
    weights = np.frombuffer(path.read_bytes(), np.float32).copy()
    gains = np.abs(weights) > 30
    assert gains.sum() == 1
    weights[gains] *= factor
    path.write_bytes(weights.tobytes())


def _reference(folder, root, shift=0.0):
    """``reference.npz`` as an export writes it, answered by the FP32 network."""
    run = open_run(folder)
    items = list(prepared(parity.slices_of(run, root)[:4], run.spec))
    arrays = np.stack([item.array for item in items])
    network = Network(run.network("FP32"), run.draft["outputs"], device="CPU")
    answers = network.infer(arrays)
    answers["embedding"] = answers["embedding"] + np.float32(shift)
    np.savez(folder / "export" / "reference.npz", image=arrays, **answers)


def _rows(folder, root, **more):
    run = open_run(folder)
    rows = parity.measure(run, parity.slices_of(run, root), RULE, **more)
    return {(row["device"], row["reference"], row["candidate"]): row for row in rows}


def test_every_pair_is_compared(folder, root):
    _reference(folder, root)
    rows = _rows(folder, root, outliers=ESTIMATORS, on=["CPU"])
    assert [pair[1:] for pair in rows] == [
        ("Keras (export)", "FP32"), ("Keras (export)", "FP16"), ("Keras (export)", "INT8"),
        ("FP32", "FP16"), ("FP32", "INT8"), ("FP16", "INT8"),
    ]  # fmt: skip
    int8 = rows["CPU", "FP32", "INT8"]
    assert int8["n"] == len(parity.slices_of(open_run(folder), root))
    assert int8["max_difference"]["logits"] > 0
    assert int8["served_flips"] == 0.0
    assert {"accuracy", "dice", "mcnemar"} <= set(int8)
    exported = rows["CPU", "Keras (export)", "FP32"]
    assert exported["n"] == 4
    assert max(exported["max_difference"].values()) < 1e-5
    assert not any(row["failures"] for row in rows.values())


def test_a_network_that_is_not_what_keras_trained_is_found(folder, root):
    _reference(folder, root, shift=0.01)
    rows = _rows(folder, root, on=["CPU"])
    assert "differs by 0.01" in rows["CPU", "Keras (export)", "FP32"]["failures"][0]


def test_a_spoilt_precision_misses_the_bounds_of_its_own_row(folder, root):
    _turn(folder, "int8", -1.0)
    rows = _rows(folder, root, on=["CPU"])
    assert any("labels differ" in t for t in rows["CPU", "FP32", "INT8"]["failures"])
    assert any("Dice" in t for t in rows["CPU", "FP32", "INT8"]["failures"])
    assert not rows["CPU", "FP32", "FP16"]["failures"]
    assert not rows["CPU", "FP16", "INT8"]["gated"]


def test_each_device_is_held_against_the_first(folder, root, monkeypatch):
    """A second device, simulated by the CPU with its outlines turned down."""

    class Second(Network):
        def __init__(self, *given, device, **more):
            super().__init__(*given, device="CPU", **more)
            self.off = device == "GPU"

        def infer_many(self, arrays, cancelled=None):
            for found in super().infer_many(arrays, cancelled):
                yield {**found, "mask": found["mask"] - 60} if self.off else found

    monkeypatch.setattr(parity, "Network", Second)
    rows = _rows(folder, root, on=["CPU", "GPU"])
    for precision in parity.PRECISIONS:
        assert rows["GPU", "CPU FP32", precision]["failures"]
    assert not rows["CPU", "FP32", "INT8"]["failures"]


def test_each_precision_is_refused_by_its_own_estimator(folder, root):
    from dataclasses import replace

    nothing = replace(accept_everything(), distance_limit=1e-9)
    rows = _rows(folder, root, on=["CPU"], outliers={**ESTIMATORS, "FP16": nothing})
    assert rows["CPU", "FP32", "INT8"]["refusal_flips"] == 1.0
    assert rows["CPU", "FP32", "FP16"]["refusal_flips"] == 0.0
    assert not rows["CPU", "FP32", "INT8"]["failures"], "refusals are shown, not gated"


def test_keras_answers_come_from_another_process(folder, root, monkeypatch):
    """What the process is asked and what it leaves: TensorFlow itself is not needed here."""
    run = open_run(folder)
    seen = {}

    def answering(command, **_):
        source, out = command[-2:]
        seen["command"] = command
        with np.load(source) as archive:
            images = archive["image"]
        network = Network(run.network("FP32"), run.draft["outputs"], device="CPU")
        np.savez(out, **network.infer(images))
        return type("Done", (), {"returncode": 0})

    monkeypatch.setattr(parity.subprocess, "run", answering)
    rows = _rows(folder, root, on=["CPU"], keras=True)
    assert seen["command"][1:4] == ["-m", "training", "answer"]
    assert max(rows["CPU", "Keras", "FP32"]["max_difference"].values()) < 1e-5
    assert rows["CPU", "Keras", "INT8"]["gated"]


def test_without_tensorflow_the_remedy_is_said(folder, root, monkeypatch):
    failed = type("Done", (), {"returncode": 5})
    monkeypatch.setattr(parity.subprocess, "run", lambda *_, **__: failed)
    with pytest.raises(Unavailable, match="without|leave"):
        _rows(folder, root, on=["CPU"], keras=True)


def test_a_missing_network_says_what_makes_it(folder, root):
    shutil.rmtree(folder / "networks" / "fp32")
    with pytest.raises(NotFound, match="optimize convert"):
        _rows(folder, root, on=["CPU"])


def test_the_gate_prints_its_table_and_raises(folder, root, capsys):
    _turn(folder, "int8", -1.0)
    with pytest.raises(ProbeFailed, match="nothing is written"):
        parity.gate(open_run(folder), root, RULE, None)
    assert "MISSED" in capsys.readouterr().out


def test_what_passes_stands_in_the_manifest(folder, root):
    found = parity.gate(open_run(folder), root, RULE, ESTIMATORS, Bounds(flips=0.5))
    assert found["bounds"]["flips"] == 0.5
    assert found["slices"] == "held out"
    json.dumps(found, allow_nan=False)


def test_packaging_ends_with_4_and_leaves_what_was_there(folder, root, tmp_path, capsys):
    target = tmp_path / "out" / "tiny"
    arguments = ["package", str(folder), "--data", str(root), "--out", str(target)]
    assert main(arguments) == 0
    before = {p: p.read_bytes() for p in target.rglob("*") if p.is_file()}
    card = json.loads((target / "manifest.json").read_text())
    assert {"ood.npz", "fp16/ood.npz"} <= set(card["files"])
    assert {row["candidate"] for row in card["metrics"]["parity"]["rows"]} >= {"FP16", "INT8"}
    _turn(folder, "int8", -1.0)
    capsys.readouterr()
    assert main(arguments) == 4
    captured = capsys.readouterr()
    assert "MISSED" in captured.out
    assert "error: the parity gate failed" in captured.err
    assert {p: p.read_bytes() for p in target.rglob("*") if p.is_file()} == before
    assert [p.name for p in target.parent.iterdir()] == ["tiny"]


def test_the_verb(folder, root, tmp_path, capsys):
    arguments = ["parity", str(folder), "--data", str(root), "--device", "CPU"]
    assert main([*arguments, "--json", "--slices", "4"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert rows[0]["n"] < 10
    _turn(folder, "int8", -1.0)
    assert main(arguments) == 4
    captured = capsys.readouterr()
    assert "FP32 > INT8" in captured.out
    assert captured.err.rstrip().splitlines()[-1].startswith("error: ")
    assert main([*arguments[:2], "--data", str(tmp_path / "nowhere")]) == 2
