"""Whether two time points can be compared at all, before anything is brought together."""

from __future__ import annotations

from appliance.core.geometry import plane_of, spacing_mm
from appliance.followup.exam import AREA_MM2, AREA_PX, VOLUME_ML, Exam

_THICKER = 2.05
"""Slices this many times as thick show another share of a lesion's edge, and miss small ones."""


def obstacles(prior: Exam, current: Exam) -> list[str]:
    """Why the two cannot be compared, as sentences; empty when nothing stands against it."""
    found = [
        f"the {name} study was refused: {exam.refusal.message}"
        for name, exam in (("earlier", prior), ("later", current))
        if exam.refusal is not None
    ]
    if found:
        return found
    if prior.flat != current.flat:
        return ["one study is a single picture, the other a stack of slices"]
    one, other = prior.series, current.series
    for what, first, second in (
        ("modality", one.modality, other.modality),
        ("sequence", one.sequence, other.sequence),
        ("plane", _plane(prior), _plane(current)),
    ):
        if first is not None and second is not None and first != second:
            found.append(f"the {what} differs: {first} before, {second} now")
    if not prior.flat:
        found += _about_grids(prior, current)
    return found


def _plane(exam: Exam) -> str | None:
    return plane_of(exam.series.volume.affine) or exam.series.plane


def _about_grids(prior: Exam, current: Exam) -> list[str]:
    affines = prior.series.volume.affine, current.series.volume.affine
    if any(affine is None for affine in affines):
        return ["a stack without geometry has no millimetres to compare"]
    first, second = (spacing_mm(affine)[0] for affine in affines)
    if max(first, second) > _THICKER * min(first, second):
        return [
            f"the slices lie {first:.3g} mm apart before and {second:.3g} mm now: "
            "more than twice as far"
        ]
    return []


def measure_of(prior: Exam, current: Exam) -> str:
    """By what lesions of the two are compared: ``volume_ml``, ``area_mm2`` or ``area_px``."""
    if not current.flat:
        return VOLUME_ML
    known = all(exam.series.volume.affine is not None for exam in (prior, current))
    return AREA_MM2 if known else AREA_PX
