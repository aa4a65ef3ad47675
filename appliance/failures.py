"""Errors as HTTP: one table of statuses, one body, one handler."""

from __future__ import annotations

import logging
from typing import Any

from flask import Flask, Response, jsonify
from werkzeug.exceptions import HTTPException

from appliance.core import errors
from appliance.core.errors import ApplianceError, Busy, Unavailable

logger = logging.getLogger(__name__)
RETRY_AFTER_S = 5

STATUS: tuple[tuple[type[ApplianceError], int], ...] = (
    (errors.CorruptFile, 400),
    (errors.EmptyFile, 400),
    (errors.TooLarge, 413),
    (errors.UnsupportedFormat, 415),
    (errors.InputError, 422),
    (errors.BadRequest, 400),
    (errors.NotFound, 404),
    (errors.ModelError, 503),
    (errors.Unavailable, 503),
    (ApplianceError, 500),
)
"""HTTP status of each error class; the first that fits counts."""

_HTTP = {
    400: "bad_request",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    413: "too_large",
    415: "unsupported_format",
    431: "too_large",
}


def status_of(error: ApplianceError | type[ApplianceError]) -> int:
    """The HTTP status an error is answered with.

    Examples
    --------
    >>> status_of(errors.TooLarge("")), status_of(errors.NotGreyscale), status_of(Busy)
    (413, 422, 503)
    """
    kind = error if isinstance(error, type) else type(error)
    return next(status for known, status in STATUS if issubclass(kind, known))


def refusal_status(code: str) -> int:
    """The status for an input a reader refused, by the refusal's code.

    Examples
    --------
    >>> refusal_status("empty"), refusal_status("encrypted"), refusal_status("unreadable")
    (400, 422, 400)
    """
    for kind, status in STATUS:
        if kind.code == code:
            return status
    return 422


def body(code: str, message: str) -> dict[str, Any]:
    """The one shape of an error."""
    return {"error": {"code": code, "message": message}}


def _known(error: ApplianceError) -> tuple[Response, int]:
    response = jsonify(body(error.code, error.message))
    if isinstance(error, Unavailable):
        response.headers["Retry-After"] = str(RETRY_AFTER_S if isinstance(error, Busy) else 30)
    return response, status_of(error)


def _http(error: HTTPException) -> Any:
    """Routing and parsing errors of the framework in our shape."""
    status = error.code or 500
    if status < 400:
        return error
    if status == 413:
        text = "expected a smaller upload, this one exceeds the server's limit; send a part of it"
    elif status == 404:
        text = "there is nothing at this address; GET /api/v1/openapi.json lists what there is"
    else:
        text = error.description or error.name
    response = jsonify(body(_HTTP.get(status, "bad_request" if status < 500 else "internal"), text))
    for name, value in error.get_headers():
        if name in ("Allow", "Retry-After"):
            response.headers[name] = value
    return response, status


def _unexpected(error: Exception) -> tuple[Response, int]:
    logger.error("unexpected %s", type(error).__name__, exc_info=error)
    text = "an internal fault; it was logged, and nothing about the input was changed"
    return jsonify(body("internal", text)), 500


def register(app: Flask) -> None:
    """Answer every failure of an application in the one shape."""
    app.register_error_handler(ApplianceError, _known)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(Exception, _unexpected)
