"""The JSON of a result on two series, schema ``neuralscan/pair/1``, and the layers behind it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from appliance import NOTICE, burned_in
from appliance.core.errors import GeometryError
from appliance.core.types import Result, Series, Volume
from appliance.document import input_of
from appliance.pair_cover import shown as as_shown
from appliance.render import describe_view, display

SCHEMA = "neuralscan/pair/1"
IMAGE, LABELS = "image", "labels"
LABEL_MAP = "label_map"


def as_document(
    task: str,
    inputs: Mapping[str, Series],
    result: Result,
    timings_ms: Mapping[str, float],
    options: Mapping[str, Any],
    model: Mapping[str, Any] | None = None,
) -> tuple[dict[str, Any], dict[str, Volume]]:
    """The document of a result, and its layers by name.

    Parameters
    ----------
    model : mapping, optional
        The ``model`` part of a report, where a network read one of the two.

    Raises
    ------
    GeometryError
        When a layer is not on the grid of FIXED.
    """
    fixed = inputs["fixed"]
    layers = dict(result.derived)
    if result.label_map is not None:
        layers[LABEL_MAP] = result.label_map
    for name, volume in layers.items():
        if volume.shape != fixed.volume.shape:
            raise GeometryError(f"layer {name} is {volume.shape}, fixed is {fixed.volume.shape}")
    windows = {"moved": inputs["moving"].window}  # a moved image is shown as its own header asks
    shown = {"fixed": {"kind": IMAGE, "display": display(fixed.volume, fixed.window)}}
    for name, volume in layers.items():
        kind = LABELS if name == LABEL_MAP or name.endswith("_labels") else IMAGE
        window = (127.5, 255.0) if kind == LABELS else windows.get(name)
        shown[name] = {"kind": kind, "display": display(volume, window)}
    seen = {role: as_shown(series) for role, series in inputs.items()}
    text = any(found.text for found in seen.values())
    warned = [*result.warnings, *([burned_in.WARNING] if text else [])]
    document = {
        "schema": SCHEMA,
        **result.to_json(),
        "warnings": list(dict.fromkeys(warned)),
        "text_in_pictures": text,
        "text_places": {role: [list(box) for box in f.places] for role, f in seen.items()},
        "pictures_withheld": any(found.withheld for found in seen.values()),
        "task": task,
        "inputs": {role: input_of(series) for role, series in inputs.items()},
        "options": dict(options),
        "refusal": None if result.refusal is None else result.refusal.to_json(),
        "view": describe_view(fixed.volume),
        "layers": shown,
        "model": None if model is None else dict(model),
        "timings_ms": {name: round(value, 3) for name, value in timings_ms.items()},
        "notice": NOTICE,
    }
    return document, layers


def withheld(document: Mapping[str, Any]) -> bool:
    """Whether a result's pictures stay here: they hold text that nobody blackened.

    Results of earlier versions were made of pictures as they came.
    """
    return bool(document.get("pictures_withheld", document["text_in_pictures"]))
