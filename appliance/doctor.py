"""What this machine offers, measured: the machine itself, and a short trial of each way to run.

Importing this module loads neither OpenVINO nor a model; `examine` does.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from appliance.core.errors import ApplianceError
from appliance.machine import (
    accelerators,
    cpu,
    free_disk,
    import_order,
    memory,
    model_cache,
    usable_cores,
    versions,
)
from appliance.trial import candidates, measure, recommend


def _devices() -> tuple[list[str], str | None]:
    try:
        from appliance import runtime

        return runtime.devices(), None
    except (ImportError, RuntimeError) as error:
        return [], f"OpenVINO cannot be loaded: {error}"


def examine(
    data: Path,
    sources: Any = (),
    seconds: float = 20.0,
    progress: Callable[[float], None] = lambda share: None,
) -> dict[str, Any]:
    """Everything `neuralscan doctor` says.

    Parameters
    ----------
    data : Path
        Folder for studies and caches; only its free space is looked at.
    sources : appliance.registry.Sources or iterable of Path
        Where packages come from.
    seconds : float
        Length of all trials together.
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
    processor, cores, probes = cpu(), usable_cores(), []
    if package is not None:
        probes = measure(package, candidates(devices, cores, processor["isa"]), seconds, progress)
    found = accelerators()
    problems += [f"{row['kind']} {row['file']}: {row['remedy']}" for row in found if row["remedy"]]
    order = import_order()
    from appliance.orientation import orientation_check

    turned = orientation_check()
    problems += [f"orientation: {line}" for line in turned["failed"]]
    if order["good"] is False:
        problems.append(f"two TBB libraries are loaded: {', '.join(order['tbb'])}")
    return {
        "cpu": processor,
        "usable_cores": cores,
        "memory": memory(),
        "disk": free_disk(data),
        "devices": devices,
        "accelerators": found,
        "import_order": order,
        "orientation": turned,
        "model_cache": model_cache(data / "cache"),
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
    room, disk, cache = findings["memory"], findings["disk"], findings["model_cache"]
    lines = [
        f"CPU        {findings['cpu']['name']} ({findings['cpu']['architecture']})",
        f"  has      {listed}",
        *([f"  has not  {absent}"] if absent else []),
        f"cores      {findings['usable_cores']:g} usable",
        f"memory     {room['available_gib']:g} of {room['total_gib']:g} GiB available",
        f"disk       {disk['free_gib']:g} GiB free for {disk['folder']}",
        f"devices    {', '.join(findings['devices']) or 'none'}",
        f"Intel GPU  {_found(findings['accelerators'], 'GPU')}",
        f"Intel NPU  {_found(findings['accelerators'], 'NPU')}",
        f"TBB        {_order(findings['import_order'])}",
        f"turned     {_turned(findings['orientation'])}",
        f"cache      {cache['entries']} compiled networks, {cache['mib']:g} MiB, {cache['folder']}",
        "versions   "
        + ", ".join(f"{n} {v}" for n, v in findings["versions"].items() if v is not None),
        "absent     "
        + (", ".join(n for n, v in findings["versions"].items() if v is None) or "nothing"),
    ]
    model = findings["model"]
    lines.append(f"model      {model['name']} {model['version']}" if model else "model      none")
    for row in findings["probes"]:
        name = f"{row['precision']} ({row['hint']}) {row['setting']}"
        lines.append(f"probe      {name}: {_figure(row)}")
    best = findings["recommended"]
    if best:
        lines.append(f"use        --device {best['device']} ({best['reason']})")
        lines.append(f"setting    {best['setting']}; `doctor --save` lets `serve` use it")
    lines += [f"problem    {problem}" for problem in findings["problems"]]
    return "\n".join(lines)


def _found(rows: list[dict[str, Any]], kind: str) -> str:
    mine = [row for row in rows if row["kind"] == kind]
    if not mine:
        return "none found"
    return "; ".join(
        f"{row['file']}, {row['remedy'] or 'driver ' + str(row['driver'])}" for row in mine
    )


def _turned(found: dict[str, Any]) -> str:
    from appliance.orientation import text as told

    return told(found)


def _order(order: dict[str, Any]) -> str:
    if order["good"] is None:
        return "not loaded"
    loaded = ", ".join(order["tbb"])
    return f"{loaded}, one for oneDAL and OpenVINO" if order["good"] else f"loaded twice: {loaded}"


def _figure(row: dict[str, Any]) -> str:
    """What was measured of one way to run."""
    if row["status"] != "measured":
        return f"not measured: {row['reason']}"
    told = f"{row['median_ms']:g} ms a slice, {row['per_s']:g} a second, n {row['n']}"
    told += f", compiled in {row['compile_ms']:g} ms"
    if row["ratio"] != 1.0:
        told += f"; {row['ratio']:g} of the time of the first of its kind"
    return told


def report(findings: dict[str, Any]) -> str:
    """The findings as a block for a bug report, without the names of folders.

    Examples
    --------
    >>> report({"cpu": {"name": "X"}, "disk": {"folder": "/home/ada", "free_gib": 1.0}})
    '```json\\n{\\n "cpu": {\\n  "name": "X"\\n },\\n "disk": {\\n  "free_gib": 1.0\\n }\\n}\\n```'
    """

    home = str(Path.home())

    def bare(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: bare(item) for key, item in value.items() if key != "folder"}
        if isinstance(value, str):  # a problem may quote a path
            return value.replace(home, "~")
        return [bare(item) for item in value] if isinstance(value, list) else value

    return f"```json\n{json.dumps(bare(findings), indent=1)}\n```"
