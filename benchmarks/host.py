"""Where a measurement was made: CPU, versions, source revision, time."""

from __future__ import annotations

import subprocess
from datetime import datetime, timezone
from functools import cache
from pathlib import Path
from typing import Any

from appliance import doctor

MEASURED_WITH = (
    "openvino",
    "numpy",
    "opencv-python-headless",
    "scikit-learn-intelex",
    "flask",
    "waitress",
)
ROOT = Path(__file__).resolve().parents[1]


def describe() -> dict[str, Any]:
    """CPU name, instruction sets, usable cores and memory."""
    cpu = doctor.cpu()
    return {
        "cpu": cpu["name"],
        "isa": cpu["isa"],
        "cores": doctor.usable_cores(),
        "memory_gib": doctor.memory()["total_gib"],
    }


def commit(root: Path = ROOT) -> str:
    """Source revision, with ``+`` when files differ from it; empty outside a checkout."""

    def git(*arguments: str) -> str:
        done = subprocess.run(
            ["git", "-C", str(root), *arguments],
            capture_output=True,
            text=True,
            timeout=20,
            check=True,
        )
        return done.stdout.strip()

    try:
        if Path(git("rev-parse", "--show-toplevel")).resolve() != root.resolve():
            return ""
        revision = git("rev-parse", "--short=12", "HEAD")
        return revision + ("+" if git("status", "--porcelain") else "")
    except (OSError, subprocess.SubprocessError):
        return ""


def utc() -> str:
    """The time now, ISO 8601."""
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


@cache
def _fixed() -> dict[str, Any]:
    return {"host": describe(), "versions": doctor.versions(MEASURED_WITH), "commit": commit()}


def stamp() -> dict[str, Any]:
    """The row's ``host``, ``versions``, ``commit`` and ``utc``."""
    return {**_fixed(), "utc": utc()}
