"""The JSON the API answers with, as OpenAPI schemas; tests hold them against real answers."""

from __future__ import annotations

from typing import Any

from appliance.library import CASE_LABELS

Schema = dict[str, Any]

_TEXT: Schema = {"type": "string"}
_TEXT_OR_NULL: Schema = {"type": "string", "nullable": True}
_NUMBER: Schema = {"type": "number"}
_WHOLE: Schema = {"type": "integer"}
_FLAG: Schema = {"type": "boolean"}
_ANY: Schema = {"type": "object"}
_ANY_OR_NULL: Schema = {"type": "object", "nullable": True}


def _list(items: Schema, **more: Any) -> Schema:
    return {"type": "array", "items": items, **more}


def _object(*, optional: Schema | None = None, **properties: Schema) -> Schema:
    every = {**properties, **(optional or {})}
    return {"type": "object", "required": list(properties), "properties": every}


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _words(*words: str) -> Schema:
    return {"type": "string", "enum": list(words)}


_VERDICT = _words("tumor", "no_tumor", "uncertain", "refused")
_GRID = _list(_WHOLE, minItems=3, maxItems=3)
_SPACING = {**_list(_NUMBER, minItems=3, maxItems=3), "nullable": True}
_CODE = _object(code=_TEXT, message=_TEXT)
_CASE = _object(
    study_instance_uid=_TEXT,
    series_instance_uid=_TEXT,
    slice=_WHOLE,
    label=_TEXT,
    created=_TEXT,
    name=_TEXT,
    links=_object(study=_TEXT, thumbnail=_TEXT),
)

SHAPES: dict[str, Schema] = {
    "Status": _object(status=_TEXT),
    "Error": _object(error=_CODE),
    "Refused": _object(error=_CODE, report=_ref("Report")),
    "Unread": _object(error=_CODE, reports=_list(_ref("Report"))),
    "Report": _object(
        schema=_words("neuralscan/report/1"),
        input=_ANY,
        verdict=_VERDICT,
        refusal={"type": "object", "nullable": True, "properties": _CODE["properties"]},
        classification=_ANY_OR_NULL,
        slices=_list(_ANY),
        lesions=_list(_ANY),
        mask=_TEXT_OR_NULL,
        quality=_ANY,
        timings_ms={"type": "object", "additionalProperties": _NUMBER},
        model=_ANY,
        notice=_TEXT,
        links={"type": "object", "additionalProperties": _TEXT_OR_NULL},
        optional={"second_opinion": _ANY_OR_NULL},
    ),
    "Reports": _object(study_instance_uid=_TEXT, reports=_list(_ref("Report"))),
    "Series": _object(
        series_instance_uid=_TEXT,
        study_instance_uid=_TEXT,
        name=_TEXT,
        sha256=_TEXT,
        kind=_words("image", "dicom", "nifti"),
        modality=_TEXT_OR_NULL,
        sequence=_TEXT_OR_NULL,
        plane=_TEXT_OR_NULL,
        shape=_GRID,
        spacing_mm=_SPACING,
        view=_object(shape=_GRID, spacing_mm=_SPACING, plane=_TEXT_OR_NULL),
        planes=_ANY_OR_NULL,
        display=_object(level=_NUMBER, window=_NUMBER, min=_NUMBER, max=_NUMBER),
        warnings=_list(_TEXT),
        verdict={**_VERDICT, "nullable": True},
        label=_TEXT_OR_NULL,
    ),
    "Study": _object(
        study_instance_uid=_TEXT,
        created=_TEXT,
        title=_TEXT_OR_NULL,
        sample=_FLAG,
        job=_TEXT_OR_NULL,
        series=_list(_ref("Series")),
        refusals=_list(_object(code=_TEXT, message=_TEXT, name=_TEXT, sha256=_TEXT, kind=_TEXT)),
    ),
    "Studies": _object(studies=_list(_ref("Study")), total=_WHOLE),
    "Task": _object(
        name=_TEXT,
        title=_TEXT,
        inputs=_list(_TEXT),
        needs_model=_FLAG,
        options=_ANY,
        aliases=_ANY,
    ),
    "Tasks": _object(tasks=_list(_ref("Task"))),
    "Start": {
        "type": "object",
        "properties": {
            "series": _TEXT,
            "inputs": {
                "type": "object",
                "additionalProperties": _object(study=_TEXT, series=_TEXT),
            },
            "options": _ANY,
        },
    },
    "NewCase": {
        "type": "object",
        "required": ["label"],
        "properties": {"label": _words(*CASE_LABELS), "slice": _WHOLE},
    },
    "Case": _CASE,
    "Library": _object(cases=_list(_ref("Case")), total=_WHOLE, most=_WHOLE, labels=_list(_TEXT)),
    "Similar": _object(
        study_instance_uid=_TEXT,
        series_instance_uid=_TEXT,
        slice=_WHOLE,
        cases=_list(
            {
                **_CASE,
                "required": [*_CASE["required"], "distance"],
                "properties": {**_CASE["properties"], "distance": _NUMBER},
            }
        ),
        own=_list(_ref("Case")),
        total=_WHOLE,
        stale=_WHOLE,
        labels=_list(_TEXT),
    ),
    "Pair": _object(
        schema=_words("neuralscan/pair/1"),
        id=_TEXT,
        task=_TEXT,
        created=_TEXT,
        replaces=_TEXT_OR_NULL,
        inputs=_object(fixed=_ANY, moving=_ANY),
        options=_ANY,
        verdict=_TEXT_OR_NULL,
        reasons=_list(_TEXT),
        refusal={"type": "object", "nullable": True, "properties": _CODE["properties"]},
        warnings=_list(_TEXT),
        text_in_pictures=_FLAG,
        text_places=_ANY,
        pictures_withheld=_FLAG,
        model=_ANY_OR_NULL,
        measurements=_list(_object(name=_TEXT, value=_NUMBER, unit=_TEXT)),
        findings=_list(_ANY),
        view=_object(shape=_GRID, spacing_mm=_SPACING, plane=_TEXT_OR_NULL),
        layers={
            "type": "object",
            "additionalProperties": _object(kind=_words("image", "labels"), display=_ANY),
        },
        documents=_ANY,
        texts=_list(_TEXT),
        timings_ms={"type": "object", "additionalProperties": _NUMBER},
        notice=_TEXT,
        links=_ANY,
    ),
    "Pairs": _object(pairs=_list(_ref("Pair")), total=_WHOLE),
    "Reference": _object(
        notice=_TEXT,
        reviewed=_TEXT,
        cards=_list(
            _object(
                label=_TEXT,
                sections=_list(
                    _object(
                        key=_TEXT,
                        title=_TEXT,
                        sentences=_list(_object(text=_TEXT, numbers=_list(_WHOLE))),
                    )
                ),
                sources=_list(
                    _object(
                        authors=_TEXT,
                        title=_TEXT,
                        journal=_TEXT,
                        year=_WHOLE,
                        place=_TEXT,
                        doi=_TEXT,
                    )
                ),
            )
        ),
    ),
    "Audit": _object(entries=_list(_ANY), total=_WHOLE),
    "Network": _object(
        dicom=_ANY_OR_NULL, incoming=_ANY_OR_NULL, outbox=_ANY_OR_NULL, watch=_ANY_OR_NULL
    ),
    "Retried": _object(retried=_WHOLE),
    "Started": _object(job=_TEXT),
    "Job": _object(
        id=_TEXT,
        study_instance_uid=_TEXT_OR_NULL,
        task=_TEXT,
        state=_words("queued", "running", "done", "failed", "cancelled"),
        progress={"type": "number", "minimum": 0, "maximum": 1},
        cancel_requested=_FLAG,
        created=_TEXT,
        started=_TEXT_OR_NULL,
        finished=_TEXT_OR_NULL,
        error={"type": "object", "nullable": True, "properties": _CODE["properties"]},
        results=_list(
            _object(
                series_instance_uid=_TEXT,
                verdict=_TEXT_OR_NULL,
                report=_TEXT_OR_NULL,
                result=_ANY_OR_NULL,
            )
        ),
    ),
    "Model": _object(name=_TEXT, version=_TEXT, active=_FLAG, manifest=_ANY),
    "Models": _object(models=_list(_ref("Model"))),
    "Benchmarks": _object(
        rows=_list(_ANY),
        runs=_list(
            _object(
                run=_TEXT,
                shipped=_FLAG,
                cpu=_TEXT_OR_NULL,
                cores={**_NUMBER, "nullable": True},
                utc=_TEXT_OR_NULL,
                preset=_TEXT_OR_NULL,
                comparable=_FLAG,
                rows=_WHOLE,
                about=_ANY,
            )
        ),
        job=_TEXT_OR_NULL,
        missing=_TEXT_OR_NULL,
    ),
    "BenchmarkRun": _object(schema=_TEXT, about=_ANY, rows=_list(_ANY)),
    "Comparison": _object(
        bound=_NUMBER,
        notes=_list(_TEXT),
        rows=_list(
            _object(
                name=_TEXT,
                scenario=_TEXT,
                figure=_TEXT,
                before=_NUMBER,
                after=_NUMBER,
                ratio=_NUMBER,
                interval=_list(_NUMBER, minItems=2, maxItems=2),
                verdict=_words("faster", "slower", "no difference"),
            )
        ),
    ),
    "Settings": _object(
        version=_TEXT,
        notice=_TEXT,
        ready=_FLAG,
        device=_TEXT,
        model=_ANY_OR_NULL,
        labels=_list(_TEXT),
        languages=_list(_TEXT),
        overlays=_list(_TEXT),
        limits=_object(upload_bytes=_WHOLE, files=_WHOLE, queue=_WHOLE),
        demo=_FLAG,
        linked=_FLAG,
    ),
}
