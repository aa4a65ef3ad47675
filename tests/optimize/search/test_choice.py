"""The choice keeps every bound, is as fast as any that does, and says why."""

from __future__ import annotations

import numpy as np
import pytest

from optimize.search import choice
from optimize.search.measure import against


def _row(name, used=0.2, status=None, size=4.0, shift=0.01, right="1" * 40):
    status = status or ("kept" if used <= 1 else "missed")
    return {
        "name": name,
        "used": used,
        "status": status,
        "size_mb": size,
        "shift": shift,
        "right": right,
    }


def _timed(rows, speeds, spread=0.01):
    rng = np.random.default_rng(2)
    times = {n: (s * (1 + spread * rng.normal(size=40))).tolist() for n, s in speeds.items()}
    for row in rows:
        if row["name"] in times:
            row["time"] = against(times, row["name"], "fp32")
    return times


def test_the_fastest_that_misses_a_bound_is_not_taken():
    rows = [_row("fp32", 0.0), _row("int8", 0.4), _row("whole", 9.0)]
    times = _timed(rows, {"fp32": 10.0, "int8": 4.0, "whole": 3.0})
    found = choice.choose(rows, times)
    assert found["name"] == "int8"
    assert "setting that `quantize` uses" in found["reason"]


def test_of_those_equally_fast_the_one_nearest_to_fp32_is_taken():
    rows = [_row("fp32", 0.0), _row("int8", 0.4), _row("near", 0.1), _row("slow", 0.0)]
    times = _timed(rows, {"fp32": 10.0, "int8": 4.0, "near": 4.01, "slow": 5.0})
    found = choice.choose(rows, times)
    assert found["name"] == "near"
    assert set(found["as_fast"]) == {"int8", "near"}


def test_a_better_setting_is_not_claimed_from_a_few_slices():
    rows = [_row("fp32", 0.0), _row("int8", 0.4, right="1" * 38 + "00"), _row("near", 0.1)]
    times = _timed(rows, {"fp32": 10.0, "int8": 4.0, "near": 4.0})
    found = choice.choose(rows, times)
    assert found["against_default"]["only_choice_right"] == 2
    assert found["against_default"]["p"] == pytest.approx(0.5)
    assert "no reason to change the default" in found["reason"]


def test_a_default_that_misses_a_bound_is_called_so():
    rows = [_row("fp32", 0.0), _row("int8", 3.0, right="0" * 40), _row("near", 0.1)]
    times = _timed(rows, {"fp32": 10.0, "int8": 4.0, "near": 4.0})
    reason = choice.choose(rows, times)["reason"]
    assert "(int8) misses a bound" in reason
    assert "no reason" not in reason


def test_times_that_are_unsure_are_called_so():
    rows = [_row("fp32", 0.0), _row("int8", 0.4)]
    quiet = choice.choose(rows, _timed(rows, {"fp32": 10.0, "int8": 4.0}))
    assert "unsure" not in quiet["reason"]
    noisy = choice.choose(rows, _timed(rows, {"fp32": 10.0, "int8": 4.0}, spread=0.4))
    assert "unsure" in noisy["reason"]


def test_fp32_stays_when_nothing_keeps_the_bounds():
    rows = [_row("fp32", 0.0), _row("int8", 3.0), {"name": "x", "status": "failed"}]
    found = choice.choose(rows, _timed(rows, {"fp32": 10.0, "int8": 4.0}))
    assert found["name"] is None
    assert "stay with FP32" in found["reason"]


def test_the_front_holds_what_nothing_beats():
    rows = [
        _row("fp32", 0.0, size=14.0),
        _row("int8", 0.4),
        _row("worse", 0.5, size=4.1),
        _row("weights", 0.1, size=3.5),
        {"name": "x", "status": "failed"},
    ]
    _timed(rows, {"fp32": 10.0, "int8": 4.0, "worse": 5.0, "weights": 9.9}, spread=0.0)
    assert choice.front(rows) == ["fp32", "int8", "weights"]
