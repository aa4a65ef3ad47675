"""Our rows as a group: what a machine did is taken out, what we did stays."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from benchmarks import results
from benchmarks.__main__ import main
from benchmarks.statistics import Piece
from benchmarks.together import together
from tests.benchmarks.test_compare import row

OURS = ("INT8", "FP16", "BF16", "FP32")
PEERS = ("onnxruntime", "litert", "tensorflow", "opencv-dnn")


def blocks(seed: int, factor: float, weather: np.ndarray) -> list[dict]:
    """Blocks of 5 ms calls, slower by the factor and by the machine's own course."""
    rng = np.random.default_rng(seed)
    found = []
    for index, slow in enumerate(weather):
        times = 5.0 * factor * slow * rng.lognormal(0.05, 0.1, 60)
        wall_s = times.sum() / 1e3
        found.append(Piece.of(10.0 * index, times.tolist(), wall_s, 60, 0.0).to_json())
    return found


def whole_run(seed: int, ours: float = 1.0, machine: float = 1.0, **about: str) -> results.Run:
    rng = np.random.default_rng(seed)
    weather = machine * np.where(rng.random(10) < 0.4, 1.4, 1.0) * rng.uniform(0.97, 1.03, 10)
    rows = []
    for number, name in enumerate((*OURS, *PEERS)):
        kind = {"precision": name} if name in OURS else {"runtime": name, "precision": "FP32"}
        factor = ours if name in OURS else 1.0
        for place, scenario in enumerate(("single-stream", "offline")):
            measured = blocks(1000 * seed + 10 * number + place, factor, weather)
            rows.append(row(scenario=scenario, blocks=measured, **kind))
    return results.Run(tuple(rows), {"preset": "quick", "model": "m 1", **about})


@pytest.mark.parametrize("machine", [0.8, 1.0, 1.3])
def test_a_slower_machine_is_no_difference(machine):
    (found,) = together(whole_run(1), whole_run(2, machine=machine))
    assert (found.name, found.rows, found.peers) == ("inference", 8, 8)
    assert found.ratio.verdict == "no difference"
    assert found.ratio.low < 1 < found.ratio.high
    assert found.machine.value == pytest.approx(machine, rel=0.1)


@pytest.mark.parametrize("machine", [0.9, 1.2])
def test_a_tenth_of_ours_is_seen_through_the_weather(machine):
    (found,) = together(whole_run(3), whole_run(4, ours=1.1, machine=machine))
    assert found.ratio.verdict == "slower"
    assert found.ratio.value == pytest.approx(1.1, abs=0.02)
    (back,) = together(whole_run(4, ours=1.1, machine=machine), whole_run(3))
    assert back.ratio.verdict == "faster"


def test_nothing_is_said_where_nothing_can_be_taken_out():
    one, other = whole_run(5), whole_run(6)
    assert together(one, replace(other, about={**other.about, "model": "m 2"})) == []
    alone = tuple(r for r in other.rows if r.runtime == "openvino")
    assert together(one, replace(other, rows=alone)) == []
    newer = tuple(
        replace(r, versions={"runtime": "2"}) if r.runtime in PEERS else r for r in other.rows
    )
    assert together(one, replace(other, rows=newer)) == []
    assert together(replace(one, about={}), replace(other, about={})) == []
    short = tuple(replace(r, blocks=r.blocks[:3]) for r in other.rows)
    assert together(one, replace(other, rows=short)) == []


def test_the_group_is_reported_and_ends_with_4(tmp_path, capsys):
    for name, run in (("a", whole_run(7)), ("b", whole_run(8, ours=1.1, machine=1.05))):
        results.save(run, tmp_path / f"{name}.json")
    paths = [str(tmp_path / f"{name}.json") for name in "ab"]
    assert main(["compare", *paths]) == 4
    told = capsys.readouterr()
    assert "- inference, 8 rows together: 1." in told.out
    assert "slower beyond 1.05: inference, 8 rows together: 1." in told.err
    main(["compare", *paths, "--format", "json"])
    (group,) = json.loads(capsys.readouterr().out)["together"]
    assert group["verdict"] == "slower"
    assert group["machine"] == pytest.approx(1.05, rel=0.1)
