"""The web application: page, API, health and metrics around one `Service`."""

from __future__ import annotations

from time import perf_counter
from typing import Any

from flask import Flask, Response, g, request

from appliance import (
    api,
    api_audit,
    api_benchmarks,
    api_library,
    api_network,
    api_pairs,
    api_studies,
    failures,
    guard,
    health,
)
from appliance.asked import Request
from appliance.failures import STATUS, status_of
from appliance.service import Service
from appliance.settings import Settings
from ui import STATIC

__all__ = ["STATUS", "create_app", "status_of"]
_FIELD_BYTES = 1 << 20
_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"})


def create_app(settings: Settings, analyzer: Any = None) -> Flask:
    """The application of one data folder.

    Parameters
    ----------
    analyzer : appliance.pipeline.Analyzer, optional
        Built from the settings when first needed where None is given.

    Raises
    ------
    Unavailable
        When the data folder cannot be used.
    """
    app = Flask("appliance", static_folder=str(STATIC), static_url_path="/static")
    app.request_class = Request
    app.config["MAX_CONTENT_LENGTH"] = settings.upload_bytes
    app.config["MAX_FORM_PARTS"] = settings.upload_files + 10
    app.config["MAX_FORM_MEMORY_SIZE"] = _FIELD_BYTES
    app.json.sort_keys = False
    app.json.ensure_ascii = False
    service = Service(settings, analyzer)
    app.extensions["neuralscan"] = service
    _measure(app, service)
    failures.register(app)
    guard.register(app, settings)
    api_audit.register(app, service)
    for module in (
        api,
        api_studies,
        api_pairs,
        api_library,
        api_audit,
        api_network,
        api_benchmarks,
        health,
    ):
        app.register_blueprint(module.blueprint)
    service.jobs.start()
    return app


def close(app: Flask) -> None:
    """Stop an application's workers and let go of its files."""
    app.extensions["neuralscan"].close()


def _measure(app: Flask, service: Service) -> None:
    @app.before_request
    def _start() -> None:
        g.started = perf_counter()

    @app.after_request
    def _stop(response: Response) -> Response:
        route = request.url_rule.rule if request.url_rule else "unknown"
        method = request.method if request.method in _METHODS else "other"
        spent = perf_counter() - g.get("started", perf_counter())
        service.telemetry.request(route, method, response.status_code, spent)
        return response
