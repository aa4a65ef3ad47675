"""Blocks are pooled, resampled and compared as the report claims."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.statistics import (
    Piece,
    drift,
    drifts,
    early_stopping,
    figure,
    interval,
    ratio,
)


def pieces(factor: float = 1.0, blocks: int = 10, seed: int = 0, weather: float = 0.01):
    """Blocks of 100 calls around 10 ms; each block has a weather of its own."""
    rng = np.random.default_rng(seed)
    found = []
    for number in range(blocks):
        values = 10 * factor * (1 + rng.normal(0, weather)) * rng.lognormal(0, 0.05, 100)
        found.append(Piece.of(60.0 * number, values, values.sum() / 1e3, 100, 0.0))
    return found


def test_pooled_figures_are_those_of_all_calls():
    parts = [Piece.of(0, range(1, 51), 1.0, 50, 0), Piece.of(9, range(51, 101), 3.0, 50, 0)]
    assert [figure(parts, f"p{p}_ms") for p in (50, 90, 99)] == [50.0, 90.0, 99.0]
    assert figure(parts, "throughput_per_s") == 25.0


def test_a_block_of_many_calls_is_thinned_and_keeps_its_weight():
    many = Piece.of(0, np.linspace(1, 2, 10_000), 1.0, 10_000, 0)
    few = Piece.of(1, [100.0] * 10, 1.0, 10, 0)
    assert len(many.latencies_ms) == 200
    assert figure([many], "p50_ms") == pytest.approx(1.5, abs=0.01)
    assert figure([many, few], "p99_ms") < 3
    assert Piece.from_json(many.to_json()) == many


def test_an_interval_holds_the_figure_and_grows_with_the_weather():
    calm, rough = (interval(pieces(weather=w), "p50_ms") for w in (0.001, 0.1))
    assert calm[0] <= figure(pieces(weather=0.001), "p50_ms") <= calm[1]
    assert rough[1] - rough[0] > 3 * (calm[1] - calm[0])
    assert interval(pieces(blocks=1), "p50_ms") is None


@pytest.mark.parametrize("name", ["p50_ms", "throughput_per_s"])
@pytest.mark.parametrize(
    ("factor", "verdict"), [(1.0, "no difference"), (1.10, "slower"), (0.88, "faster")]
)
def test_verdicts(name, factor, verdict):
    found = ratio(pieces(seed=1), pieces(factor, seed=2), name)
    assert found.verdict == verdict
    assert found.low < factor < found.high or found.value == pytest.approx(factor, rel=0.02)


def test_two_runs_of_the_same_are_told_apart_in_less_than_one_of_ten():
    wrong = sum(
        ratio(pieces(seed=2 * k), pieces(seed=2 * k + 1), "p50_ms", 200).verdict != "no difference"
        for k in range(30)
    )
    assert wrong <= 2


@pytest.mark.parametrize("name", ["p50_ms", "throughput_per_s"])
def test_a_neighbour_that_comes_and_goes_hides_no_difference(name):
    def run(factor, seed):
        rng = np.random.default_rng(seed)
        busy = rng.random(30) < 0.3  # then everything takes half as long again
        return [
            piece
            for k, slow in enumerate(busy)
            for piece in pieces(factor * (1.5 if slow else 1.0), seed=100 * seed + k, blocks=1)
        ]

    same = [ratio(run(1.0, 2 * k), run(1.0, 2 * k + 1), name, 200).verdict for k in range(12)]
    other = [ratio(run(1.0, 2 * k), run(1.1, 2 * k + 1), name, 200).verdict for k in range(12)]
    assert same.count("no difference") >= 11
    assert other.count("slower") >= 10


def test_a_machine_that_slows_down_is_noticed():
    rng = np.random.default_rng(0)
    hot = [
        Piece.of(30 * k, 10 * (1 + 0.02 * k) + rng.normal(0, 0.05, 50), 0.5, 50, 0)
        for k in range(10)
    ]
    found = drift(hot)
    assert drifts(found)
    assert found["percent"] == pytest.approx(16.5, abs=3)
    assert not drifts(drift(pieces(weather=0.002)))
    assert drift(hot[:3]) is None


def test_early_stopping_bounds_the_percentile_from_above():
    assert early_stopping(pieces(blocks=1), 99) is None  # 100 calls say nothing of p99
    parts = pieces()
    assert early_stopping(parts, 90) > figure(parts, "p90_ms")
    assert early_stopping(parts, 90) < figure(parts, "p95_ms")
