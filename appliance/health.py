"""What stands at the server's root: the page, and answers for machines that watch it."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, current_app

from appliance.asked import service

blueprint = Blueprint("root", __name__)


@blueprint.get("/")
def index() -> Response:
    """The page."""
    return current_app.send_static_file("index.html")


@blueprint.get("/health/live")
def live() -> dict[str, Any]:
    """Whether the process answers.
    ---
    answers: {200: Status}
    """
    return {"status": "ok"}


@blueprint.get("/health/ready")
def ready() -> dict[str, Any]:
    """Whether the model is warm; 503 until then.
    ---
    answers: {200: Status, 503: Error}
    """
    service().require_ready()
    return {"status": "ready"}


@blueprint.get("/metrics")
def metrics() -> Response:
    """Counts and durations for Prometheus.
    ---
    answers: {200: text}
    """
    return Response(service().telemetry.text(), content_type="text/plain; version=0.0.4")
