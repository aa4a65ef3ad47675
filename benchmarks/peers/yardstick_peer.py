"""``benchmark_app`` of OpenVINO on the same IR: the ceiling, measured by its makers' own tool."""

from __future__ import annotations

import importlib.metadata
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.peers.peer import Way

_LIMIT_S = 120
_START = "import sys; from openvino.tools.benchmark.main import main; sys.exit(main())"


def read_output(text: str) -> dict[str, float]:
    """Figures of ``benchmark_app``'s last lines.

    >>> read_output("[ INFO ] Count:  10 iterations\\n[ INFO ]    Median:     4.20 ms\\n"
    ...     "[ INFO ] Throughput:   237.10 FPS")
    {'count': 10.0, 'median_ms': 4.2, 'throughput_per_s': 237.1}
    """
    patterns = {
        "count": r"Count:\s+([\d.]+) iterations",
        "median_ms": r"Median:\s+([\d.]+) ms",
        "min_ms": r"Min:\s+([\d.]+) ms",
        "max_ms": r"Max:\s+([\d.]+) ms",
        "throughput_per_s": r"Throughput:\s+([\d.]+) FPS",
    }
    found = {name: re.search(pattern, text) for name, pattern in patterns.items()}
    return {name: float(match[1]) for name, match in found.items() if match}


class Yardstick:
    """Runs the program for each block; ``block`` is what the worker calls."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        self._model, self.device = Path(config["model"]), config.get("device", "CPU")
        self._precision = config["precision"]
        self.versions = {"openvino": importlib.metadata.version("openvino")}
        files = self._model, self._model.with_suffix(".bin")
        self.size_mb = sum(path.stat().st_size for path in files) / 1e6

    def _run(self, hint: str, seconds: float) -> dict[str, float]:
        done = subprocess.run(
            [sys.executable, "-c", _START, "-m", str(self._model), "-d", self.device,
             "-hint", hint, "-t", str(max(round(seconds), 1)),
             "-infer_precision", self._precision],
            capture_output=True,
            text=True,
            timeout=_LIMIT_S,
            check=False,
        )  # fmt: skip
        found = read_output(done.stdout)
        if done.returncode or "median_ms" not in found:
            raise RuntimeError(f"benchmark_app ended with {done.returncode}: {done.stderr[-200:]}")
        return found

    def latency(self) -> Way:
        return Way(lambda _: None)

    def block(self, scenario: str, seconds: float) -> dict[str, Any]:
        """One run of the program; its median stands for the block's queries."""
        hint = "latency" if scenario == "single-stream" else "throughput"
        found = self._run(hint, seconds)
        count = int(found["count"])
        return {
            "latencies_ms": [found["median_ms"]],
            "wall_s": count / found["throughput_per_s"],
            "items": count,
            "batch": 1,
            "callers": 1,
            "hint": f"{hint.upper()}, {self._precision}",
            "rate": None,
            "loadgen": {},
            "stages": {},
            "only_median": True,
        }

    def close(self) -> None:
        """Nothing is kept between blocks."""


def open_peer(config: Mapping[str, Any]) -> Yardstick:
    return Yardstick(config)
