"""OpenAPI 3 from the routes and their docstrings; nothing is listed twice.

A view's docstring gives the summary (first line), the description (what follows), and below
``---`` in YAML: ``query`` (name to type), ``body`` (``multipart: field`` or ``json: Schema``) and
``answers`` (status to the name of a schema or of a media type).
"""

from __future__ import annotations

import inspect
import re
from http import HTTPStatus
from typing import Any

import yaml
from apispec import APISpec
from flask import Flask
from werkzeug.routing import Rule

from appliance import NOTICE, __version__
from appliance.planes import PLANES
from appliance.render import OVERLAYS
from appliance.shapes import SHAPES

_MEDIA = {
    "png": ("image/png", "binary"),
    "html": ("text/html", None),
    "text": ("text/plain", None),
    "nifti": ("application/gzip", "binary"),
    "pdf": ("application/pdf", "binary"),
    "dicom": ("application/dicom", "binary"),
    "file": ("application/octet-stream", "binary"),
}
_WORDS = {"Overlay": OVERLAYS, "Plane": PLANES}
_VARIABLE = re.compile(r"<(?:\w+:)?(\w+)>")


def routes(app: Flask) -> list[Rule]:
    """The documented rules: everything but the page and its files."""
    hidden = ("static", "root.index")
    found = [rule for rule in app.url_map.iter_rules() if rule.endpoint not in hidden]
    return sorted(found, key=lambda rule: rule.rule)


def path_of(rule: Rule) -> str:
    """A rule as OpenAPI writes it: ``/jobs/<job>`` is ``/jobs/{job}``."""
    return _VARIABLE.sub(r"{\1}", rule.rule)


def describe(app: Flask) -> dict[str, Any]:
    """The OpenAPI document of an application."""
    spec = APISpec(
        title="NeuralScan Edge",
        version=__version__,
        openapi_version="3.0.3",
        info={"description": f"Brain MR slices read on this machine. {NOTICE}"},
    )
    for name, schema in SHAPES.items():
        spec.components.schema(name, schema)
    for rule in routes(app):
        view = app.view_functions[rule.endpoint]
        operation = _operation(inspect.getdoc(view) or "")
        operation["operationId"] = rule.endpoint
        operation["tags"] = [rule.endpoint.partition(".")[0]]
        operation["parameters"] = _path_parameters(rule) + operation["parameters"]
        methods = {m.lower() for m in rule.methods or () if m not in ("HEAD", "OPTIONS")}
        spec.path(path_of(rule), operations=dict.fromkeys(methods, operation))
    return spec.to_dict()


def _path_parameters(rule: Rule) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": {"type": "integer" if f"<int:{name}>" in rule.rule else "string"},
        }
        for name in sorted(rule.arguments, key=rule.rule.index)
    ]


def _operation(docstring: str) -> dict[str, Any]:
    text, _, block = docstring.partition("---\n")
    summary, _, description = text.strip().partition("\n")
    facts = yaml.safe_load(block) or {}
    operation: dict[str, Any] = {
        "summary": summary.rstrip("."),
        "parameters": [
            {"name": name, "in": "query", "schema": _schema(kind)}
            for name, kind in facts.get("query", {}).items()
        ],
        "responses": {
            str(status): _answer(int(status), name) for status, name in facts["answers"].items()
        },
    }
    if description.strip():
        operation["description"] = " ".join(description.split())
    if "body" in facts:
        operation["requestBody"] = _body(facts["body"])
    return operation


def _schema(kind: str) -> dict[str, Any]:
    if kind in SHAPES:
        return {"$ref": f"#/components/schemas/{kind}"}
    if kind in _WORDS:
        return {"type": "string", "enum": list(_WORDS[kind])}
    return {"type": kind}


def _answer(status: int, name: str) -> dict[str, Any]:
    answer: dict[str, Any] = {"description": HTTPStatus(status).phrase}
    if name in _MEDIA:
        media, form = _MEDIA[name]
        schema = {"type": "string"} if form is None else {"type": "string", "format": form}
        answer["content"] = {media: {"schema": schema}}
    elif name != "nothing":
        answer["content"] = {"application/json": {"schema": _schema(name)}}
    return answer


def _body(facts: dict[str, str]) -> dict[str, Any]:
    if "json" in facts:
        return {"content": {"application/json": {"schema": _schema(facts["json"])}}}
    field = facts["multipart"]
    file = {"type": "string", "format": "binary"}
    several = {"type": "array", "items": file, "minItems": 1}
    schema = {
        "type": "object",
        "required": [field],
        "properties": {field: several if field.endswith("s") else file},
    }
    return {"required": True, "content": {"multipart/form-data": {"schema": schema}}}
