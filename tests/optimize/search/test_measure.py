"""Figures against FP32, and times taken in turns."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
import pytest

from appliance.core.parity import Bounds
from optimize.search.measure import IN_TURN, Candidate, against, in_turns, median_interval, used


class _Clocked:
    """Answers at once and notes when it was asked."""

    def __init__(self, name, asked):
        self.name, self.asked = name, asked

    def infer(self, array):
        self.asked.append(self.name)


def test_candidates_take_turns_and_the_first_is_another_one_each_round():
    asked = []
    networks = {name: _Clocked(name, asked) for name in "abc"}
    times = in_turns(networks, np.zeros((5, 1, 1, 1), np.float32), 3)
    assert {name: len(ms) for name, ms in times.items()} == dict.fromkeys("abc", 3)
    turns = asked[3 * 3 :: IN_TURN]
    assert "".join(turns) == "abc" + "bca" + "cab"


def test_the_interval_of_the_median_covers_it_as_often_as_it_says():
    rng = np.random.default_rng(1)
    true = NormalDist().inv_cdf(0.5)
    hits = 0
    for _ in range(400):
        _, low, high = median_interval(rng.normal(size=40).tolist())
        hits += low <= true <= high
    assert 0.93 <= hits / 400 <= 0.995


def test_a_ratio_is_taken_round_by_round():
    times = {"a": [2.0, 4.0, 20.0], "b": [1.0, 2.0, 10.0]}
    assert against(times, "a", "b") == {"median": 2.0, "low": 2.0, "high": 2.0}


def test_the_worst_of_three_bounds_counts():
    row = {"accuracy": [0.9, 0.899], "dice": [0.8, 0.806], "label_flips": 0.008}
    assert used(row, Bounds()) == pytest.approx(0.8)
    assert used({**row, "accuracy": [0.9, 0.89]}, Bounds()) == pytest.approx(2.0)
    assert used({**row, "dice": [0.8, 0.77]}, Bounds()) == pytest.approx(3.0)


def test_a_property_reaches_openvino(plan):
    settings = {"CPU_SPARSE_WEIGHTS_DECOMPRESSION_RATE": 0.4}
    path, names = plan.run.network("FP32"), plan.run.draft["outputs"]
    network = Candidate(path, names, "LATENCY", settings)
    found = network._compiled.get_property("CPU_SPARSE_WEIGHTS_DECOMPRESSION_RATE")
    assert float(found) == pytest.approx(0.4)


def test_fp32_judged_against_itself_differs_in_nothing(plan):
    network = Candidate(plan.run.network("FP32"), plan.run.draft["outputs"], "THROUGHPUT")
    row = plan.judge.figures(network, "itself")
    assert row["n"] == len(plan.judging) == len(row["right"])
    assert row["label_flips"] == 0.0
    assert row["shift"] < 1e-6
    assert row["mask_dice"] == pytest.approx(1.0)
    assert row["right"].count("1") / row["n"] == pytest.approx(row["accuracy"][1])
