"""A course as JSON of schema ``neuralscan/followup/1``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from appliance import NOTICE
from appliance.document import input_of
from appliance.followup import rano
from appliance.followup.band import Limits
from appliance.followup.compare import Comparison
from appliance.followup.course import Course
from appliance.followup.exam import Exam, described
from appliance.followup.judge import Change

SCHEMA = "neuralscan/followup/1"
BAND = (
    "A change is called one only outside the band: so much the measured change may differ from the "
    "true one, by repeated reading, registration and outline."
)


def document_of(course: Course, limits: Limits, model: Mapping[str, Any]) -> dict[str, Any]:
    """The whole document; its verdict, lesions and registration are those of the last two studies.

    Parameters
    ----------
    model : mapping
        The ``model`` part of a report.
    """
    last = comparison(course.last, course.exams[-2], course.exams[-1])
    warnings = list(last.pop("warnings"))
    if model.get("name") != limits.package:
        warnings.append(
            f"the band was fitted with the package {limits.package!r}, not with "
            f"{model.get('name')!r}: fit it again before you rely on it"
        )
    document: dict[str, Any] = {"schema": SCHEMA, **last, "warnings": warnings}
    document["studies"] = [
        _study(exam, point) for exam, point in zip(course.exams, course.points, strict=True)
    ]
    if len(course.exams) > 2:
        document["steps"] = [
            comparison(step, *course.exams[n : n + 2]) for n, step in enumerate(course.steps)
        ]
        document["since_first"] = comparison(course.since_first, course.exams[0], course.exams[-1])
    return document | {
        "timeline": {"measure": course.measure, "points": _points(course)},
        "rano_arithmetic": {
            "only": rano.ONLY,
            "unit": "px2" if course.measure == "area_px" else "mm2",
            "studies": [found.to_json() for found in course.sums],
        },
        "band": {
            "what": BAND,
            "quantile": limits.quantile,
            "fitted_with": limits.package,
            "measured": dict(limits.measured),
        },
        "model": dict(model),
        "notice": NOTICE,
    }


def comparison(found: Comparison, prior: Exam, current: Exam) -> dict[str, Any]:
    """One comparison."""
    return {
        "verdict": found.verdict,
        "reasons": list(found.reasons),
        "lesions": [change(one, prior, current) for one in found.changes],
        "total": None if found.total is None else change(found.total, prior, current),
        "registration": None if found.registration is None else found.registration.to_json(),
        "warnings": list(found.warnings),
    }


def change(found: Change, prior: Exam, current: Exam) -> dict[str, Any]:
    """What became of one lesion, with its diameters then and now."""
    return {
        "prior": found.prior[0] if found.prior else None,
        "current": found.current[0] if found.current else None,
        "prior_all": list(found.prior),
        "current_all": list(found.current),
        "verdict": found.verdict,
        "reason": found.reason,
        "measure": found.measure,
        "prior_value": round(found.prior_value, 4),
        "current_value": round(found.current_value, 4),
        "change_percent": _rounded(found.percent),
        "band_percent": _rounded(found.band_percent),
        "prior_size": _largest(prior, found.prior),
        "current_size": _largest(current, found.current),
        "band_parts": {name: round(float(v), 5) for name, v in found.parts.items()},
    }


def _largest(exam: Exam, numbers: Sequence[int]) -> Mapping[str, Any] | None:
    return described(exam.sizes()[numbers[0]]) if numbers else None


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)


def _study(exam: Exam, point: Any) -> dict[str, Any]:
    return {
        "input": input_of(exam.given),
        "verdict": exam.verdict,
        "refusal": None if exam.refusal is None else exam.refusal.to_json(),
        "day": None if point is None else point.day,
        "lesions": [{"id": n, **described(size)} for n, size in exam.sizes().items()],
    }


def _points(course: Course) -> list[dict[str, Any] | None]:
    return [
        None
        if point is None
        else {
            "day": point.day,
            "value": round(point.value, 4),
            "low": round(point.low, 4),
            "high": round(point.high, 4),
        }
        for point in course.points
    ]
