"""Targets take turns in processes of their own; what fails becomes a row with the reason."""

from __future__ import annotations

import json

import numpy as np
import pytest

from appliance.core.errors import Unavailable
from appliance.reading import Cancelled
from benchmarks import run, slices
from benchmarks.plan import CONTENDERS, PRESETS, Contender
from benchmarks.process import THIS_PYTHON, Process
from benchmarks.session import Options

INT8, REPORT = (
    next(c for c in CONTENDERS if (c.group, c.precision) == (group, "INT8"))
    for group in ("infer", "report")
)


@pytest.fixture
def few(monkeypatch, tmp_path):
    """Two generated pictures in place of generated heads, and no LoadGen to install."""
    dark = np.zeros((64, 64), np.uint8)
    dark[8:56, 8:56] = 90
    bright = dark.copy()
    bright[20:34, 20:34] = 250
    found = slices.Slices(
        "2 pictures", (bright, dark), (bright > 200, np.zeros((64, 64), bool)), (0, 3)
    )
    monkeypatch.setattr(run, "phantoms", lambda *_: found)
    monkeypatch.setattr("benchmarks.session.environments.loadgen", lambda *_: None)
    volume = tmp_path / "volume.zip"
    monkeypatch.setattr("benchmarks.inputs._volume", lambda _: (volume, 1))
    return found


def _options(**changes) -> Options:
    return Options(PRESETS["quick"], ("single-stream", "offline"), calls=10, **changes)


def test_rows_of_a_network_and_of_the_whole(few, tiny_package, tmp_path):
    told = []
    found = run.measure(
        tiny_package,
        [INT8, REPORT],
        _options(),
        cache=tmp_path / "cache",
        progress=lambda text, share: told.append(share),
    )
    rows = {(row.name, row.scenario): row for row in found.rows if row.status == "measured"}
    assert set(rows) == {
        (name, s) for name in ("openvino INT8", "report INT8") for s in ("single-stream", "offline")
    }
    network = rows["openvino INT8", "single-stream"]
    assert (network.n, len(network.blocks)) == (10, 10)
    assert 0 < network.p50_ms <= network.p99_ms
    assert network.intervals["p50_ms"][0] <= network.p50_ms <= network.intervals["p50_ms"][1]
    assert network.scored["n"] == 2
    assert network.hint == "LATENCY, f32"
    whole = rows["report INT8", "single-stream"]
    assert whole.stages_ms["infer"] > 0
    assert whole.accuracy == network.accuracy
    assert told == sorted(told)
    assert {row.device for row in found.rows if row.status != "measured"} >= {"GPU", "NPU"}
    run.write(found, tmp_path / "out")
    assert {p.name for p in (tmp_path / "out").iterdir()} == {
        "results.json", "report.html", "summary.md",
    }  # fmt: skip
    assert json.loads((tmp_path / "out/results.json").read_text())["about"]["data"] == "2 pictures"


def test_what_cannot_run_says_why_and_stops_nobody(few, tiny_package, tmp_path, monkeypatch):
    def unbuilt(name, *_):
        raise Unavailable(f"environment {name} could not be built: no network")

    monkeypatch.setattr("benchmarks.session.environments.interpreter", unbuilt)
    peer = Contender("infer", "litert", "INT8", "litert", "litert_peer", "litert", "ir/INT8")
    found = run.measure(tiny_package, [peer, INT8], _options(), cache=tmp_path / "cache")
    reasons = {row.runtime: row.reason for row in found.rows if row.device == "CPU"}
    assert "no network" in reasons["litert"]
    assert reasons["openvino"] == ""


def test_a_run_can_be_cancelled(few, tiny_package, tmp_path):
    with pytest.raises(Cancelled):
        run.measure(
            tiny_package, [INT8], _options(), cache=tmp_path / "cache", cancelled=lambda: True
        )


def test_a_process_says_what_is_wrong_with_it():
    with pytest.raises(Unavailable, match="No module named"):
        Process("no_such_peer", THIS_PYTHON, ())


def test_a_process_is_paused_asked_and_ended(tiny_package, tmp_path):
    samples = tmp_path / "samples.npy"
    np.save(samples, np.random.default_rng(0).random((2, 64, 64, 1), np.float32))
    process = Process("openvino_peer", THIS_PYTHON, ())
    try:
        with pytest.raises(Unavailable, match="cannot be read"):
            process.ask(do="open", config={"model": "none.xml", "outputs": {}, "precision": "f32"})
        config = {
            "model": str(tiny_package.path / "model.xml"),
            "outputs": dict(tiny_package.manifest.outputs),
            "samples": str(samples),
            "precision": "f32",
        }
        assert process.ask(do="open", config=config)["cold_start_ms"] > 0
        process.pause()
        answer = process.ask(do="block", scenario="server", seconds=0.05, rate=100.0)
        assert len(answer["latencies_ms"]) == answer["items"] > 0
        assert process.rss_mb() > 1
        assert process.cpu_s() > 0
        plain, slow = (
            process.ask(do="block", scenario="single-stream", seconds=1e-6, least=9, **more)
            for more in ({}, {"slow_ms": 20.0})
        )
        assert min(slow["latencies_ms"]) >= 20.0
        assert min(plain["latencies_ms"]) < 20.0
        with pytest.raises(Unavailable, match="do_fly"):
            process.ask(do="fly")
    finally:
        process.close()
