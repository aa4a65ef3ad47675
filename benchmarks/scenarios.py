"""Traffic and clocks around a callable; nothing here knows models, data or accuracy.

Each scenario runs for a time, not for a count, and answers with a `Block`. What LoadGen of MLPerf
does with the same callables stands in `benchmarks.loadgen`; here is the traffic for where it is
not installed. Imports NumPy alone, because it runs in the peers' environments.

References
----------
Reddi et al., MLPerf Inference Benchmark, ISCA 2020: the four scenarios and what they mean.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from time import perf_counter_ns

import numpy as np

SCENARIOS = ("single-stream", "multi-stream", "server", "offline")
PER_QUERY = 8
"""Samples of a multi-stream query, as MLPerf has it."""

Call = Callable[[int], object]
"""Answers query number i."""


@dataclass(frozen=True)
class Block:
    """What a stretch of traffic took.

    Attributes
    ----------
    latencies_ms : (n,) float64
        Of each query, in the order of issue; waiting counts where the scenario has a schedule.
    wall_s : float
        From the first query's start to the last answer.
    items : int
        Slices answered.
    """

    latencies_ms: np.ndarray
    wall_s: float
    items: int

    @property
    def n(self) -> int:
        return len(self.latencies_ms)

    @property
    def throughput(self) -> float:
        """Slices a second."""
        return self.items / self.wall_s


def percentile(latencies_ms: np.ndarray, percent: float) -> float:
    """A latency that ``percent`` of the calls did not exceed: an observed one, none between.

    >>> percentile(np.arange(1.0, 101.0), 99)
    99.0
    """
    return float(np.percentile(latencies_ms, percent, method="inverted_cdf"))


def _check(seconds: float, callers: int = 1) -> None:
    if not seconds > 0 or callers < 1:
        raise ValueError("a block lasts longer than no time and has a caller")


def single_stream(call: Call, seconds: float, items: int = 1, least: int = 1) -> Block:
    """One call at a time, the next when the last has answered: what one user feels.

    Parameters
    ----------
    items : int
        Slices that one call answers.
    least : int
        Calls made even when the time is over before.
    """
    _check(seconds)
    latencies: list[float] = []
    start = perf_counter_ns()
    end = start + int(seconds * 1e9)
    while len(latencies) < least or perf_counter_ns() < end:
        before = perf_counter_ns()
        call(len(latencies))
        latencies.append((perf_counter_ns() - before) / 1e6)
    wall_s = (perf_counter_ns() - start) / 1e9
    return Block(np.array(latencies), wall_s, items * len(latencies))


def multi_stream(
    call: Call, seconds: float, callers: int = 1, items: int = 1, least: int = 1
) -> Block:
    """Queries of `PER_QUERY` slices, one after the other; the latency is that of the query."""
    _check(seconds, callers)
    calls = -(-PER_QUERY // items)
    with ThreadPoolExecutor(callers) as pool:

        def query(i: int) -> None:
            for future in [pool.submit(call, i * calls + k) for k in range(calls)]:
                future.result()

        block = single_stream(query, seconds, least=least)
    return Block(block.latencies_ms, block.wall_s, block.n * calls * items)


def server(
    call: Call, seconds: float, rate: float, callers: int = 1, seed: int = 0, items: int = 1
) -> Block:
    """Queries that arrive by chance (Poisson) whether or not the last was answered.

    Parameters
    ----------
    rate : float
        Queries a second. A latency runs from the scheduled arrival, so waiting counts.
    """
    _check(seconds, callers)
    if not rate > 0:
        raise ValueError("the rate is above 0")
    gaps = np.random.default_rng(seed).exponential(1.0 / rate, max(int(seconds * rate * 2), 8))
    due = np.cumsum(gaps)
    due = due[: max(int(np.searchsorted(due, seconds)), 1)]
    latencies = np.empty(len(due))
    start = perf_counter_ns()

    def one(i: int) -> None:
        call(i)
        latencies[i] = (perf_counter_ns() - start) / 1e6 - due[i] * 1e3

    with ThreadPoolExecutor(callers) as pool:
        futures = []
        for i, moment in enumerate(due):
            left = moment - (perf_counter_ns() - start) / 1e9
            if left > 0:
                time.sleep(left)
            futures.append(pool.submit(one, i))
        for future in futures:
            future.result()
    return Block(latencies, (perf_counter_ns() - start) / 1e9, items * len(due))


def offline(call: Call, seconds: float, callers: int = 1, items: int = 1, least: int = 1) -> Block:
    """All slices are there from the start and ``callers`` take them: what a night's batch needs.

    The latencies are those of a call once a caller has taken it; waiting is not counted, since
    in this scenario everything waits.
    """
    _check(seconds, callers)
    latencies: list[float] = []
    lock, given = threading.Lock(), [0]
    start = perf_counter_ns()
    end = start + int(seconds * 1e9)

    def take() -> int | None:
        with lock:
            if given[0] >= least and perf_counter_ns() >= end:
                return None
            given[0] += 1
            return given[0] - 1

    def work() -> None:
        while (i := take()) is not None:
            before = perf_counter_ns()
            call(i)
            spent = (perf_counter_ns() - before) / 1e6
            with lock:
                latencies.append(spent)

    with ThreadPoolExecutor(callers) as pool:
        for future in [pool.submit(work) for _ in range(callers)]:
            future.result()
    wall_s = (perf_counter_ns() - start) / 1e9
    return Block(np.array(latencies), wall_s, items * len(latencies))
