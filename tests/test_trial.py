"""Trials never raise, are compared within rounds, and noise changes no recommendation."""

from __future__ import annotations

from dataclasses import asdict

import pytest

from appliance.trial import Candidate, candidates, measure, recommend
from appliance.tuning import Tuning


def row(tuning: Tuning, ms: float, ratio: float = 1.0, won: float = 0.5, precision: str = "INT8"):
    return {
        **Candidate(tuning, precision).row(),
        "status": "measured",
        "median_ms": ms,
        "ratio": ratio,
        "won": won,
    }


def test_every_candidate_of_a_package_is_measured(tiny_package):
    chosen = candidates(["CPU"], 2, {"AVX512-BF16": True})
    shares: list[float] = []
    rows = measure(tiny_package, chosen, 0.0, shares.append)
    assert [r["status"] for r in rows] == ["measured"] * len(chosen), rows
    assert all(r["n"] >= 3 and r["median_ms"] > 0 and r["compile_ms"] > 0 for r in rows)
    assert rows[0]["ratio"] == 1.0
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


def test_a_candidate_that_cannot_run_says_why(tiny_package):
    rows = measure(tiny_package, [Candidate(Tuning("NOSUCH")), Candidate(Tuning("CPU"))], 0.0)
    assert rows[0]["status"] == "not measured"
    assert "NOSUCH" in rows[0]["reason"]
    assert rows[1]["status"] == "measured"


def test_bf16_is_tried_only_where_the_cpu_has_it():
    assert not [c for c in candidates(["CPU"], 4, {"AVX2": True}) if c.execution == "bf16"]
    assert [c for c in candidates(["CPU"], 4, {"AMX-BF16": True}) if c.execution == "bf16"]
    assert not [c for c in candidates(["GPU"], 4, {"AMX-BF16": True}) if c.tuning.cpu_threads]


def test_the_device_that_serves_fastest_is_recommended():
    rows = [
        row(Tuning("CPU"), 9.0),
        row(Tuning("GPU"), 1.0, precision="FP16"),
        row(Tuning("GPU"), 4.0),
        {**Candidate(Tuning("NPU")).row(), "status": "not measured", "reason": "no driver"},
    ]
    assert recommend(rows)["device"] == "GPU"
    assert recommend(rows[3:]) is None


@pytest.mark.parametrize(
    ("ratio", "won", "taken"), [(0.90, 0.9, True), (0.90, 0.5, False), (0.97, 1.0, False)]
)
def test_another_use_of_the_cores_has_to_be_clearly_faster(ratio, won, taken):
    other = Tuning("CPU", pinning=False)
    found = recommend([row(Tuning("CPU"), 5.0), row(other, 4.5, ratio, won)])
    assert (found["tuning"] == asdict(other)) is taken
    assert ("less than OpenVINO's own choice" in found["reason"]) is taken
