"""Stored benchmark runs, and the command that makes and compares them.

``python -m benchmarks`` belongs to the workshop and is called as a command, never imported: an
appliance without it shows runs all the same and says why it measures none.
"""

from __future__ import annotations

import json
import logging
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from appliance.core.errors import ApplianceError, BadRequest, NotFound, Unavailable
from appliance.jobs import Control
from appliance.settings import Settings, variable

logger = logging.getLogger(__name__)
TASK = "benchmark"
_HERE = Path(__file__).resolve().parent
SHIPPED = _HERE.parent / "benchmarks" / "results"
_COMMAND = _HERE.parent / "benchmarks" / "__main__.py"
_COMPARE_S, _END_S, _LOOK_S = 120.0, 20.0, 0.2
_WRONG_USAGE, _REGRESSION = 2, 4
_UNSAFE = re.compile(r"[^0-9A-Za-z._-]+")


@dataclass(frozen=True)
class Stored:
    """A file of rows.

    Attributes
    ----------
    run : str
        What addresses call it.
    shipped : bool
        Measured elsewhere and delivered with the software.
    about : dict
        What its rows share; empty for a bare list of rows.
    """

    run: str
    shipped: bool
    path: Path
    about: dict[str, Any]
    rows: list[dict[str, Any]]

    @property
    def utc(self) -> str | None:
        """When it ended."""
        times = [str(row["utc"]) for row in self.rows if row.get("utc")]
        said = self.about.get("utc")
        return str(said) if said else max(times, default=None)

    def to_json(self) -> dict[str, Any]:
        """What a list of runs says of it."""
        host = next((r["host"] for r in self.rows if isinstance(r.get("host"), dict)), {})
        return {
            "run": self.run,
            "shipped": self.shipped,
            "cpu": host.get("cpu"),
            "cores": host.get("cores"),
            "utc": self.utc,
            "preset": self.about.get("preset"),
            "comparable": any(row.get("blocks") for row in self.rows),
            "rows": len(self.rows),
            "about": self.about,
        }


def _read(path: Path, run: str, shipped: bool) -> Stored | None:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        logger.warning("benchmark rows in %s cannot be read", path.name)
        return None
    about: Any = {}
    rows = document
    if isinstance(document, dict):
        rows, about = document.get("rows", [document]), document.get("about", {})
    rows = [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
    return Stored(run, shipped, path, about if isinstance(about, dict) else {}, rows)


def _files(data: Path) -> Iterator[tuple[Path, str, bool]]:
    for path in sorted(SHIPPED.glob("*/results.json")):
        yield path, f"shipped.{_UNSAFE.sub('-', path.parent.name)}", True
    for path in sorted((data / "benchmarks").glob("*.json")):
        yield path, f"own.{_UNSAFE.sub('-', path.stem)}", False


def stored(data: Path) -> list[Stored]:
    """All runs, oldest first: shipped ones, then those under ``benchmarks/`` of the data folder.

    A file holds a row, a list of rows or ``{"about": {...}, "rows": [...]}``.
    """
    found: dict[str, Stored] = {}
    for path, run, shipped in _files(data):
        if run not in found and (read := _read(path, run, shipped)) is not None:
            found[run] = read
    return sorted(found.values(), key=lambda one: (not one.shipped, one.utc or ""))


def find(data: Path, run: str) -> Stored:
    """One run by its name; raises NotFound."""
    for path, name, shipped in _files(data):
        if name == run and (read := _read(path, run, shipped)) is not None:
            return read
    raise NotFound("there is no such benchmark run; GET /api/v1/benchmarks lists them")


def demand_command() -> None:
    """Raise Unavailable where the appliance stands without its ``benchmarks`` folder."""
    if not _COMMAND.is_file():
        raise Unavailable(
            "this installation comes without the folder `benchmarks`, so it can show runs but "
            "not measure or compare; a checkout of the sources can: python -m benchmarks run"
        )


def _command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "benchmarks", *arguments]


def _environment(settings: Settings) -> dict[str, str]:
    """This server's packages, and generated heads instead of a data root."""
    env = {k: v for k, v in os.environ.items() if k != "NEURALSCAN_DATA"}
    env[variable("data")] = str(settings.data)
    if settings.models:
        env[variable("models")] = os.pathsep.join(str(path) for path in settings.models)
    if settings.trust is not None:
        env[variable("trust")] = str(settings.trust)
    if settings.require_signature:
        env[variable("require_signature")] = "1"
    return env


def measure(settings: Settings, model: str, control: Control) -> Path:
    """Make a quick run beside the server and keep it below the data folder.

    Parameters
    ----------
    model : str
        Name of the package.

    Raises
    ------
    Unavailable
        When the command is missing or fails; the message is its own.
    jobs.Stopped
        When it was cancelled.
    """
    demand_command()
    now = datetime.now(timezone.utc).strftime("%Y%m%dT%H%M%SZ")
    out = settings.data / "benchmarks" / f"quick-{now}.json"
    out.parent.mkdir(parents=True, exist_ok=True)
    device = () if settings.device == "AUTO" else ("--device", settings.device)
    command = _command(
        "run", "--preset", "quick", "--no-build", "--progress", "json", "--format", "summary",
        "--model", model, "--out", str(out), *device,
    )  # fmt: skip
    with tempfile.TemporaryFile() as ignored:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=ignored,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            cwd=_COMMAND.parents[1],
            env=_environment(settings),
            start_new_session=True,
        )
        with process:
            said = _follow(process, control)
    control.check()
    if process.returncode or not out.is_file():
        raise Unavailable(f"the measurement failed: {_reason(said)}")
    return out


def _follow(process: subprocess.Popen[str], control: Control) -> list[str]:
    """Report progress until the command ends or is to end; its last other lines."""
    said: deque[str] = deque(maxlen=20)

    def listen() -> None:
        for line in process.stderr:
            try:
                control.report(json.loads(line)["progress"])
            except (ValueError, KeyError, TypeError):
                said.append(line.strip())

    listener = threading.Thread(target=listen, name="benchmark-progress", daemon=True)
    listener.start()
    while listener.is_alive() and not control.cancelled():
        listener.join(_LOOK_S)
    if control.cancelled():
        process.send_signal(signal.SIGTERM)  # it closes what it has started
    try:
        process.wait(_END_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    listener.join(_END_S)
    return [line for line in said if line]


def _reason(said: list[str]) -> str:
    errors = [line.removeprefix("error: ") for line in said if line.startswith("error: ")]
    return ([*errors, *said[-1:]] or ["it said nothing"])[0]


def compare(settings: Settings, before: str, after: str) -> dict[str, Any]:
    """Two runs row by row, as ``python -m benchmarks compare`` answers.

    Raises
    ------
    BadRequest
        When they cannot be compared, for instance because the machines differ.
    NotFound, Unavailable
    """
    paths = [str(find(settings.data, run).path) for run in (before, after)]
    demand_command()
    try:
        done = subprocess.run(
            _command("compare", *paths, "--format", "json"),
            capture_output=True,
            text=True,
            timeout=_COMPARE_S,
            cwd=_COMMAND.parents[1],
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unavailable(f"the runs were not compared: {type(error).__name__}") from error
    if done.returncode not in (0, _REGRESSION):
        kind: type[ApplianceError] = BadRequest if done.returncode == _WRONG_USAGE else Unavailable
        raise kind(_reason(done.stderr.splitlines()))
    return json.loads(done.stdout)
