"""The sentence: two time points brought together, lesions matched, each change held to its band."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from appliance import burned_in
from appliance.core.errors import GeometryError
from appliance.core.geometry import spacing_mm
from appliance.core.types import Volume
from appliance.followup.band import Limits, shipped
from appliance.followup.comparable import measure_of, obstacles
from appliance.followup.exam import AREA_MM2, Exam
from appliance.followup.judge import NOT_COMPARABLE, Change, Judge, growth, overall
from appliance.followup.matching import Match, match
from appliance.followup.repeats import scatter
from appliance.followup.sight import Outliner
from appliance.registration.carry import carry
from appliance.registration.register import PIXEL, Registration, register

_WAYS = 0.1
"""There and back may disagree on the logarithm of the area by this much."""

Step = Callable[[float], None]


@dataclass(frozen=True, eq=False)
class Comparison:
    """Two time points compared.

    Attributes
    ----------
    registration : Registration or None
        Of the later study (FIXED) to the earlier one; None where it was not tried.
    carried : Volume or None
        The earlier lesions on the grid of the later study.
    moved : Volume or None
        The earlier picture there; text found in it is black.
    """

    verdict: str
    reasons: tuple[str, ...]
    changes: tuple[Change, ...]
    registration: Registration | None = None
    carried: Volume | None = None
    moved: Volume | None = None
    warnings: tuple[str, ...] = ()
    total: Change | None = None


@dataclass(frozen=True)
class How:
    """What a comparison works with.

    Attributes
    ----------
    repeats : int, optional
        Disturbed readings of each study; the usual number when not given.
    register : callable
        As `appliance.registration.register.register`.
    """

    outliner: Outliner
    limits: Limits = field(default_factory=shipped)
    repeats: int | None = None
    register: Callable[..., Registration] = register


def compare(prior: Exam, current: Exam, how: How, step: Step = lambda share: None) -> Comparison:
    """Compare two time points.

    Parameters
    ----------
    step : callable
        Told the share of the work that is done; what it raises stops the work.
    """
    against = obstacles(prior, current)
    if against:
        return Comparison(NOT_COMPARABLE, tuple(against), ())
    try:
        found, ways = _registered(prior, current, how, lambda share: step(0.5 * share))
    except GeometryError as error:
        return Comparison(NOT_COMPARABLE, (error.message,), ())
    if found.verdict == "failed":
        why = "; ".join(found.reasons)
        return Comparison(
            NOT_COMPARABLE, (f"the studies could not be brought together: {why}",), (), found
        )
    if prior.flat and ways > _WAYS:
        why = "the way from one picture to the other and the way back disagree on the size"
        return Comparison(NOT_COMPARABLE, (why,), (), found)
    return _compared(prior, current, how, found, ways, step)


def _registered(prior: Exam, current: Exam, how: How, step: Step) -> tuple[Registration, float]:
    """The transform, and how far there and back disagree on the logarithm of an area."""
    one, other = current.series, prior.series
    if not prior.flat:
        found = how.register(one, other, progress=step, check=lambda: step(0.0))
        return found, 0.0
    found = how.register(one, other, progress=lambda s: step(0.5 * s), check=lambda: step(0.0))
    if found.verdict == "failed":
        return found, 0.0
    back = how.register(other, one, progress=lambda s: step(0.5 + 0.5 * s), check=lambda: step(0.0))
    return found, abs(float(np.log(abs(growth(found) * growth(back)))))


def _compared(
    prior: Exam, current: Exam, how: How, found: Registration, ways: float, step: Step
) -> Comparison:
    before, now = prior.series.volume, current.series.volume
    labels = Volume(prior.labels, before.affine), Volume(current.labels, now.affine)
    carried = carry(labels[0], now, found.matrix, labels=True)
    back = carry(labels[1], before, np.linalg.inv(found.matrix), labels=True)
    steps = (1.0, 1.0, 1.0) if found.space == PIXEL else spacing_mm(now.affine)
    matches = _with_lost(match(carried.array, current.labels, steps), prior)
    zones = [_zones(m, prior, current, back.array, carried.array) for m in matches]
    values = [
        scatter(exam, [pair[side] for pair in zones], how.outliner, part, how.repeats)
        for side, (exam, part) in enumerate(
            [
                (prior, lambda share: step(0.5 + 0.25 * share)),
                (current, lambda share: step(0.75 + 0.2 * share)),
            ]
        )
    ]
    judge = Judge(prior, current, how.limits, found, ways)
    changes = tuple(
        judge.change(m, values[0][:, :, number], values[1][:, :, number], zones[number])
        for number, m in enumerate(matches)
    )
    total = judge.total(matches, changes, values)
    verdict, reasons = overall(changes)
    moved = carry(prior.pictured, now, found.matrix)
    step(1.0)
    return Comparison(
        verdict,
        reasons,
        changes,
        found,
        carried,
        moved,
        _warnings(prior, current, found, ways),
        total,
    )


def _with_lost(matches: list[Match], prior: Exam) -> list[Match]:
    """Also the earlier lesions that lie outside the later study and were not carried at all."""
    seen = {number for m in matches for number in m.prior}
    lost = [number for number in prior.sizes() if number not in seen]
    return [*matches, *(Match((number,), ()) for number in lost)]


def _zones(
    m: Match, prior: Exam, current: Exam, back: np.ndarray, carried: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Where a lesion lies in the earlier and in the later study."""
    return (
        np.isin(prior.labels, m.prior) if m.prior else np.isin(back, m.current),
        np.isin(current.labels, m.current) if m.current else np.isin(carried, m.prior),
    )


def _warnings(prior: Exam, current: Exam, found: Registration, ways: float) -> tuple[str, ...]:
    said = []
    if found.verdict == "doubtful":
        said.append(
            "the registration is doubtful (" + "; ".join(found.reasons) + "): look at both "
            "pictures before you believe which lesion is which"
        )
    for name, exam in (("earlier", prior), ("later", current)):
        if exam.doubtful:
            said.append(f"the reading of the {name} study is uncertain")
    if prior.series.sha256 and prior.series.sha256 == current.series.sha256:
        said.append("both studies are the same file")
    if prior.shown.text or current.shown.text:
        said.append(burned_in.WARNING)
    if prior.flat:
        said.append(
            "single pictures: whether both were cut at the same height of the head is not known"
        )
        scale = growth(found) ** 0.5
        if measure_of(prior, current) == AREA_MM2:
            sides = [spacing_mm(e.series.volume.affine)[1] for e in (current, prior)]
            if abs(np.log(scale * sides[1] / sides[0])) > 0.1:
                said.append("the registration contradicts the pixel sizes of the headers")
    return tuple(said)
