"""Runs are compared row by row; machines that differ and regressions are said."""

from __future__ import annotations

import json

import pytest

from appliance.core.errors import BadRequest
from benchmarks import compare, results
from benchmarks.__main__ import main
from benchmarks.statistics import PERCENTS, figure
from tests.benchmarks.test_statistics import pieces

HOST = {"cpu": "Example", "isa": {"AVX2": True}, "cores": 2, "memory_gib": 8.0}


def row(factor: float = 1.0, seed: int = 0, **changes: object) -> results.Row:
    found = pieces(factor, seed=seed)
    known = {
        "target": "infer",
        "runtime": "openvino",
        "precision": "INT8",
        "device": "CPU",
        "hint": "LATENCY, f32",
        "scenario": "single-stream",
        "host": HOST,
        "blocks": [piece.to_json() for piece in found],
        "throughput_per_s": figure(found, "throughput_per_s"),
        **{f"p{p}_ms": figure(found, f"p{p}_ms") for p in PERCENTS},
    }
    return results.Row(**{**known, **changes})


def run(*rows: results.Row) -> results.Run:
    return results.Run(rows, {"preset": "quick"})


@pytest.fixture
def files(tmp_path):
    def write(name: str, *rows: results.Row) -> str:
        results.save(run(*rows), tmp_path / name)
        return str(tmp_path / name)

    return write


def test_ten_percent_more_is_slower_and_ends_with_4(files, capsys):
    before, after = files("a.json", row(seed=1)), files("b.json", row(1.1, seed=2))
    assert main(["compare", before, after]) == 4
    told = capsys.readouterr()
    assert "| slower |" in told.out
    assert "slower beyond 1.05: openvino INT8, single-stream" in told.err
    assert main(["compare", after, before]) == 0
    assert "| faster |" in capsys.readouterr().out
    assert main(["compare", before, after, "--bound", "1.3"]) == 0


def test_the_same_twice_is_no_difference(files, capsys):
    before, after = files("a.json", row(seed=1)), files("b.json", row(seed=2))
    assert main(["compare", before, after, "--format", "json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)["rows"]
    assert found["verdict"] == "no difference"
    assert found["interval"][0] < 1 < found["interval"][1]


def test_another_machine_is_refused_unless_forced(files, capsys):
    before = files("a.json", row())
    after = files("b.json", row(host={**HOST, "cores": 4}))
    assert main(["compare", before, after]) == 2
    assert "cores: 2 before, 4 after" in capsys.readouterr().err
    assert main(["compare", before, after, "--force"]) == 0
    assert "compared by --force" in capsys.readouterr().out


def test_offline_is_judged_by_throughput_and_slower_stays_above_one():
    offline = {"scenario": "offline", "hint": "THROUGHPUT, f32"}
    (pair,) = compare.pairs(run(row(**offline)), run(row(1.2, seed=3, **offline)))
    assert pair.figure == "throughput_per_s"
    assert pair.after < pair.before
    assert pair.ratio.value == pytest.approx(1.2, rel=0.05)


def test_only_equal_things_are_paired():
    missing = row(blocks=[], status="not measured", reason="no GPU", device="GPU")
    with pytest.raises(BadRequest):
        compare.pairs(run(row(), missing), run(row(precision="FP16"), missing))


def test_what_changed_is_told():
    before = run(row(versions={"openvino": "1"}, commit="a"))
    after = run(row(versions={"openvino": "2"}, commit="b"))
    told = compare.changes(before, after)
    assert "openvino 1 before, 2 after" in told
    assert "commit a before, b after" in told
