"""Traffic and clocks around a callable; nothing here knows models, data or accuracy.

References
----------
MLPerf Inference, LoadGen: the names SingleStream and Offline and what they mean.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from time import perf_counter_ns

import numpy as np

SCENARIOS = ("single-stream", "offline")


@dataclass(frozen=True)
class Timing:
    """What a run took.

    Attributes
    ----------
    latencies_ms : (n,) float64
        Time of each call, in the order in which the calls were issued.
    wall_s : float
        From the first call's start to the last call's end.
    warm_up : int
        Calls made before the clock started.
    """

    latencies_ms: np.ndarray
    wall_s: float
    warm_up: int

    @property
    def n(self) -> int:
        return len(self.latencies_ms)

    def percentile(self, percent: float) -> float:
        """A latency that ``percent`` of the calls did not exceed: an observed one, none between."""
        return float(np.percentile(self.latencies_ms, percent, method="inverted_cdf"))

    def throughput(self, batch: int = 1) -> float:
        """Items a second."""
        return self.n * batch / self.wall_s


def _timed(call: Callable[[], object]) -> float:
    start = perf_counter_ns()
    call()
    return (perf_counter_ns() - start) / 1e6


def _check(n: int, warm_up: int) -> None:
    if n < 1 or warm_up < 0:
        raise ValueError("n is at least 1, warm_up at least 0")


def single_stream(
    call: Callable[[], object],
    n: int,
    warm_up: int = 0,
    tick: Callable[[], None] = lambda: None,
) -> Timing:
    """One call at a time, the next when the last has answered: what one user feels.

    Parameters
    ----------
    call : callable
        One query, synchronous.
    n, warm_up : int
        Measured calls, and calls before them.
    tick : callable
        Called after each measured call, outside its clock: for a progress bar.
    """
    _check(n, warm_up)
    for _ in range(warm_up):
        call()
    latencies = np.empty(n)
    for i in range(n):
        latencies[i] = _timed(call)
        tick()
    return Timing(latencies, float(latencies.sum() / 1e3), warm_up)


def offline(
    call: Callable[[], object],
    n: int,
    warm_up: int = 0,
    workers: int = 1,
    tick: Callable[[], None] = lambda: None,
) -> Timing:
    """All calls are there from the start and ``workers`` take them: what a night's batch needs.

    The latencies are those of a call once a worker has taken it; waiting is not counted, since
    in this scenario everything waits.
    """
    _check(n, warm_up)
    if workers < 1:
        raise ValueError("workers is at least 1")
    latencies = np.empty(n)
    lock = threading.Lock()

    def one(i: int) -> None:
        latencies[i] = _timed(call)
        with lock:
            tick()

    with ThreadPoolExecutor(workers) as pool:
        for future in [pool.submit(call) for _ in range(warm_up)]:
            future.result()
        start = perf_counter_ns()
        for future in [pool.submit(one, i) for i in range(n)]:
            future.result()
        wall_s = (perf_counter_ns() - start) / 1e9
    return Timing(latencies, wall_s, warm_up)
