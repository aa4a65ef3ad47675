"""``/api/v1/library`` and the similar cases of a series: what the clinic has put by."""

from __future__ import annotations

from typing import Any

from flask import Blueprint

from appliance import similar
from appliance.asked import body, service, whole
from appliance.links import BASE

blueprint = Blueprint("library", __name__, url_prefix=BASE)
_SERIES = "/studies/<study>/series/<series>"


@blueprint.get("/library")
def listing() -> dict[str, Any]:
    """Cases of the local library, newest first.
    ---
    query: {limit: integer, offset: integer}
    answers: {200: Library, 400: Error}
    """
    return similar.listing(service(), whole("limit", 100, 1, 1000), whole("offset", 0))


@blueprint.post(f"{_SERIES}/library")
def add(study: str, series: str) -> Any:
    """Put a slice of an analysed series into the library, with the label a person confirms.

    Without `slice` it is the one with most of the mask. A second case of the same slice replaces
    the first. The label is one of those that `GET /library` lists.
    ---
    body: {json: NewCase}
    answers: {201: Case, 400: Error, 404: Error, 413: Error, 422: Error, 503: Error}
    """
    return similar.add(service(), study, series, body()), 201


@blueprint.delete(f"{_SERIES}/library")
def remove(study: str, series: str) -> Any:
    """Remove a slice from the library, or every slice of the series.
    ---
    query: {slice: integer}
    answers: {204: nothing, 400: Error, 404: Error}
    """
    service().library.remove(study, series, whole("slice", None))
    return "", 204


@blueprint.get(f"{_SERIES}/similar")
def neighbours(study: str, series: str) -> dict[str, Any]:
    """The most similar cases of the library, of other studies, nearest first.

    The distance is 1 minus the cosine of the embeddings. Cases another network embedded are left
    out until they have been read again, a few with every call: `stale` counts the rest.
    ---
    query: {k: integer, slice: integer}
    answers: {200: Similar, 400: Error, 404: Error, 422: Error, 503: Error}
    """
    return similar.search(service(), study, series, whole("slice", None), whole("k", 5, 1, 50))
