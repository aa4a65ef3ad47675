"""Outline lesions, join them across slices, measure them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from appliance.core.manifest import Manifest
from appliance.core.types import Measurement, Result, Series
from appliance.interpret import Interpretation, interpret
from appliance.reading import InferMany, read
from appliance.task import Task


def answer(seen: Interpretation) -> Result:
    """Lesions on the input's own grid, with area, and volume where geometry is known."""
    found = seen.findings()
    if found and all(f.volume_ml is not None for f in found):
        measured = Measurement("lesion_volume", sum(f.volume_ml for f in found), "ml")
    else:
        measured = Measurement("lesion_area", float(np.count_nonzero(seen.labels)), "px")
    return Result(
        task="segment",
        findings=found,
        measurements=(measured,),
        verdict=seen.series.verdict,
        slices=seen.slices,
        label_map=seen.label_map,
    )


def run(
    inputs: Mapping[str, Series], infer: InferMany, manifest: Manifest, options: Mapping[str, Any]
) -> Result:
    """Segment the series in the role ``image``."""
    return answer(interpret(read(inputs["image"], infer, manifest), manifest))


TASK = Task("segment", "Outline lesions", ("image",), True, run)
