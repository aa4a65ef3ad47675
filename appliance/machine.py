"""The machine as it is: CPU, cores, memory, disk, accelerators, versions.

Importing this module loads neither OpenVINO nor a model.
"""

from __future__ import annotations

import ctypes.util
import importlib.metadata
import os
import platform
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import psutil

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


def valid_for(package: Any) -> dict[str, Any]:
    """What a measured setting holds for: this CPU and its cores, this OpenVINO, this network.

    Parameters
    ----------
    package : appliance.package.Package
    """
    return {
        "cpu": cpu()["name"],
        "cores": usable_cores(),
        "openvino": versions(("openvino",))["openvino"],
        "network": package.sha256,
    }


def accelerators(dev: Path = Path("/dev")) -> list[dict[str, Any]]:
    """Device files of an Intel GPU or NPU, whether this user may open them, and its driver.

    Returns
    -------
    list of dict
        ``kind`` (``GPU`` or ``NPU``), ``file``, ``usable``, ``driver`` (library found or None) and
        ``remedy``, None where nothing is in the way.
    """
    kinds = (("GPU", "dri", "renderD*", "OpenCL"), ("NPU", "accel", "accel*", "ze_loader"))
    found = []
    for kind, folder, pattern, library in kinds:
        for file in sorted((dev / folder).glob(pattern)):
            usable = os.access(file, os.R_OK | os.W_OK)
            driver = ctypes.util.find_library(library)
            remedy = None
            if not usable:
                remedy = f"add this user to the group that owns {file} (often `render`)"
            elif driver is None:
                remedy = f"install Intel's compute runtime for the {kind} (lib{library} is missing)"
            row = {"kind": kind, "file": str(file), "usable": usable}
            found.append({**row, "driver": driver, "remedy": remedy})
    return found


def model_cache(folder: Path) -> dict[str, Any]:
    """Compiled networks kept on disk: ``folder``, ``entries``, ``mib``."""
    sizes = [path.stat().st_size for path in folder.rglob("*.blob")] if folder.is_dir() else []
    return {"folder": str(folder), "entries": len(sizes), "mib": round(sum(sizes) / 2**20, 1)}


def import_order() -> dict[str, Any]:
    """Whether oneDAL and OpenVINO live together in this process: their TBB may be loaded once.

    Returns
    -------
    dict
        ``tbb``: the TBB libraries that are loaded; ``good``: there is one, None before any is.
    """
    try:
        lines = Path("/proc/self/maps").read_text().splitlines()
    except OSError:
        return {"tbb": [], "good": None}
    paths = dict.fromkeys(line.split()[-1] for line in lines if "/libtbb.so" in line)
    good = len(paths) == 1 if paths else None
    return {"tbb": [_short(Path(path)) for path in paths], "good": good}


def _short(library: Path) -> str:
    """The package a library belongs to, without where this machine keeps it."""
    parts = library.parts
    if "site-packages" in parts:
        return "/".join(parts[parts.index("site-packages") + 1 :])
    return library.name
