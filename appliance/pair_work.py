"""A task on two series as a job: run, kept, written to the log."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from time import perf_counter
from typing import Any

from appliance import links
from appliance.audit import Audit, operator
from appliance.core.errors import BadRequest, InputError, NotFound
from appliance.core.types import Refusal, Result, Series
from appliance.pairs import Pairs
from appliance.store import Store
from appliance.task import Task, Watch, find_task

REFUSED = "refused"


def named_roles(task: Task, given: Any) -> Any:
    """Inputs with the task's own names of the roles, where a caller used others.

    Raises
    ------
    BadRequest
        When one role is named twice.
    """
    if not isinstance(given, Mapping):
        return given
    named = {task.aliases.get(role, role): place for role, place in given.items()}
    if len(named) != len(given):
        raise BadRequest(f"expected one series each for {', '.join(task.inputs)}")
    return named


def demand_two(places: Mapping[str, Mapping[str, str]]) -> None:
    """Raise BadRequest when both roles name one series: there is nothing to bring together."""
    if len({(place["study"], place["series"]) for place in places.values()}) < len(places):
        raise BadRequest("expected two different series, found the same one twice")


def run(
    store: Store,
    pairs: Pairs,
    audit: Audit,
    analyzer: Any,
    task: str,
    places: Mapping[str, dict[str, str]],
    options: Mapping[str, Any],
    watch: Watch,
) -> dict[str, str]:
    """Do a task on a pair and keep what it answers, a refusal too; where it is kept.

    Returns
    -------
    dict
        ``study`` and ``series`` of FIXED, and the identifier of the result, ``pair``.
    """
    before = perf_counter()
    inputs = {role: store.series(**place) for role, place in places.items()}
    load_ms = (perf_counter() - before) * 1e3
    result = _answer(analyzer, task, inputs, options, watch)
    timings = {"decode": load_ms, "total": (perf_counter() - before) * 1e3}
    model = analyzer.model() if find_task(task).needs_model else None
    pair = pairs.put(task, places, inputs, named(result, model), timings, options, model)
    fixed, moving = places["fixed"], places["moving"]
    audit.record(
        f"{task}.done",
        f"server, {operator()}",
        **fixed,
        moving_study=moving["study"],
        moving_series=moving["series"],
        verdict=result.verdict,
    )
    return {**fixed, "pair": pair}


def named(result: Result, model: Mapping[str, Any] | None) -> Result:
    """A result whose documents name the network that read, as a report does."""
    if model is None:
        return result
    documents = {
        name: {**document, "model": dict(model)} if "model" in document else document
        for name, document in result.documents.items()
    }
    return replace(result, documents=documents)


def _answer(
    analyzer: Any,
    task: str,
    inputs: Mapping[str, Series],
    options: Mapping[str, Any],
    watch: Watch,
) -> Result:
    try:
        return analyzer.run_task(task, inputs, options, watch)
    except InputError as error:
        refusal = Refusal(error.code, error.message)
        return Result(task, verdict=REFUSED, reasons=(error.message,), refusal=refusal)


def in_job(pairs: Pairs, place: Mapping[str, str]) -> dict[str, Any]:
    """A job's result on a pair; without a verdict when it was replaced or removed since."""
    shown: dict[str, Any] = {
        "series_instance_uid": place["series"],
        "verdict": None,
        "report": None,
        "result": None,
    }
    try:
        document = links.of_pair(place["pair"], pairs.document(place["pair"]))
    except NotFound:
        return shown
    return {**shown, "verdict": document["verdict"], "result": document}
