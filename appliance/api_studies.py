"""``/api/v1/studies``: uploads that are kept, their slices, and reports to take away."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, g

from appliance import export, handover
from appliance.api import page, picture
from appliance.asked import number, service, uploads, whole, word
from appliance.core.errors import NotFound
from appliance.failures import refusal_status
from appliance.links import BASE, of_study

blueprint = Blueprint("studies", __name__, url_prefix=f"{BASE}/studies")
_SLICE = "/<study>/series/<series>/slices/<int:index>"


@blueprint.post("")
def create() -> Any:
    """Keep the uploaded files as a study; nothing is analysed yet.
    ---
    body: {multipart: files}
    answers: {201: Study, 400: Unread, 413: Unread, 415: Unread, 422: Unread, 503: Error}
    """
    study, refused = service().add_study(uploads("files"))
    if study is None:
        first = refused[0]["refusal"]
        return {"error": first, "reports": refused}, refusal_status(first["code"])
    return service().store.study(study), 201, {"Location": f"{BASE}/studies/{study}"}


@blueprint.get("")
def listing() -> dict[str, Any]:
    """Studies, newest first.
    ---
    query: {limit: integer, offset: integer}
    answers: {200: Studies, 400: Error}
    """
    found, total = service().store.studies(whole("limit", 100, 1, 1000), whole("offset", 0))
    return {"studies": found, "total": total}


@blueprint.get("/<study>")
def get(study: str) -> dict[str, Any]:
    """One study with its series.
    ---
    answers: {200: Study, 404: Error}
    """
    return service().store.study(study)


@blueprint.delete("/<study>")
def delete(study: str) -> Any:
    """Remove a study, its results, and the files no other study uses.
    ---
    answers: {204: nothing, 404: Error}
    """
    service().delete_study(study)
    return "", 204


@blueprint.get(f"{_SLICE}.png")
def slice_picture(study: str, series: str, index: int) -> Response:
    """A slice as a picture, with an overlay burnt in when asked.

    A slice of the viewing grid; with ``plane`` one of the volume's axial, coronal or sagittal
    slices, counted to the head, the back or the left, in the pixels of the volume.
    ---
    query: {level: number, window: number, overlay: Overlay, plane: Plane}
    answers: {200: png, 400: Error, 404: Error}
    """
    pictures = service().store.pictures(study, series)
    window, plane = (number("level"), number("window")), word("plane", "") or None
    return picture(pictures.slice(index, word("overlay", "none"), *window, plane=plane))


@blueprint.get(f"{_SLICE}/mask.png")
def slice_mask(study: str, series: str, index: int) -> Response:
    """The mask of a slice, 0 and 255; 404 where the report draws none.
    ---
    query: {plane: Plane}
    answers: {200: png, 400: Error, 404: Error}
    """
    return _layer("label_map", study, series, index)


@blueprint.get(f"{_SLICE}/heat.png")
def slice_heat(study: str, series: str, index: int) -> Response:
    """The heat map of a slice, 0 to 255; 404 where there is none.
    ---
    query: {plane: Plane}
    answers: {200: png, 400: Error, 404: Error}
    """
    return _layer("heat", study, series, index)


def _layer(name: str, study: str, series: str, index: int) -> Response:
    pictures = service().store.pictures(study, series)
    return picture(pictures.layer(name, index, word("plane", "") or None))


@blueprint.get("/<study>/series/<series>/report.json")
def series_json(study: str, series: str) -> dict[str, Any]:
    """The report of one series; 404 before it was analysed.
    ---
    answers: {200: Report, 404: Error}
    """
    return of_study(*service().analysed(study, series)[0])


@blueprint.get("/<study>/report.json")
def study_json(study: str) -> dict[str, Any]:
    """The reports of a study: analysed series in order, then what could not be read.
    ---
    query: {series: string}
    answers: {200: Reports, 404: Error}
    """
    found = service().analysed(study, word("series", "") or None)
    return {"study_instance_uid": study, "reports": [of_study(*item) for item in found]}


@blueprint.get("/<study>/report.html")
def study_html(study: str) -> Response:
    """The reports of a study as one self-contained page; text in pictures is blackened.
    ---
    query: {series: string}
    answers: {200: html, 404: Error, 422: Error}
    """
    found = service().analysed(study, word("series", "") or None)
    if not found:
        raise NotFound("nothing of this study was analysed yet: start the task analyze")
    return page(handover.html(found))


@blueprint.get("/<study>/report.pdf")
def study_pdf(study: str) -> Response:
    """The reports of a study as PDF, one page each; text in pictures is blackened.
    ---
    query: {series: string}
    answers: {200: pdf, 404: Error, 422: Error}
    """
    found = service().analysed(study, word("series", "") or None)
    if not found:
        raise NotFound("nothing of this study was analysed yet: start the task analyze")
    return _file("report.pdf", handover.pdf(found), "application/pdf")


@blueprint.get("/<study>/seg.dcm")
def study_seg(study: str) -> Response:
    """The lesions of a series as a DICOM segmentation; of the first that has one by default.
    ---
    query: {series: string}
    answers: {200: dicom, 404: Error, 422: Error}
    """
    return _object("seg", study)


@blueprint.get("/<study>/sr.dcm")
def study_sr(study: str) -> Response:
    """Verdict and measurements of a series as a DICOM structured report (TID 1500).
    ---
    query: {series: string}
    answers: {200: dicom, 404: Error, 422: Error}
    """
    return _object("sr", study)


@blueprint.get("/<study>/rtstruct.dcm")
def study_rtstruct(study: str) -> Response:
    """The lesions of a series as a DICOM RT structure set.
    ---
    query: {series: string}
    answers: {200: dicom, 404: Error, 422: Error}
    """
    return _object("rtstruct", study)


@blueprint.get("/<study>/report.dcm")
def study_document(study: str) -> Response:
    """The report's page of a series as a DICOM encapsulated PDF.
    ---
    query: {series: string}
    answers: {200: dicom, 404: Error, 422: Error}
    """
    return _object("report", study)


def _object(kind: str, study: str) -> Response:
    """A DICOM object of the series that was named, else of the first that has one."""
    found = service().analysed(study, word("series", "") or None)
    leaving = [(one, service().outgoing(study, series)) for one, series in found]
    data = handover.first(kind, leaving)
    g.linked = any(s is not None and s.source and s.source.header for _, s in leaving)  # for audit
    return _file(f"{kind}.dcm", data, "application/dicom")


def _file(name: str, data: bytes, mimetype: str) -> Response:
    named = {"Content-Disposition": f"attachment; filename={name}"}
    return Response(data, mimetype=mimetype, headers=named)


@blueprint.get("/<study>/mask.nii.gz")
def study_mask(study: str) -> Response:
    """The mask of a series on the input's own grid; of the first that has one by default.
    ---
    query: {series: string}
    answers: {200: nifti, 404: Error}
    """
    for found, series in service().analysed(study, word("series", "") or None):
        if series is not None and found.label_map is not None:
            data = export.mask_nifti(series, found.label_map)
            return _file("mask.nii.gz", data, "application/gzip")
    raise NotFound("no report here draws a mask: start the task analyze, or see its verdict")
