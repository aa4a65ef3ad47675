"""A peer's process as the session sees it: asked, paused while others are measured, ended."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil

from appliance.core.errors import Unavailable
from benchmarks import environments

_START_S, _ASK_S = 300.0, 900.0


class Process:
    """Runs `benchmarks.peers.worker` with one peer.

    Raises
    ------
    Unavailable
        When it does not start, fails or falls silent; the message is its own.
    """

    def __init__(self, module: str, python: Path | str, folders: tuple[Path | None, ...]) -> None:
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
        self._process = subprocess.Popen(
            [str(python), "-m", "benchmarks.peers.worker", module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
            env=environments.variables(folders),
            cwd=environments.ROOT,
            start_new_session=True,
        )
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._process.stdout, selectors.EVENT_READ)
        self._buffer = b""
        self.opened: dict[str, Any] = {}
        try:
            self._answer(_START_S)
        except Unavailable:
            self.close()
            raise

    def ask(self, **request: Any) -> dict[str, Any]:
        """The answer to one request, which wakes the process and leaves it awake."""
        self.resume()
        try:
            self._process.stdin.write(json.dumps(request).encode() + b"\n")
            self._process.stdin.flush()
        except OSError as error:
            raise Unavailable(f"the process is gone: {self._last_words()}") from error
        return self._answer(_ASK_S)

    def _answer(self, limit_s: float) -> dict[str, Any]:
        end = time.monotonic() + limit_s
        while b"\n" not in self._buffer:
            left = end - time.monotonic()
            if left <= 0 or not self._selector.select(left):
                raise Unavailable(f"no answer within {limit_s:.0f} s")
            data = os.read(self._process.stdout.fileno(), 1 << 20)
            if not data:
                raise Unavailable(f"the process ended: {self._last_words()}")
            self._buffer += data
        line, _, self._buffer = self._buffer.partition(b"\n")
        answer = json.loads(line)
        if not answer["ok"]:
            raise Unavailable(answer["error"])
        return answer

    def _last_words(self) -> str:
        self._said.seek(max(self._said.seek(0, os.SEEK_END) - 2000, 0))
        lines = self._said.read().decode("utf-8", "replace").strip().splitlines()
        return lines[-1][:300] if lines else "without a word"

    def _signal(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)

    def pause(self) -> None:
        """Stop it, so that no thread of it spins while another is measured."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let a paused process go on."""
        self._signal(signal.SIGCONT)

    def _family(self) -> list[psutil.Process]:
        try:
            parent = psutil.Process(self._process.pid)
            return [parent, *parent.children(recursive=True)]
        except psutil.Error:
            return []

    def cpu_s(self) -> float:
        """Processor time it and its children took, also those that have ended."""
        total = 0.0
        for one in self._family():
            try:
                spent = one.cpu_times()
            except psutil.Error:
                continue
            total += spent.user + spent.system
            if one.pid == self._process.pid:
                total += spent.children_user + spent.children_system
        return total

    def rss_mb(self) -> float:
        """Resident memory, 10^6 bytes."""
        total = 0
        for one in self._family():
            try:
                total += one.memory_info().rss
            except psutil.Error:
                continue
        return total / 1e6

    def close(self) -> None:
        """Ask it to end, and end it when it does not."""
        self.resume()
        try:
            self._process.stdin.write(b'{"do": "quit"}\n')
            self._process.stdin.close()
            self._process.wait(10)
        except (OSError, subprocess.TimeoutExpired):
            self._signal(signal.SIGKILL)
            self._process.wait()
        self._selector.close()
        self._process.stdout.close()
        self._said.close()


THIS_PYTHON = sys.executable


class Bystanders:
    """How busy everything else is: all processor time less that of the measured process."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._busy, self._own, self._at = _busy_s(), self._ours(), time.perf_counter()

    def _ours(self) -> float:
        own = psutil.Process().cpu_times()
        return self._process.cpu_s() + own.user + own.system

    def cores(self) -> float:
        """Cores that others kept busy since this object was made."""
        wall = max(time.perf_counter() - self._at, 1e-3)
        others = (_busy_s() - self._busy) - (self._ours() - self._own)
        return max(others / wall, 0.0)


def _busy_s() -> float:
    times = psutil.cpu_times()
    idle = times.idle + getattr(times, "iowait", 0.0)
    guest = getattr(times, "guest", 0.0) + getattr(times, "guest_nice", 0.0)
    return sum(times) - idle - guest
