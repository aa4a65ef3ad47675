"""Everything one pass can say: class, lesions, boxes, heat map, verdict."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from appliance.core.manifest import Manifest
from appliance.core.types import Result, Series
from appliance.interpret import Interpretation, interpret
from appliance.reading import InferMany, read
from appliance.task import Task
from appliance.tasks import classify, segment


def answer(seen: Interpretation) -> Result:
    """The class of `classify` with the lesions of `segment`."""
    outlined = segment.answer(seen)
    return replace(
        classify.answer(seen),
        task="analyze",
        findings=outlined.findings,
        measurements=outlined.measurements,
        label_map=outlined.label_map,
    )


def run(
    inputs: Mapping[str, Series], infer: InferMany, manifest: Manifest, options: Mapping[str, Any]
) -> Result:
    """Analyse the series in the role ``image``."""
    return answer(interpret(read(inputs["image"], infer, manifest), manifest))


TASK = Task("analyze", "Analyse", ("image",), True, run)
