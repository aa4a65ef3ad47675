"""Boxes around lesions, each with a score."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from appliance.core.manifest import Manifest
from appliance.core.types import Measurement, Result, Series
from appliance.interpret import Interpretation, interpret
from appliance.reading import InferMany, read
from appliance.task import Task


def answer(seen: Interpretation) -> Result:
    """Findings ordered by score, best first; no pixels."""
    found = sorted(seen.findings(), key=lambda finding: -finding.score)
    return Result(
        task="detect",
        findings=tuple(found),
        measurements=(Measurement("lesions", float(len(found)), "1"),),
        verdict=seen.series.verdict,
        slices=seen.slices,
    )


def run(
    inputs: Mapping[str, Series], infer: InferMany, manifest: Manifest, options: Mapping[str, Any]
) -> Result:
    """Detect lesions in the series in the role ``image``."""
    return answer(interpret(read(inputs["image"], infer, manifest), manifest))


TASK = Task("detect", "Detect lesions", ("image",), True, run)
