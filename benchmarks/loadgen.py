"""The same scenarios, driven by MLCommons' LoadGen; its own verdict comes back beside the block.

LoadGen decides when a query is issued and when enough were; our clock around each query gives the
latencies of a block, and its summary (with the early-stopping estimate) is kept as it is said.

References
----------
https://github.com/mlcommons/inference/tree/master/loadgen
"""

from __future__ import annotations

import queue
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from time import perf_counter_ns
from typing import Any

import numpy as np

from benchmarks.scenarios import PER_QUERY, Block, Call

_NAMES = {
    "single-stream": "SingleStream",
    "multi-stream": "MultiStream",
    "server": "Server",
    "offline": "Offline",
}
_TARGET_NS = 1_000_000_000


def available() -> bool:
    """Whether LoadGen can be imported here."""
    try:
        import mlperf_loadgen  # noqa: F401
    except ImportError:
        return False
    return True


class _Clerk:
    """Takes LoadGen's samples, has them answered by callers, keeps the clock of each query."""

    def __init__(self, library: Any, call: Call, callers: int, items: int) -> None:
        self.library, self.call, self.items = library, call, items
        self.latencies: list[float] = []
        self.failure: BaseException | None = None
        self._lock = threading.Lock()
        self._work: queue.SimpleQueue = queue.SimpleQueue()
        self._threads = [threading.Thread(target=self._answer, daemon=True) for _ in range(callers)]
        for thread in self._threads:
            thread.start()
        self.start = self.end = self.answered = 0

    def issue(self, samples: Any) -> None:
        """LoadGen's callback: one query of one or many samples."""
        now = perf_counter_ns()
        self.start = self.start or now
        identities = [sample.id for sample in samples]
        parts = [identities[i : i + self.items] for i in range(0, len(identities), self.items)]
        left = [len(parts)]
        for part in parts:
            self._work.put((part, now, left))

    def _answer(self) -> None:
        while (task := self._work.get()) is not None:
            identities, issued, left = task
            before = perf_counter_ns()
            try:
                if self.failure is None:
                    self.call(len(self.latencies))
            except BaseException as error:
                self.failure = error
            now = perf_counter_ns()
            with self._lock:
                left[0] -= 1
                if self.whole and left[0] == 0:
                    self.latencies.append((now - issued) / 1e6)
                elif not self.whole:
                    self.latencies.append((now - before) / 1e6)
                self.end = now
                self.answered += len(identities)
            answers = [self.library.QuerySampleResponse(i, 0, 0) for i in identities]
            self.library.QuerySamplesComplete(answers)

    whole = True
    """A query's latency runs from its issue to its last sample; offline, each call has its own."""

    def stop(self) -> None:
        for _ in self._threads:
            self._work.put(None)
        for thread in self._threads:
            thread.join()


def run(
    scenario: str,
    call: Call,
    seconds: float,
    callers: int = 1,
    items: int = 1,
    rate: float = 1.0,
    seed: int = 0,
    least: int = 1,
) -> tuple[Block, dict[str, Any]]:
    """A block, and what LoadGen says of it (``valid``, ``early_stopping_ms``, its percentiles).

    Parameters
    ----------
    rate : float
        Queries a second: the schedule of ``server``; an estimate for ``offline``, whose one query
        has to last ``seconds``.
    """
    import mlperf_loadgen as library

    clerk = _Clerk(library, call, 1 if scenario == "single-stream" else callers, items)
    clerk.whole = scenario != "offline"
    settings = library.TestSettings()
    settings.scenario = getattr(library.TestScenario, _NAMES[scenario])
    settings.mode = library.TestMode.PerformanceOnly
    settings.min_duration_ms = int(seconds * 1e3)
    settings.min_query_count = least
    settings.schedule_rng_seed = settings.sample_index_rng_seed = settings.qsl_rng_seed = seed
    if scenario == "offline":
        settings.offline_expected_qps = max(rate / 1.1, 1.0 / seconds)
        settings.min_query_count = 1
    elif scenario == "server":
        settings.server_target_qps = rate
        settings.server_target_latency_ns = _TARGET_NS
        settings.max_duration_ms = int(seconds * 1e3)
    else:
        settings.max_duration_ms = int(seconds * 1e3)
        settings.multi_stream_samples_per_query = PER_QUERY
    with tempfile.TemporaryDirectory(prefix="loadgen-") as folder:
        summary = _start(library, clerk.issue, settings, Path(folder))
    clerk.stop()
    if clerk.failure is not None:
        raise clerk.failure
    wall_s = (clerk.end - clerk.start) / 1e9
    return Block(np.array(clerk.latencies), wall_s, clerk.answered), summary


def _start(library: Any, issue: Callable, settings: Any, folder: Path) -> dict[str, Any]:
    output = library.LogOutputSettings()
    output.outdir, output.copy_summary_to_stdout = str(folder), False
    log = library.LogSettings()
    log.log_output, log.enable_trace = output, False
    system = library.ConstructSUT(issue, lambda: None)
    samples = library.ConstructQSL(1024, 1024, lambda _: None, lambda _: None)
    try:
        library.StartTestWithLogSettings(system, samples, settings, log, "")
    finally:
        library.DestroyQSL(samples)
        library.DestroySUT(system)
    return read_summary((folder / "mlperf_log_summary.txt").read_text(encoding="utf-8"))


def read_summary(text: str) -> dict[str, Any]:
    """What matters of ``mlperf_log_summary.txt``.

    >>> read_summary("Result is : VALID\\n50.00 percentile latency (ns)   : 5000000")
    {'valid': True, 'p50_ms': 5.0}
    """
    found: dict[str, Any] = {}
    for line in text.splitlines():
        name, _, value = (part.strip() for part in line.partition(":"))
        if name == "Result is":
            found["valid"] = value == "VALID"
        elif name.endswith("percentile latency (ns)") and "th" not in name:
            found[f"p{float(name.split()[0]):g}_ms"] = int(value) / 1e6
        elif "Early stopping" in name and "percentile estimate" in name and value.isdecimal():
            percent = float(name.split("Early stopping")[1].split("th")[0])
            found[f"early_stopping_p{percent:g}_ms"] = int(value) / 1e6
    return found
