"""What the routes of the library call: it joins the store, the library and the analyser."""

from __future__ import annotations

from typing import Any

from appliance.core.errors import BadRequest
from appliance.library import CASE_LABELS, check_label
from appliance.links import BASE
from appliance.service import Service

RENEWED = 16
"""Stale cases that are read again with one search, about 10 ms each."""


def _slice_of(service: Service, study: str, series: str, number: int | None) -> int:
    """The slice asked for, or the one that shows most.

    Raises
    ------
    BadRequest
        When the series was refused.
    NotFound
        When there is no such series, or it was not analysed.
    """
    if service.store.report(study, series).verdict == "refused":
        raise BadRequest("this series was refused: it is no case, and there is none like it")
    return service.store.pictures(study, series).telling() if number is None else number


def add(service: Service, study: str, series: str, body: dict[str, Any]) -> dict[str, Any]:
    """Put a slice of an analysed series into the library; the case as JSON.

    Parameters
    ----------
    body : dict
        ``label``, and ``slice`` where it is not the one that shows most.
    """
    label, number = check_label(body.get("label")), body.get("slice")
    if number is not None and (isinstance(number, bool) or not isinstance(number, int)):
        raise BadRequest("expected slice to be a whole number")
    number = _slice_of(service, study, series, number)
    vector = service.embed(study, series, number)
    embedder = service.analyzer.embedder
    return linked(service.library.put(study, series, number, label, embedder, vector))


def search(
    service: Service, study: str, series: str, number: int | None, count: int
) -> dict[str, Any]:
    """Cases like a slice of an analysed series, of other studies, nearest first."""
    number = _slice_of(service, study, series, number)
    library = service.library
    own, _ = library.cases(1000, study=study, series=series)
    answer: dict[str, Any] = {
        "study_instance_uid": study,
        "series_instance_uid": series,
        "slice": number,
        "cases": [],
        "own": [linked(case) for case in own],
        "total": len(library),
        "stale": 0,
        "labels": list(CASE_LABELS),
    }
    if answer["total"] > len(own):
        embedder = service.analyzer.embedder
        vector = service.embed(study, series, number)
        library.renew(embedder, service.analyzer.embed, RENEWED)
        found = library.nearest(vector, embedder, count, without=study)
        answer["cases"] = [linked(case) for case in found]
        answer["stale"] = library.stale(embedder)
    return answer


def listing(service: Service, limit: int, offset: int) -> dict[str, Any]:
    """The library's cases, newest first."""
    found, total = service.library.cases(limit, offset)
    return {
        "cases": [linked(case) for case in found],
        "total": total,
        "most": service.library.most,
        "labels": list(CASE_LABELS),
    }


def linked(case: dict[str, Any]) -> dict[str, Any]:
    """A case with the addresses of its study and of its picture."""
    study = f"{BASE}/studies/{case['study_instance_uid']}"
    place = f"{study}/series/{case['series_instance_uid']}/slices/{case['slice']}.png"
    return {**case, "links": {"study": study, "thumbnail": f"{place}?overlay=contour"}}
