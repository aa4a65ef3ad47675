"""Which series a task gets, from what a client asked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from appliance import pair_work
from appliance.core.errors import BadRequest, NotFound
from appliance.store import Store
from appliance.task import Task

Places = dict[str, dict[str, str]]
"""``{role: {"study": uid, "series": uid}}``."""


def chosen(
    store: Store, study: str, task: Task, body: Mapping[str, Any]
) -> tuple[list[Places], dict[str, Any]]:
    """The inputs of each run of a task, and its options, checked.

    Parameters
    ----------
    body : mapping
        ``{"series": uid}``, ``{"inputs": {role: {"study", "series"}}}`` or neither (every
        series, one run each); and ``"options"``.

    Raises
    ------
    BadRequest, NotFound
    """
    known = [series["series_instance_uid"] for series in store.study(study)["series"]]
    options = body.get("options") or {}
    if not isinstance(options, dict):
        raise BadRequest("expected options to be an object")
    if task.on_pair:
        options = task.chosen(options)
    if body.get("inputs") is not None:
        given = _named(store, study, task, pair_work.named_roles(task, body["inputs"]))
        if task.on_pair:
            pair_work.demand_two(given)
        return [given], options
    if len(task.inputs) > 1:
        raise BadRequest(f"the task {task.name} needs inputs for {', '.join(task.inputs)}")
    wanted = body.get("series")
    if wanted is not None and wanted not in known:
        raise NotFound("there is no such series in this study")
    uids = known if wanted is None else [wanted]
    return [{task.inputs[0]: {"study": study, "series": uid}} for uid in uids], options


def _named(store: Store, study: str, task: Task, given: Any) -> Places:
    """Inputs by role as a client named them."""
    if not isinstance(given, dict) or set(given) != set(task.inputs):
        raise BadRequest(f"expected inputs to be an object with {', '.join(task.inputs)}")
    places = {}
    for role, place in given.items():
        if not isinstance(place, dict) or not isinstance(place.get("series"), str):
            raise BadRequest(f'expected inputs.{role} to be {{"study": …, "series": …}}')
        places[role] = {"study": str(place.get("study", study)), "series": place["series"]}
        store.series(**places[role])
    return places
