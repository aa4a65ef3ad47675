"""Register two series and lay them into one picture; refuse where registration failed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from appliance.core.types import Measurement, Refusal, Result, Series
from appliance.fusion.fuse import CODE, Fusion, fuse
from appliance.fusion.methods import METHODS
from appliance.fusion.metrics import UNITS
from appliance.pair_cover import shown
from appliance.registration.carry import carry
from appliance.task import Task, Watch
from appliance.tasks import register


def answer(found: Fusion, registered: Result) -> Result:
    """The fused image and its figures beside what registration says; or the refusal."""
    documents = {**registered.documents, "fusion": found.to_json()}
    result = replace(
        registered,
        task="fuse",
        verdict=found.verdict,
        reasons=found.reasons,
        warnings=found.warnings,
        documents=documents,
    )
    if found.volume is None:
        return replace(result, refusal=Refusal(CODE, " ".join(found.reasons)))
    figures = tuple(Measurement(n, v, UNITS.get(n, "1")) for n, v in found.metrics.items())
    return replace(
        result,
        measurements=figures,
        derived={"fused": found.volume, **registered.derived},
    )


def run(
    inputs: Mapping[str, Series],
    infer: None,
    manifest: Any,
    options: Mapping[str, Any],
    watch: Watch,
) -> Result:
    """Fuse the series in the role ``moving`` into the one in the role ``fixed``."""
    fixed, moving = inputs["fixed"], inputs["moving"]
    found = fuse(fixed, moving, options["method"], watch)
    moved = carry(shown(moving).series.volume, fixed.volume, found.registration.matrix)
    return answer(found, register.answer(found.registration, moved))


TASK = Task("fuse", "Fuse", ("fixed", "moving"), False, run, {"method": tuple(METHODS)})
