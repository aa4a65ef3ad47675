"""Where a measurement was made: CPU, limits, system, versions, source revision, time."""

from __future__ import annotations

import hashlib
import json
import platform
from datetime import datetime, timezone
from functools import cache
from pathlib import Path
from typing import Any

from appliance import machine
from appliance.core.errors import Unavailable
from appliance.provenance import commit

MEASURED_WITH = (
    "openvino",
    "numpy",
    "opencv-python-headless",
    "scikit-learn-intelex",
    "flask",
    "waitress",
)
_COMPARED = ("cpu", "isa", "microcode", "cores", "governor", "limits", "memory_gib", "system")
"""What has to be equal before two runs are compared; versions and revision may be the point."""


def cores() -> float:
    """Cores this process may use."""
    return machine.usable_cores()


def _first(path: Path, default: str = "unknown") -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").split("\n")[0].strip() or default
    except OSError:
        return default


def _microcode(cpuinfo: Path) -> str:
    try:
        lines = cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return "unknown"
    found = (line.partition(":")[2].strip() for line in lines if line.startswith("microcode"))
    return next(found, "unknown")


def describe(root: Path = Path("/")) -> dict[str, Any]:
    """CPU, instruction sets, microcode, cores, governor, container limits, memory, system."""
    cpu = machine.cpu()
    limits = root / "sys/fs/cgroup"
    governor = root / "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"
    return {
        "cpu": cpu["name"],
        "isa": cpu["isa"],
        "microcode": _microcode(root / "proc/cpuinfo"),
        "cores": cores(),
        "governor": _first(governor, "not offered"),
        "limits": {name: _first(limits / name, "none") for name in ("cpu.max", "memory.max")},
        "memory_gib": machine.memory()["total_gib"],
        "system": f"{platform.system()} {platform.release()}",
    }


def fingerprint(described: dict[str, Any]) -> str:
    """Digest of what has to be equal, 16 digits."""
    kept = {name: described.get(name) for name in _COMPARED}
    return hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()[:16]


def differences(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """What two descriptions do not share, in words."""
    return [
        f"{name}: {before.get(name, 'unknown')} before, {after.get(name, 'unknown')} after"
        for name in _COMPARED
        if before.get(name) != after.get(name)
    ]


def demand(precision: str) -> None:
    """Raise Unavailable where the CPU cannot compute in a precision."""
    isa = machine.cpu()["isa"] or {}
    if precision == "BF16" and not (isa.get("AVX512-BF16") or isa.get("AMX-BF16")):
        raise Unavailable("this CPU has no instructions for bfloat16")


def utc() -> str:
    """The time now, ISO 8601."""
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


@cache
def _fixed() -> dict[str, Any]:
    return {"host": describe(), "versions": machine.versions(MEASURED_WITH), "commit": commit()}


def stamp() -> dict[str, Any]:
    """The row's ``host``, ``versions``, ``commit`` and ``utc``."""
    return {**_fixed(), "utc": utc()}
