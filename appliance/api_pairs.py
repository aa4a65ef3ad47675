"""``/api/v1/pairs``: what tasks on two series (register, fuse, track) left behind."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response

from appliance import pair_report
from appliance.api import page, picture
from appliance.asked import number, service, whole, word
from appliance.links import BASE, of_pair
from appliance.pair_files import file_of

blueprint = Blueprint("pairs", __name__, url_prefix=f"{BASE}/pairs")


@blueprint.get("")
def listing() -> dict[str, Any]:
    """Results on two series, newest first; of one study or task where it is named.
    ---
    query: {study: string, task: string, limit: integer, offset: integer}
    answers: {200: Pairs, 400: Error}
    """
    pairs = service().pairs
    limit, offset = whole("limit", 100, 1, 1000), whole("offset", 0)
    found, total = pairs.all(limit, offset, word("study", "") or None, word("task", "") or None)
    return {"pairs": [of_pair(one, pairs.document(one)) for one in found], "total": total}


@blueprint.get("/<pair>")
def get(pair: str) -> dict[str, Any]:
    """One result on two series, with the addresses of its layers and files.
    ---
    answers: {200: Pair, 404: Error}
    """
    return of_pair(pair, service().pairs.document(pair))


@blueprint.delete("/<pair>")
def delete(pair: str) -> Any:
    """Remove one result on two series; the series stay.
    ---
    answers: {204: nothing, 404: Error}
    """
    service().pairs.remove(pair)
    return "", 204


@blueprint.get("/<pair>/slices/<int:index>/<layer>.png")
def slice_picture(pair: str, index: int, layer: str) -> Response:
    """A slice of a layer (`fixed`, `moved`, `fused`, labels as 0 and 255) as a picture.
    ---
    query: {level: number, window: number}
    answers: {200: png, 400: Error, 404: Error}
    """
    found = service().pairs.get(pair)
    return picture(found.picture(layer, index, number("level"), number("window")))


@blueprint.get("/<pair>/report.html")
def html(pair: str) -> Response:
    """A result as one self-contained page.
    ---
    answers: {200: html, 404: Error}
    """
    return page(pair_report.to_html(service().pairs.get(pair)))


@blueprint.get("/<pair>/report.pdf")
def pdf(pair: str) -> Response:
    """A result as one page of PDF.
    ---
    answers: {200: pdf, 404: Error}
    """
    from appliance import pair_pdf  # reportlab takes a second to load

    named = {"Content-Disposition": "attachment; filename=report.pdf"}
    data = pair_pdf.to_pdf(service().pairs.get(pair))
    return Response(data, mimetype="application/pdf", headers=named)


@blueprint.get("/<pair>/files/<name>")
def take_away(pair: str, name: str) -> Response:
    """A file of a result: its documents, the transform for ITK, layers as PNG or NIfTI.
    ---
    answers: {200: file, 404: Error, 422: Error}
    """
    data, media = file_of(service().pairs.get(pair), name)
    return Response(
        data, mimetype=media, headers={"Content-Disposition": f"attachment; filename={name}"}
    )
