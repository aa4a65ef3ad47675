"""Tell glioma, meningioma, pituitary tumour and no tumour apart, and say how sure that is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from appliance.core.manifest import Manifest
from appliance.core.types import Result, Series
from appliance.interpret import Interpretation, interpret
from appliance.reading import InferMany, read, reasons_in_words
from appliance.task import Task


def answer(seen: Interpretation) -> Result:
    """Calibrated probabilities, prediction set, verdict and its reasons, heat map."""
    return Result(
        task="classify",
        classification=seen.classification,
        verdict=seen.series.verdict,
        reasons=reasons_in_words(seen.series.reasons),
        slices=seen.slices,
        derived={"heat": seen.heat()},
    )


def run(
    inputs: Mapping[str, Series], infer: InferMany, manifest: Manifest, options: Mapping[str, Any]
) -> Result:
    """Classify the series in the role ``image``."""
    return answer(interpret(read(inputs["image"], infer, manifest), manifest))


TASK = Task("classify", "Classify", ("image",), True, run)
