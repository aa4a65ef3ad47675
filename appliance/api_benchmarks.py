"""``/api/v1/benchmarks``: measured runs, a new one, and two of them compared."""

from __future__ import annotations

from typing import Any

from flask import Blueprint

from appliance import measurements
from appliance.asked import service
from appliance.core.errors import Busy, Unavailable
from appliance.links import BASE

blueprint = Blueprint("benchmarks", __name__, url_prefix=BASE)
_BULKY = ("blocks",)


@blueprint.get("/benchmarks")
def benchmarks() -> dict[str, Any]:
    """How fast what runs here was measured.

    All rows of all stored runs, without the single latencies, each with the name of its `run`;
    the runs; the `job` that measures now; and why none can be started, where that is so.
    ---
    answers: {200: Benchmarks}
    """
    found = measurements.stored(service().settings.data)
    rows = [
        {**{k: v for k, v in row.items() if k not in _BULKY}, "run": one.run}
        for one in found
        for row in one.rows
    ]
    try:
        measurements.demand_command()
        missing = None
    except Unavailable as error:
        missing = error.message
    return {
        "rows": rows,
        "runs": [one.to_json() for one in found],
        "job": service().jobs.unfinished(measurements.TASK),
        "missing": missing,
    }


@blueprint.post("/benchmarks")
def start() -> Any:
    """Queue a quick run of what is served, on generated heads.

    It takes minutes, beside the analyses; peers whose environment does not stand are not measured.
    ---
    answers: {202: Started, 503: Error}
    """
    measurements.demand_command()
    if service().jobs.unfinished(measurements.TASK):
        raise Busy("a measurement is under way already; wait for it or cancel it")
    job = service().jobs.submit(None, measurements.TASK, [])
    return {"job": job}, 202, {"Location": f"{BASE}/jobs/{job}"}


@blueprint.get("/benchmarks/<run>")
def stored_run(run: str) -> dict[str, Any]:
    """One run as it is kept, single latencies included, for `python -m benchmarks`.
    ---
    answers: {200: BenchmarkRun, 404: Error}
    """
    found = measurements.find(service().settings.data, run)
    return {"schema": "neuralscan/benchmarks/1", "about": found.about, "rows": found.rows}


@blueprint.get("/benchmarks/<run>/compare/<other>")
def compared(run: str, other: str) -> dict[str, Any]:
    """Two runs row by row: ratio of times (`other` over `run`), its interval, a verdict.

    400 with the reason where they cannot be compared, above all because the machines differ.
    ---
    answers: {200: Comparison, 400: Error, 404: Error, 503: Error}
    """
    return measurements.compare(service().settings, run, other)
