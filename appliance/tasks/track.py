"""Compare an earlier and a later study of one head: lesions matched, change with an error band."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from appliance.core.manifest import Manifest
from appliance.core.types import Finding, Measurement, Result, Series
from appliance.followup.compare import How
from appliance.followup.course import Course, follow
from appliance.followup.document import document_of
from appliance.followup.exam import Exam, exam_of
from appliance.followup.outputs import TIMELINE, on_input
from appliance.followup.page import timeline_svg
from appliance.followup.sight import network_outliner
from appliance.interpret import interpret
from appliance.reading import InferMany, read
from appliance.task import Task, Watch

_READING = 0.15
UNITS = {"volume_ml": "ml", "area_mm2": "mm2", "area_px": "px"}


def answer(
    course: Course, document: Mapping[str, Any], findings: tuple[Finding, ...] = ()
) -> Result:
    """The later lesions, the earlier ones carried onto them, and every change as a measurement."""
    last, current = course.last, course.exams[-1]
    given = current.given.volume
    derived = {}
    if last.carried is not None and last.moved is not None:
        derived = {
            "moved": on_input(given, last.moved),
            "prior_labels": on_input(given, last.carried),
        }
    measurements = []
    for number, change in enumerate(last.changes, 1):
        unit = UNITS[change.measure]
        measurements += [
            Measurement(f"lesion_{number}_earlier", change.prior_value, unit),
            Measurement(f"lesion_{number}_later", change.current_value, unit),
        ]
        for name, value in (("change", change.percent), ("band", change.band_percent)):
            if value is not None:
                measurements.append(Measurement(f"lesion_{number}_{name}", value, "%"))
    plot = timeline_svg(document)
    return Result(
        task="track",
        verdict=last.verdict,
        reasons=last.reasons,
        warnings=tuple(document["warnings"]),
        findings=findings,
        measurements=tuple(measurements),
        label_map=on_input(given, current.series.volume.with_array(current.labels)),
        derived=derived,
        documents={"followup": document}
        | ({"registration": last.registration.to_json()} if last.registration else {}),
        texts={TIMELINE: plot} if plot else {},
    )


def run(
    inputs: Mapping[str, Series],
    infer: InferMany,
    manifest: Manifest,
    options: Mapping[str, Any],
    watch: Watch,
) -> Result:
    """Compare the series in the role ``moving``, the earlier one, with ``fixed``, the later one."""
    exams: list[Exam] = []
    findings: tuple[Finding, ...] = ()
    for number, role in enumerate(("moving", "fixed")):
        series = inputs[role]

        def within(share: float, number: int = number) -> None:
            watch(_READING * (number + share) / 2)

        within(0.0)
        found = interpret(read(series, infer, manifest, within), manifest)
        drawn, findings = found.label_map, found.findings()
        exams.append(exam_of(series, None if drawn is None else drawn.array, found.series.verdict))
    how = How(network_outliner(partial(read, infer_many=infer, manifest=manifest), manifest))
    course = follow(exams, how, lambda share: watch(_READING + (1 - _READING) * share))
    model = {"name": manifest.name, "version": manifest.version, "precision": "", "device": ""}
    return answer(course, document_of(course, how.limits, model), findings)


TASK = Task(
    "track",
    "Follow up",
    ("fixed", "moving"),
    True,
    run,
    aliases={"current": "fixed", "prior": "moving"},
)
