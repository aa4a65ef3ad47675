"""What a request asked for, parsed: files, numbers, JSON; malformed calls are BadRequest."""

from __future__ import annotations

import io
import json
import re
from typing import IO, Any

import flask
from flask import current_app, request

from appliance.core.errors import BadRequest
from appliance.service import Service
from appliance.spool import sealed_file

_IN_MEMORY = 500_000
_WHOLE = re.compile(r"-?[0-9]{1,11}")


class Request(flask.Request):
    """A request whose uploads reach a disk encrypted only."""

    def _get_file_stream(
        self,
        total_content_length: int | None,
        content_type: str | None,
        filename: str | None = None,
        content_length: int | None = None,
    ) -> IO[bytes]:
        small = total_content_length is not None and total_content_length <= _IN_MEMORY
        return io.BytesIO() if small else sealed_file()


def service() -> Service:
    """The appliance behind this application."""
    return current_app.extensions["neuralscan"]


def number(name: str) -> float | None:
    """A query parameter as a number; None when it is not given."""
    text = request.args.get(name)
    if text is None or text == "":
        return None
    try:
        return float(text)
    except ValueError as error:
        raise BadRequest(f"expected {name} to be a number") from error


def whole(name: str, default: int | None, low: int = 0, high: int = 1 << 31) -> int | None:
    """A query parameter as a whole number within limits."""
    text = request.args.get(name)
    if text is None or text == "":
        return default
    if not _WHOLE.fullmatch(text) or not low <= int(text) <= high:
        raise BadRequest(f"expected {name} to be a whole number from {low} to {high}")
    return int(text)


def word(name: str, default: str) -> str:
    """A query parameter as it is."""
    return request.args.get(name) or default


def uploads(field: str) -> list[tuple[str, IO[bytes]]]:
    """Name and content of every file sent in a field; contents are read where they are needed.

    Raises
    ------
    BadRequest
        When there is none.
    """
    limit = service().settings.upload_files
    files = request.files.getlist(field)
    if not files:
        raise BadRequest(f"expected multipart/form-data with at least one file in `{field}`")
    if len(files) > limit:
        raise BadRequest(f"expected at most {limit} files in one upload; send a zip")
    return [(file.filename or "unnamed", file.stream) for file in files]


def body() -> dict[str, Any]:
    """The JSON object of the request; empty when nothing was sent."""
    if not request.get_data(cache=True).strip():
        return {}
    try:
        document = request.get_json(force=True, silent=True)
        json.dumps(document, ensure_ascii=False).encode()  # half a character fits nowhere
    except (RecursionError, UnicodeEncodeError) as error:
        raise BadRequest("expected the body to be JSON in plain text, not nested deeply") from error
    if not isinstance(document, dict):
        raise BadRequest("expected the body to be a JSON object")
    return document
