"""The report's JSON, schema ``neuralscan/report/1``: built in one place, from values only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from appliance import NOTICE
from appliance.core.geometry import spacing_mm
from appliance.core.types import REPORT_SCHEMA, Refusal, Report, Result, Series
from appliance.core.verdict import NO_TUMOUR, REFUSED, UNCERTAIN, Rule

_NAMED = 8


def input_of(series: Series) -> dict[str, Any]:
    """The ``input`` part for a series that was read."""
    affine = series.volume.affine
    spacing = None if affine is None else [round(float(v), 6) for v in spacing_mm(affine)]
    return {
        "name": series.name,
        "sha256": series.sha256,
        "kind": series.kind,
        "modality": series.modality,
        "sequence": series.sequence,
        "plane": series.plane,
        "shape": [int(n) for n in series.volume.shape],
        "spacing_mm": spacing,
        "study_instance_uid": series.study_instance_uid,
        "series_instance_uid": series.series_instance_uid,
    }


def input_unread(refusal: Refusal) -> dict[str, Any]:
    """The ``input`` part for a file that could not be read."""
    empty = dict.fromkeys(("modality", "sequence", "plane", "shape", "spacing_mm"))
    return {"name": refusal.name, "sha256": refusal.sha256, "kind": refusal.kind, **empty}


def refused(
    given: Mapping[str, Any],
    refusal: Refusal,
    model: Mapping[str, Any],
    rule: Rule,
    timings_ms: Mapping[str, float],
    score: float | None = None,
) -> Report:
    """The report of an input that is not analysed.

    Parameters
    ----------
    given, model : mapping
        The report's ``input`` and ``model``.
    score : float, optional
        Out-of-distribution score, where it came that far.
    """
    return _report(
        given,
        model,
        timings_ms,
        verdict=REFUSED,
        reasons=[refusal.message],
        refusal=refusal.to_json(),
        quality=_quality(rule, score, []),
    )


def analysed(
    series: Series,
    result: Result,
    model: Mapping[str, Any],
    rule: Rule,
    timings_ms: Mapping[str, float],
    score: float,
    opinion: Mapping[str, Any] | None = None,
) -> Report:
    """The report of an analysed series, with its label map and heat map.

    Parameters
    ----------
    opinion : mapping, optional
        The second opinion. It changes nothing else but adds a warning where it differs and is
        confident.
    """
    warning = _about_opinion(opinion)
    return _report(
        input_of(series),
        model,
        timings_ms,
        label_map=result.label_map,
        heat=result.derived.get("heat"),
        verdict=result.verdict,
        reasons=list(result.reasons),
        classification=result.classification.to_json(),
        slices=[s.to_json() for s in result.slices],
        lesions=[f.to_json() for f in result.findings],
        measurements=[m.to_json() for m in result.measurements],
        second_opinion=None if opinion is None else {**opinion, "warning": warning},
        quality=_quality(
            rule,
            score,
            [*series.warnings, *_about_slices(result, rule), *([warning] if warning else [])],
        ),
    )


def _quality(rule: Rule, score: float | None, warnings: list[str]) -> dict[str, Any]:
    return {
        "in_distribution": None if score is None else score <= rule.outlier_threshold,
        "ood_score": None if score is None else round(score, 4),
        "warnings": warnings,
    }


def _about_slices(result: Result, rule: Rule) -> list[str]:
    """What single slices of a stack say that its verdict does not."""
    total = len(result.slices)
    if total < 2:
        return []
    found = []
    scores = {s.index: s.ood_score for s in result.slices if s.ood_score is not None}
    odd = [index for index, score in scores.items() if score > rule.outlier_threshold]
    if odd:
        found.append(
            f"{len(odd)} of {total} slices are unlike the training slices (the first is slice "
            f"{odd[0] + 1}, the last {odd[-1] + 1}, counted from 1): read them with care"
        )
    doubtful = [s.index for s in result.slices if s.verdict == UNCERTAIN]
    if doubtful and result.verdict == NO_TUMOUR:
        named = ", ".join(str(index + 1) for index in doubtful[:_NAMED])
        named += ", …" if len(doubtful) > _NAMED else ""
        found.append(
            f"{len(doubtful)} of {total} slices are uncertain by themselves, without a lesion "
            f"that continues on the next slice: look at slices {named} (counted from 1)"
        )
    return found


def _about_opinion(opinion: Mapping[str, Any] | None) -> str | None:
    """The warning of a confident second opinion that differs, else None."""
    if opinion is None or opinion["agrees"] or not opinion["confident"]:
        return None
    share = opinion["probabilities"][opinion["label"]]
    return (
        f"second opinion: by its shape, texture and surroundings the outline looks like "
        f"{opinion['label']} ({share:.0%}), not like {opinion['compared_with']}"
    )


def _report(
    given: Mapping[str, Any],
    model: Mapping[str, Any],
    timings_ms: Mapping[str, float],
    *,
    label_map: Any = None,
    heat: Any = None,
    **parts: Any,
) -> Report:
    """All keys in the contract's order; what is not given is empty."""
    document = {
        "schema": REPORT_SCHEMA,
        "input": dict(given),
        "verdict": None,
        "reasons": [],
        "refusal": None,
        "classification": None,
        "slices": [],
        "lesions": [],
        "measurements": [],
        "second_opinion": None,
        "mask": None,
        "quality": None,
        "timings_ms": {name: round(value, 3) for name, value in timings_ms.items()},
        "model": dict(model),
        "notice": NOTICE,
    }
    return Report(document | parts, label_map, heat)
