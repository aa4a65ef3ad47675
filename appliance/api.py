"""``/api/v1``: each view parses, calls one function and returns what it answers.

Below ``---`` a docstring says in YAML what OpenAPI should know: ``query`` parameters, the
``body``, and ``answers`` by status.
"""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, current_app

from appliance import about, handover, reference, report
from appliance.asked import body, number, service, uploads, whole, word
from appliance.core.errors import BadRequest, NotFound
from appliance.failures import refusal_status
from appliance.links import BASE, of_recent
from appliance.openapi import describe
from appliance.render import Pictures
from appliance.task import load_tasks

blueprint = Blueprint("api", __name__, url_prefix=BASE)
_PNG = "image/png"


def picture(data: bytes) -> Response:
    """PNG bytes as a response."""
    return Response(data, mimetype=_PNG)


def page(html: str) -> Response:
    """A self-contained page as a response, which may load nothing."""
    return Response(
        html, headers={"Content-Security-Policy": report.policy()}, mimetype="text/html"
    )


@blueprint.post("/analyze")
def analyze() -> Any:
    """Analyse one input at once.

    A picture, a DICOM file, a NIfTI, or a zip of one series; several series are answered with
    400, since `POST /studies` takes those. An unsuitable input comes back with its report.
    ---
    body: {multipart: file}
    answers: {200: Report, 400: Refused, 413: Refused, 415: Refused, 422: Refused, 503: Error}
    """
    files = uploads("file")
    if len(files) > 1:
        raise BadRequest("expected one file in `file`; send several to POST /api/v1/studies")
    name, data = files[0]
    document, could_be_read = service().analyze(data, name)
    refusal = document["refusal"]
    if refusal is None:
        return document
    status = 422 if could_be_read else refusal_status(refusal["code"])
    return {"error": refusal, "report": document}, status


def _recent(digest: str) -> tuple[Pictures, int]:
    """Pictures of a direct analysis and the slice that was asked for."""
    pictures = Pictures.of(*service().recent.get(digest))
    index = whole("slice", None)
    return pictures, pictures.telling() if index is None else index


@blueprint.get("/analyze/<digest>/image.png")
def analyzed_image(digest: str) -> Response:
    """A slice of a recently analysed input.
    ---
    query: {slice: integer, level: number, window: number}
    answers: {200: png, 400: Error, 404: Error}
    """
    pictures, index = _recent(digest)
    return picture(pictures.slice(index, "none", number("level"), number("window")))


@blueprint.get("/analyze/<digest>/overlay.png")
def analyzed_overlay(digest: str) -> Response:
    """A slice of a recently analysed input with what was found drawn in.
    ---
    query: {slice: integer, level: number, window: number, overlay: Overlay}
    answers: {200: png, 400: Error, 404: Error}
    """
    pictures, index = _recent(digest)
    overlay = word("overlay", "contour")
    return picture(pictures.slice(index, overlay, number("level"), number("window")))


@blueprint.get("/analyze/<digest>/mask.png")
def analyzed_mask(digest: str) -> Response:
    """The mask of a slice, 0 and 255; 404 where the report draws none.
    ---
    query: {slice: integer}
    answers: {200: png, 404: Error}
    """
    pictures, index = _recent(digest)
    return picture(pictures.layer("label_map", index))


@blueprint.get("/analyze/<digest>/heat.png")
def analyzed_heat(digest: str) -> Response:
    """The heat map of a slice, 0 to 255; 404 where there is none.
    ---
    query: {slice: integer}
    answers: {200: png, 404: Error}
    """
    pictures, index = _recent(digest)
    return picture(pictures.layer("heat", index))


@blueprint.get("/analyze/<digest>/report.json")
def analyzed_json(digest: str) -> dict[str, Any]:
    """The report of a recently analysed input.
    ---
    answers: {200: Report, 404: Error}
    """
    return of_recent(service().recent.get(digest)[1])


@blueprint.get("/analyze/<digest>/report.html")
def analyzed_html(digest: str) -> Response:
    """The report of a recently analysed input as one self-contained page.
    ---
    answers: {200: html, 404: Error, 422: Error}
    """
    series, found = service().recent.get(digest)
    return page(handover.html([(found, series)]))


@blueprint.get("/tasks")
def tasks() -> dict[str, Any]:
    """What can be done to a series.
    ---
    answers: {200: Tasks}
    """
    return {"tasks": [task.to_json() for task in load_tasks().values()]}


@blueprint.post("/studies/<study>/tasks/<task>")
def start_task(study: str, task: str) -> Any:
    """Queue a task on every series of a study, or on those the body names.
    ---
    body: {json: Start}
    answers: {202: Started, 400: Error, 404: Error, 503: Error}
    """
    job = service().start(study, task, body())
    return {"job": job}, 202, {"Location": f"{BASE}/jobs/{job}"}


@blueprint.get("/jobs/<job>")
def get_job(job: str) -> dict[str, Any]:
    """State, progress and results of a job.
    ---
    answers: {200: Job, 404: Error}
    """
    return service().job(job)


@blueprint.delete("/jobs/<job>")
def cancel_job(job: str) -> dict[str, Any]:
    """Cancel a job: at once when it waits, soon when it runs; nothing when it has ended.
    ---
    answers: {200: Job, 404: Error}
    """
    service().jobs.cancel(job)
    return service().job(job)


@blueprint.get("/models")
def models() -> dict[str, Any]:
    """The model packages with their cards.
    ---
    answers: {200: Models, 503: Error}
    """
    return {"models": about.packages(service())}


@blueprint.get("/models/<name>")
def model(name: str) -> dict[str, Any]:
    """One model package with its card.
    ---
    answers: {200: Model, 404: Error, 503: Error}
    """
    for found in about.packages(service()):
        if found["name"] == name:
            return found
    raise NotFound("there is no such model package; GET /api/v1/models lists them")


@blueprint.get("/reference")
def cards() -> dict[str, Any]:
    """What the literature says of the kinds of tumour the network can name, with its sources.

    General information: no advice, and nothing about a patient.
    ---
    answers: {200: Reference}
    """
    return reference.shown()


@blueprint.get("/settings")
def settings() -> dict[str, Any]:
    """What a page needs to know about this server.
    ---
    answers: {200: Settings}
    """
    return about.server(service())


@blueprint.get("/openapi.json")
def openapi() -> dict[str, Any]:
    """This description, generated from the routes and their docstrings.
    ---
    answers: {200: object}
    """
    return describe(current_app)
