"""A peer in a process of its own: one JSON line in, one JSON line out.

``python -m benchmarks.peers.worker MODULE``; every answer has ``ok``, and ``error`` when it is
false. Frameworks print what they like: their standard output is sent to standard error.

| ``do`` | answers |
| --- | --- |
| ``open`` with ``config`` | ``cold_start_ms``, ``device``, ``size_mb``, ``versions``, ``loadgen`` |
| ``block`` with ``scenario``, ``seconds``, ... | ``latencies_ms``, ``wall_s``, ``items``, ... |
| ``answer`` with ``slices``, ``out`` | nothing; outputs of the slices in the file |
| ``results`` with ``out`` | nothing; what an estimator or a training step answers |
| ``quit`` | nothing, and ends |
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import loadgen, scenarios

_PR_SET_PDEATHSIG = 1


class Worker:
    """Answers requests with one peer.

    Parameters
    ----------
    module : str
        Of `benchmarks.peers`.
    """

    def __init__(self, module: str) -> None:
        self.module = importlib.import_module(f"benchmarks.peers.{module}")
        self.peer: Any = None
        self.rates: dict[str, float] = {}

    def do_open(self, config: Mapping[str, Any]) -> dict[str, Any]:
        start = time.perf_counter()
        self.peer = self.module.open_peer(config)
        way = self.peer.latency()
        way.call(0)
        cold = (time.perf_counter() - start) * 1e3
        return {
            "cold_start_ms": cold,
            "device": self.peer.device,
            "size_mb": self.peer.size_mb,
            "versions": dict(self.peer.versions),
            "loadgen": loadgen.available(),
        }

    def _way(self, scenario: str) -> Any:
        if hasattr(self.peer, "ways"):  # scenarios of its own
            return self.peer.ways()[scenario]
        if scenario == "server":  # single slices as they come
            return getattr(self.peer, "serving", self.peer.latency)()
        return self.peer.latency() if scenario == "single-stream" else self.peer.throughput()

    def _estimate(self, scenario: str, way: Any, warm_up: int) -> float:
        """Warm-up calls, and calls a second as far as they tell, of all callers together."""
        times = []
        for i in range(max(warm_up, 1)):
            before = time.perf_counter()
            way.call(i)
            times.append(time.perf_counter() - before)
        return way.callers * way.items / max(float(np.median(times)), 1e-6)

    def do_block(
        self,
        scenario: str,
        seconds: float,
        warm_up: int = 2,
        driver: str = "plain",
        rate: float | None = None,
        seed: int = 0,
        least: int = 1,
        slow_ms: float = 0.0,
        slow_share: float = 0.0,
    ) -> dict[str, Any]:
        """A block of traffic; ``slow_share`` makes every call longer on purpose, for tests."""
        measured = getattr(self.peer, "block", None)
        if measured is not None:  # a program that measures itself
            return measured(scenario, seconds)
        way = self._way(scenario)
        blind = warm_up == 0 and scenario != "offline"  # whose length needs an estimate
        known = 1.0 if blind else self._estimate(scenario, way, warm_up)
        rate = rate or self.rates.get(scenario, known)
        stages: list[Mapping[str, float]] = []
        lock = threading.Lock()

        def call(i: int) -> None:
            before = time.perf_counter()
            answer = way.call(i)
            if way.stages is not None:
                with lock:
                    stages.append(way.stages(answer))
            if slow_share or slow_ms:
                spent = time.perf_counter() - before
                end = before + spent * (1.0 + slow_share) + slow_ms / 1e3
                while time.perf_counter() < end:
                    pass

        said: dict[str, Any] = {}
        if driver == "loadgen":
            block, said = loadgen.run(
                scenario, call, seconds, way.callers, way.items, rate, seed, least
            )
        elif scenario == "single-stream" or hasattr(self.peer, "ways"):
            block = scenarios.single_stream(call, seconds, way.items, least)
        elif scenario == "multi-stream":
            block = scenarios.multi_stream(call, seconds, way.callers, way.items, least)
        elif scenario == "server":
            block = scenarios.server(call, seconds, rate, way.callers, seed, way.items)
        else:
            block = scenarios.offline(call, seconds, way.callers, way.items, least)
        if scenario != "server":
            self.rates[scenario] = block.throughput
        names = sorted({name for one in stages for name in one})
        return {
            "latencies_ms": np.round(block.latencies_ms, 5).tolist(),
            "wall_s": block.wall_s,
            "items": block.items,
            "batch": way.items,
            "callers": way.callers if scenario != "single-stream" else 1,
            "hint": way.hint,
            "rate": rate if scenario == "server" else None,
            "loadgen": said,
            "stages": {
                name: float(np.median([one.get(name, 0.0) for one in stages])) for name in names
            },
        }

    def do_answer(self, slices: str, out: str) -> dict[str, Any]:
        answered = self.peer.answer(np.load(slices))
        draft = Path(out).with_suffix(".part.npz")
        np.savez(draft, logits=answered["logits"], mask=answered["mask"])
        draft.replace(out)
        return {}

    def do_results(self, out: str) -> dict[str, Any]:
        np.savez(out, **self.peer.results())
        return {}

    def answer_line(self, line: str) -> dict[str, Any]:
        """The answer to one request; a failure is an answer too."""
        try:
            request = json.loads(line)
            method = getattr(self, f"do_{request.pop('do')}")
            return {"ok": True, **method(**request)}
        except Exception as error:
            message = " ".join(str(getattr(error, "message", error)).split())[:400]
            return {"ok": False, "error": message or type(error).__name__}


def _end_with_parent() -> None:
    """A paused worker could not see that whoever paused it is gone; the kernel ends it then."""
    with contextlib.suppress(OSError, AttributeError):  # not Linux
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def main(module: str) -> int:
    """Serve until ``quit`` or the end of the input."""
    _end_with_parent()
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as answers:
        os.dup2(2, 1)

        def say(answer: Mapping[str, Any]) -> None:
            answers.write(json.dumps(answer) + "\n")
            answers.flush()

        try:
            worker = Worker(module)
        except Exception as error:
            say({"ok": False, "error": f"{type(error).__name__}: {error}"[:400]})
            return 1
        say({"ok": True})
        for line in sys.stdin:
            if json.loads(line).get("do") == "quit":
                break
            say(worker.answer_line(line))
        if worker.peer is not None:
            worker.peer.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
