"""Bring one series onto another, with a verdict on itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from appliance.core.types import Measurement, Result, Series, Volume
from appliance.pair_cover import shown
from appliance.registration.carry import carry
from appliance.registration.outputs import TRANSFORM, itk_text
from appliance.registration.register import Registration, register
from appliance.task import Task, Watch

UNITS = {"transform_rotation_deg": "deg"}


def answer(found: Registration, moved: Volume) -> Result:
    """Verdict, reasons, evidence, the moved image, and the transform to take away."""
    return Result(
        task="register",
        verdict=found.verdict,
        reasons=found.reasons,
        measurements=tuple(
            Measurement(name, float(value), UNITS.get(name, "1"))
            for name, value in found.metrics.items()
        ),
        derived={"moved": moved},
        documents={"registration": found.to_json()},
        texts={TRANSFORM: itk_text(found).decode("ascii")},
    )


def run(
    inputs: Mapping[str, Series],
    infer: None,
    manifest: Any,
    options: Mapping[str, Any],
    watch: Watch,
) -> Result:
    """Register the series in the role ``moving`` onto the one in the role ``fixed``."""
    fixed, moving = inputs["fixed"], inputs["moving"]
    found = register(
        fixed, moving, progress=lambda share: watch(0.95 * share), check=lambda: watch(0.0)
    )
    return answer(found, carry(shown(moving).series.volume, fixed.volume, found.matrix))


TASK = Task("register", "Register", ("fixed", "moving"), False, run)
