"""Read lesions in one series and report them on another of the same head: an MR's on its CT."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from appliance.core.manifest import Manifest
from appliance.core.types import Refusal, Result, Series
from appliance.followup.carried import Carried, carry_lesions, document_of
from appliance.followup.carried_result import findings_of, measurements_of
from appliance.followup.exam import Exam, exam_of
from appliance.fusion.fuse import CODE
from appliance.interpret import Interpretation, interpret
from appliance.pair_cover import shown
from appliance.reading import InferMany, read
from appliance.registration.carry import carry
from appliance.registration.register import Registration, register
from appliance.registration.verdict import DOUBTFUL, FAILED
from appliance.task import Task, Watch
from appliance.tasks import register as registering

CARRIED, NOTHING = "carried", "nothing_to_carry"
_REGISTERING, _READING = 0.7, 0.9
"""Share of the work that is done after each."""


def answer(registered: Result, carried: Carried, document: Mapping[str, Any]) -> Result:
    """The lesions of MOVING in the pixels and millimetres of FIXED, beside the registration."""
    lesions = document["lesions"]
    return replace(
        registered,
        task="carry",
        verdict=CARRIED if lesions else NOTHING,
        reasons=(),
        measurements=measurements_of(lesions),
        label_map=carried.labels,
        documents={"carried": document, **registered.documents},
    )


def _refused(registered: Result) -> Result:
    why = "the two images could not be brought together, so no lesion is carried across"
    reason = f"{why}: {'; '.join(registered.reasons) or 'no reason given'}"
    refusal = Refusal(CODE, reason)
    return replace(
        registered, task="carry", verdict="refused", reasons=(reason,), measurements=(),
        refusal=refusal,
    )  # fmt: skip


def _warnings(found: Registration, exam: Exam, document: Mapping[str, Any]) -> tuple[str, ...]:
    said = []
    if found.verdict == DOUBTFUL:
        why = "; ".join(found.reasons)
        said.append(f"the registration is doubtful ({why}): compare both before relying on it")
    if exam.doubtful:
        said.append("the reading of the moving image is uncertain")
    cut = [str(one["id"]) for one in document["lesions"] if one["outside_share"] > 0]
    if cut:
        said.append(f"a part lies outside what the fixed image shows: lesion {', '.join(cut)}")
    return tuple(said)


def _exam(moving: Series, found: Interpretation) -> Exam:
    drawn = found.label_map
    return exam_of(moving, None if drawn is None else drawn.array, found.series.verdict)


def run(
    inputs: Mapping[str, Series],
    infer: InferMany,
    manifest: Manifest,
    options: Mapping[str, Any],
    watch: Watch,
) -> Result:
    """Carry the lesions of the series in the role ``moving`` onto the one in the role ``fixed``."""
    fixed, moving = inputs["fixed"], inputs["moving"]
    found = register(
        fixed,
        moving,
        progress=lambda share: watch(_REGISTERING * share),
        check=lambda: watch(0.0),
    )
    moved = carry(shown(moving).series.volume, fixed.volume, found.matrix)
    registered = registering.answer(found, moved)
    if found.verdict == FAILED:
        return _refused(registered)

    def reading(share: float) -> None:
        watch(_REGISTERING + (_READING - _REGISTERING) * share)

    seen = interpret(read(moving, infer, manifest, reading), manifest)
    exam = _exam(moving, seen)
    carried = carry_lesions(exam, fixed, found)
    document = document_of(carried, exam, fixed, found)
    scores = {finding.id: finding.score for finding in seen.findings()}
    watch(1.0)
    return replace(
        answer(registered, carried, document),
        warnings=_warnings(found, exam, document),
        findings=findings_of(carried, document["lesions"], fixed, scores),
    )


TASK = Task("carry", "Carry lesions across", ("fixed", "moving"), True, run, read=("moving",))
