"""A task on one series as a job: run, kept, written to the log."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from time import perf_counter
from typing import Any

from appliance import heap, links
from appliance.audit import Audit, operator
from appliance.core.errors import InputError, NotFound
from appliance.core.types import Report, Series
from appliance.jobs import Job
from appliance.store import Store
from appliance.telemetry import Telemetry


def run(
    store: Store,
    audit: Audit,
    telemetry: Telemetry,
    analyzer: Any,
    job: Job,
    places: Mapping[str, dict[str, str]],
    within: Callable[[float], None],
    cancelled: Callable[[], bool],
) -> dict[str, str]:
    """Do a task on a series and keep what it answers, a refusal too; where it is kept.

    Parameters
    ----------
    within : callable
        Told the share of this series that is done.

    Returns
    -------
    dict
        ``study`` and ``series``.
    """
    before = perf_counter()
    inputs = {role: store.series(**place) for role, place in places.items()}
    load_ms = (perf_counter() - before) * 1e3
    first = next(iter(places.values()))
    if job.task == "analyze":
        series = next(iter(inputs.values()))
        mapped = heap.Mapped([series.volume.array])

        def passed(share: float) -> None:
            mapped.passed(share)
            within(share)

        report = analyzer.analyze(series, passed, cancelled, load_ms)
        telemetry.report(report.document)
    else:
        report = _answer(analyzer, job, inputs)
    store.put_result(first["study"], first["series"], job.task, report)
    audit.record(
        f"{job.task}.done",
        f"server, {operator()}",
        **first,
        model=report.document.get("model"),
        verdict=report.document.get("verdict"),
    )
    return first


def _answer(analyzer: Any, job: Job, inputs: Mapping[str, Series]) -> Report:
    """Another task's result in a report's clothes, so that it is kept the same way."""
    try:
        result = analyzer.run_task(job.task, inputs, job.options)
    except InputError as error:
        refusal = {"code": error.code, "message": error.message}
        return Report({"task": job.task, "verdict": "refused", "refusal": refusal})
    return Report(result.to_json(), result.label_map, result.derived.get("heat"))


def in_job(store: Store, task: str, place: Mapping[str, str]) -> dict[str, Any]:
    """How a job shows a result that is kept at a place."""
    uid = place["series"]
    shown = {"series_instance_uid": uid, "verdict": None, "report": None, "result": None}
    try:
        document = store.report(**place, task=task).document
    except NotFound:  # replaced by a later upload of the series
        return shown
    shown["verdict"] = document.get("verdict")
    if task == "analyze":
        shown["report"] = f"{links.BASE}/studies/{place['study']}/series/{uid}/report.json"
    else:
        shown["result"] = document
    return shown
