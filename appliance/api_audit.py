"""``/api/v1/audit``, and the hook that records what clients changed or took away."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Flask, Response, g, request

from appliance.asked import service, whole
from appliance.links import BASE
from appliance.service import Service

blueprint = Blueprint("audit", __name__, url_prefix=BASE)

ACTIONS = {
    "api.analyze": "input.analysed",
    "studies.create": "study.added",
    "studies.delete": "study.deleted",
    "studies.study_json": "report.taken",
    "studies.study_html": "report.taken",
    "studies.study_pdf": "report.taken",
    "studies.study_document": "report.taken",
    "studies.study_mask": "mask.taken",
    "studies.study_seg": "segmentation.taken",
    "studies.study_sr": "structured_report.taken",
    "studies.study_rtstruct": "structure_set.taken",
    "library.add": "case.added",
    "library.remove": "case.removed",
}
"""What is recorded when it was answered without an error, by the name of the view."""


@blueprint.get("/audit")
def listing() -> dict[str, Any]:
    """What was done here, newest first.
    ---
    query: {limit: integer, offset: integer}
    answers: {200: Audit, 400: Error, 503: Error}
    """
    found, total = service().audit.entries(whole("limit", 100, 1, 1000), whole("offset", 0))
    return {"entries": found, "total": total}


def register(app: Flask, appliance: Service) -> None:
    """Record the calls named in `ACTIONS`."""

    @app.after_request
    def _record(response: Response) -> Response:
        action = ACTIONS.get(request.endpoint or "")
        if action is None or response.status_code >= 400:
            return response
        places = request.view_args or {}
        study = places.get("study") or response.headers.get("Location", "").rsplit("/", 1)[-1]
        appliance.audit.record(
            action,
            f"client {request.remote_addr}",
            study or None,
            places.get("series") or request.args.get("series"),
            at_once=action != "input.analysed",  # nothing was kept or taken away
            file=request.path.rsplit("/", 1)[-1] if action.endswith(".taken") else None,
            **({"linked": True} if g.get("linked") else {}),
        )
        return response
