"""What this machine offers, measured: CPU, memory, devices, versions, and a short probe of each.

Importing this module loads neither OpenVINO nor a model; `examine` does.
"""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
from collections.abc import Iterable
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import psutil

from appliance.core.errors import ApplianceError

ISA = {
    "AVX2": "avx2",
    "AVX512": "avx512f",
    "AVX512-VNNI": "avx512_vnni",
    "AVX-VNNI": "avx_vnni",
    "AVX512-BF16": "avx512_bf16",
    "AVX512-FP16": "avx512_fp16",
    "AMX-INT8": "amx_int8",
    "AMX-BF16": "amx_bf16",
}
"""Instruction sets that decide how fast a network runs, and the kernel's names for them."""

PACKAGES = (
    "openvino",
    "numpy",
    "opencv-python-headless",
    "scikit-learn-intelex",
    "flask",
    "waitress",
    "sqlalchemy",
    "pydicom",
    "python-gdcm",
    "nibabel",
    "tensorflow",
    "intel-extension-for-tensorflow",
    "nncf",
)
PRECISIONS = {"INT8": "model.xml", "FP16": "fp16/model.xml"}
_GIB = 1 << 30


def cpu(cpuinfo: Path = Path("/proc/cpuinfo")) -> dict[str, Any]:
    """CPU name and the instruction sets of `ISA` it has; ``isa`` is None where unknown.

    Returns
    -------
    dict
        ``name``, ``architecture``, ``isa``: mapping of name to bool.
    """
    name, flags = platform.processor() or platform.machine(), None
    try:
        lines = cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    for line in lines:
        key, _, value = line.partition(":")
        if key.strip() == "model name":
            name = value.strip()
        elif key.strip() == "flags" and flags is None:
            flags = set(value.split())
    isa = None if flags is None else {title: flag in flags for title, flag in ISA.items()}
    return {"name": name, "architecture": platform.machine(), "isa": isa}


def _quota_cores(cgroup: Path) -> float | None:
    """Cores a container's CPU quota allows; None without a quota."""
    try:
        quota, period = (cgroup / "cpu.max").read_text().split()
    except (OSError, ValueError):
        try:
            quota = (cgroup / "cpu/cpu.cfs_quota_us").read_text().strip()
            period = (cgroup / "cpu/cpu.cfs_period_us").read_text().strip()
        except OSError:
            return None
    if quota in ("max", "-1"):
        return None
    return int(quota) / int(period)


def usable_cores(cgroup: Path = Path("/sys/fs/cgroup")) -> float:
    """Cores this process may use: its affinity, or a container's quota when that is less."""
    try:
        cores = len(os.sched_getaffinity(0))
    except AttributeError:
        cores = os.cpu_count() or 1
    quota = _quota_cores(cgroup)
    return cores if quota is None else min(cores, round(quota, 2))


def memory(cgroup: Path = Path("/sys/fs/cgroup")) -> dict[str, float]:
    """Memory in GiB: ``total_gib`` (a container's limit when that is less), ``available_gib``."""
    now = psutil.virtual_memory()
    total = now.total
    for name in ("memory.max", "memory/memory.limit_in_bytes"):
        try:
            total = min(total, int((cgroup / name).read_text()))
        except (OSError, ValueError):
            continue
    available = min(total, now.available)
    return {"total_gib": round(total / _GIB, 1), "available_gib": round(available / _GIB, 1)}


def versions(names: Iterable[str] = PACKAGES) -> dict[str, str | None]:
    """Installed versions; None for a package that is not there (the extras are optional)."""
    found: dict[str, str | None] = {"python": platform.python_version()}
    for name in names:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = None
    return found


def free_disk(folder: Path) -> dict[str, Any]:
    """Free space where results are kept, or where the folder would be made."""
    there = folder.resolve()
    while not there.exists():
        there = there.parent
    return {"folder": str(folder), "free_gib": round(shutil.disk_usage(there).free / _GIB, 1)}


def probe(package: Any, device: str, precision: str, seconds: float = 1.0) -> dict[str, Any]:
    """Time the package's network on one device: compile, first answer, median of the rest.

    Parameters
    ----------
    package : appliance.registry.Package
    device : str
        OpenVINO device.
    precision : str
        A key of `PRECISIONS`.
    seconds : float
        How long to measure after the first answer.

    Returns
    -------
    dict
        ``device``, ``precision``, ``hint``, and ``median_ms``, ``n``, ``compile_ms`` with
        ``status`` ``measured``; or ``status`` ``not measured`` and a ``reason``.
    """
    row = {"device": device, "precision": precision, "hint": "LATENCY, f32"}
    try:
        import numpy as np

        from appliance.runtime import Network

        size = package.manifest.preprocessing.size
        array = np.zeros((1, size, size, 1), np.float32)
        start = perf_counter()
        path = package.path / PRECISIONS[precision]
        network = Network(path, package.manifest.outputs, device=device)
        compiled = perf_counter()
        network.infer(array)
        times: list[float] = []
        stop = perf_counter() + seconds
        while perf_counter() < stop or len(times) < 5:
            before = perf_counter()
            network.infer(array)
            times.append((perf_counter() - before) * 1e3)
    except (ApplianceError, ImportError, RuntimeError) as error:
        return {**row, "status": "not measured", "reason": str(error)}
    return {
        **row,
        "status": "measured",
        "median_ms": round(median(times), 2),
        "n": len(times),
        "compile_ms": round((compiled - start) * 1e3, 1),
    }


def recommend(probes: Iterable[dict[str, Any]]) -> dict[str, Any] | None:
    """The device that answers soonest with the network that is served, INT8.

    None when that was measured nowhere.
    """
    served = [r for r in probes if r["status"] == "measured" and r["precision"] == "INT8"]
    if not served:
        return None
    best = min(served, key=lambda row: row["median_ms"])
    reason = f"INT8, {best['median_ms']:g} ms a slice for the network alone"
    return {"device": best["device"], "precision": "INT8", "reason": reason}


def _devices() -> tuple[list[str], str | None]:
    try:
        from appliance import runtime

        return runtime.devices(), None
    except (ImportError, RuntimeError) as error:
        return [], f"OpenVINO cannot be loaded: {error}"


def examine(data: Path, sources: Any = (), seconds: float = 1.0) -> dict[str, Any]:
    """Everything `neuralscan doctor` says.

    Parameters
    ----------
    data : Path
        Folder for studies and caches; only its free space is looked at.
    sources : appliance.registry.Sources or iterable of Path
        Where packages come from.
    seconds : float
        Length of each probe.
    """
    devices, problem = _devices()
    problems = [problem] if problem else []
    package = None
    if devices:
        from appliance.registry import find_package

        try:
            package = find_package(sources=sources)
            package.verify()
        except ApplianceError as error:
            package = None
            problems.append(error.message)
    probes = []
    if package is not None:
        probes = [probe(package, d, p, seconds) for d in devices for p in PRECISIONS]
    return {
        "cpu": cpu(),
        "usable_cores": usable_cores(),
        "memory": memory(),
        "disk": free_disk(data),
        "devices": devices,
        "versions": versions(),
        "model": None if package is None else {"name": package.name, "version": package.version},
        "probes": probes,
        "recommended": recommend(probes),
        "problems": problems,
    }


def text(findings: dict[str, Any]) -> str:
    """The findings of `examine` for a person."""
    isa = findings["cpu"]["isa"]
    listed = "unknown" if isa is None else ", ".join(n for n, has in isa.items() if has) or "none"
    absent = "" if isa is None else ", ".join(n for n, has in isa.items() if not has)
    room, disk = findings["memory"], findings["disk"]
    lines = [
        f"CPU        {findings['cpu']['name']} ({findings['cpu']['architecture']})",
        f"  has      {listed}",
        *([f"  has not  {absent}"] if absent else []),
        f"cores      {findings['usable_cores']:g} usable",
        f"memory     {room['available_gib']:g} of {room['total_gib']:g} GiB available",
        f"disk       {disk['free_gib']:g} GiB free for {disk['folder']}",
        f"devices    {', '.join(findings['devices']) or 'none'}",
        "versions   "
        + ", ".join(f"{n} {v}" for n, v in findings["versions"].items() if v is not None),
        "absent     "
        + (", ".join(n for n, v in findings["versions"].items() if v is None) or "nothing"),
    ]
    model = findings["model"]
    lines.append(f"model      {model['name']} {model['version']}" if model else "model      none")
    for row in findings["probes"]:
        figure = (
            f"{row['median_ms']:g} ms median of {row['n']}, compiled in {row['compile_ms']:g} ms"
            if row["status"] == "measured"
            else f"not measured: {row['reason']}"
        )
        lines.append(f"probe      {row['device']} {row['precision']} ({row['hint']}): {figure}")
    best = findings["recommended"]
    if best:
        lines.append(f"use        --device {best['device']} ({best['reason']})")
    lines += [f"problem    {problem}" for problem in findings["problems"]]
    return "\n".join(lines)
