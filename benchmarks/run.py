"""What ``python -m benchmarks run`` does: inputs, networks, session, results, report."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from appliance.package import Package
from appliance.reading import Cancelled
from benchmarks import environments, host, report, results
from benchmarks.accuracy import Scores
from benchmarks.inputs import Inputs, make_inputs
from benchmarks.networks import Networks
from benchmarks.plan import NEVER_HERE, Contender
from benchmarks.results import NOT_MEASURED, Row, Run
from benchmarks.session import Options, Session
from benchmarks.slices import CALIBRATION, from_data, phantoms

_SEED, _CALIBRATION_SEED = 100, 900
_MADE = 0.1
"""Share of a run's progress that is kept for the slices."""


def measure(
    package: Package,
    contenders: list[Contender] | Callable[[Inputs], list[Contender]],
    options: Options,
    data: Path | None = None,
    cache: Path | None = None,
    progress: Callable[[str, float], None] = lambda text, share: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Run:
    """All rows of a run, with the conditions they share.

    Parameters
    ----------
    contenders : list or callable
        What to measure; a function of the inputs where it depends on them. It then stands alone:
        no rows say which accelerators are missing.
    data : Path, optional
        A data root; generated heads are measured without one, and the rows say so.
    """
    begun, cache = time.perf_counter(), cache or environments.cache_folder()

    def step(share: float) -> None:
        if cancelled():
            raise Cancelled
        progress("generating heads", _MADE * share)

    def measuring(text: str, share: float) -> None:
        progress(text, _MADE + (1.0 - _MADE) * share)

    progress("slices", 0.0)
    if data is None:
        slices = phantoms(cache, _SEED, lambda share: step(0.5 * share))
        calibration = phantoms(cache, _CALIBRATION_SEED, lambda share: step(0.5 + 0.5 * share))
    else:
        slices = from_data(data, package.manifest)
        calibration = from_data(data, package.manifest, trained=True)
    prepared = [item.array for item in calibration.prepared(package.manifest)[:CALIBRATION]]
    networks = Networks(package, np.stack(prepared), cache, options.build)
    inputs = make_inputs(slices, package, cache)
    scores = Scores(package.sha256, package.manifest, slices, cache)
    session = Session(package, inputs, networks, scores, options, cache, measuring, cancelled)
    rows = session.run(contenders(inputs) if callable(contenders) else contenders)
    described = host.describe()
    about: dict[str, Any] = {
        "preset": options.preset.name,
        "rounds": options.preset.rounds,
        "block_s": options.preset.seconds,
        "model": f"{package.name} {package.version} {package.sha256[:12]}",
        "data": slices.what,
        "calibration": calibration.what,
        "fingerprint": host.fingerprint(described),
        "minutes": round((time.perf_counter() - begun) / 60.0, 2),
        "utc": host.utc(),
    }
    if options.slow_share:
        about["slowed"] = f"{options.slow_group} by {options.slow_share:.0%} on purpose"
    return Run(tuple(rows if callable(contenders) else (*rows, *_absent())), about)


def _absent() -> list[Row]:
    """Rows for the accelerators that a reader would look for."""
    from appliance.machine import cpu
    from appliance.runtime import devices

    found, isa = set(devices()), cpu()["isa"] or {}
    rows = []
    for runtime, precision, device, reason in NEVER_HERE:
        here = isa.get("AMX-INT8") if device == "AMX" else any(d.startswith(device) for d in found)
        if here and device == "AMX":
            continue  # the CPU rows use it by themselves
        if here:
            reason = f"not asked for: run again with --device {device}"
        rows.append(
            Row(
                target="infer", runtime=runtime, precision=precision, device=device, hint="",
                scenario="single-stream", status=NOT_MEASURED, reason=reason, **host.stamp(),
            )
        )  # fmt: skip
    return rows


def write(run: Run, folder: Path) -> None:
    """``results.json``, ``report.html`` and ``summary.md``."""
    folder.mkdir(parents=True, exist_ok=True)
    results.save(run, folder / results.RESULTS)
    (folder / "report.html").write_text(report.render(run, "html"), encoding="utf-8")
    (folder / "summary.md").write_text(report.summary(run), encoding="utf-8")
