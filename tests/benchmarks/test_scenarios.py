"""Traffic keeps its promises, clocks count what they say."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest

from benchmarks.loadgen import read_summary
from benchmarks.scenarios import PER_QUERY, multi_stream, offline, percentile, server, single_stream


def test_single_stream_never_overlaps_and_lasts_its_time():
    inside, threads = threading.Lock(), set()

    def call(i: int) -> None:
        assert inside.acquire(blocking=False)
        threads.add(threading.get_ident())
        time.sleep(0.001)
        inside.release()

    block = single_stream(call, 0.03, items=3)
    assert threads == {threading.get_ident()}
    assert block.wall_s >= 0.03
    assert (block.latencies_ms >= 1.0).all()
    assert block.items == 3 * block.n
    assert single_stream(call, 1e-6, least=5).n == 5


def test_offline_keeps_its_callers_busy():
    together = threading.Barrier(3, timeout=60)
    block = offline(lambda _: together.wait(), 1e-6, callers=3, least=6)  # only if three overlap
    assert block.n == 6


def test_a_multi_stream_query_waits_for_its_last_sample():
    block = multi_stream(lambda i: time.sleep(0.01 if i % PER_QUERY == 7 else 0.0), 1e-6, callers=2)
    assert block.items == PER_QUERY
    assert block.latencies_ms[0] >= 10.0
    assert multi_stream(lambda _: None, 1e-6, items=16).items == 16


def test_waiting_counts_when_queries_come_faster_than_answers():
    block = server(lambda _: time.sleep(0.01), 0.2, rate=300.0)
    assert block.latencies_ms[-1] > 5 * block.latencies_ms[0]
    assert block.n > 20


def test_arrivals_are_those_of_the_seed():
    counts = {seed: server(lambda _: None, 0.05, 400.0, seed=seed).n for seed in range(4)}
    assert len(set(counts.values())) > 1
    assert server(lambda _: None, 0.05, 400.0, seed=2).n == counts[2]


@pytest.mark.parametrize("traffic", [single_stream, multi_stream, offline])
def test_a_failing_call_ends_the_block(traffic):
    def fail(_: int) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        traffic(fail, 1.0)


def test_senseless_requests_are_refused():
    for wrong in (
        lambda: single_stream(print, 0.0),
        lambda: offline(print, 1.0, callers=0),
        lambda: server(print, 1.0, rate=0.0),
    ):
        with pytest.raises(ValueError):
            wrong()


def test_percentiles_are_latencies_that_occurred():
    assert [percentile(np.arange(1.0, 101.0), p) for p in (50, 90, 99)] == [50.0, 90.0, 99.0]
    assert percentile(np.array([3.0, 1.0]), 99) == 3.0


def test_what_loadgen_says_is_read():
    said = read_summary(
        "Scenario : SingleStream\n90.0th percentile latency (ns) : 5142858\nResult is : VALID\n"
        " * Early stopping 90.0th percentile estimate: 5169704\n"
        "99.90 percentile latency (ns)   : 8426170\n"
    )
    assert said == {"valid": True, "early_stopping_p90_ms": 5.169704, "p99.9_ms": 8.42617}
    assert read_summary("Result is : INVALID") == {"valid": False}
