"""Any number of studies in the order in which they are given, each compared with the one before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from appliance.core.errors import BadRequest
from appliance.followup import rano
from appliance.followup.band import spread
from appliance.followup.compare import Comparison, How, Step, compare
from appliance.followup.exam import AREA_MM2, AREA_PX, VOLUME_ML, Exam
from appliance.followup.judge import NOT_COMPARABLE, growth
from appliance.followup.rano import Sum
from appliance.followup.repeats import scatter


@dataclass(frozen=True)
class Point:
    """All lesions of one study together that can be compared, for the timeline.

    Attributes
    ----------
    value, low, high : float
        Sum over lesions and how far it moves when the study is read again.
    day : int or None
        Days since the first study, where somebody said so.
    """

    value: float
    low: float
    high: float
    day: int | None = None


@dataclass(frozen=True, eq=False)
class Course:
    """What became of a head over several studies.

    Attributes
    ----------
    steps : tuple of Comparison
        Each study with the one before it.
    since_first : Comparison or None
        The last study with the first one, where there are more than two.
    measure : str or None
        What the points are given in; None where the studies cannot share one measure.
    points : tuple of Point or None
        None for a refused study, or one that could not be brought together with the last.
    """

    exams: tuple[Exam, ...]
    steps: tuple[Comparison, ...]
    since_first: Comparison | None
    measure: str | None
    points: tuple[Point | None, ...]
    sums: tuple[Sum, ...] = field(default=())

    @property
    def last(self) -> Comparison:
        """The last study with the one before it."""
        return self.steps[-1]


def follow(
    exams: Sequence[Exam],
    how: How,
    step: Step = lambda share: None,
    days: Sequence[int] | None = None,
) -> Course:
    """Compare studies, the earliest first.

    Parameters
    ----------
    days : sequence of int, optional
        When each study was made, in days since any one of them: dates stay outside.

    Raises
    ------
    BadRequest
        For fewer than two studies, or days that do not fit or do not grow.
    """
    if len(exams) < 2:
        raise BadRequest("expected two studies or more, the earliest first")
    if days is not None and (len(days) != len(exams) or any(np.diff(days) <= 0)):
        raise BadRequest(f"expected {len(exams)} days that grow, one for each study")
    pairs = [(exams[n], exams[n + 1]) for n in range(len(exams) - 1)]
    if len(exams) > 2:
        pairs.append((exams[0], exams[-1]))
    parts = len(pairs) + 0.3
    found = [
        compare(*pair, how, lambda share, n=n: step((n + share) / parts))
        for n, pair in enumerate(pairs)
    ]
    steps = tuple(found[: len(exams) - 1])
    measure = _measure(exams)
    scales = _scales(exams, steps, measure)
    without = _left_out(steps)

    def still(share: float) -> None:
        step(len(pairs) / parts)

    points = tuple(
        None
        if scale is None
        else _point(exam, how, scale, measure, without[n], days and days[n] - days[0], still)
        for n, (exam, scale) in enumerate(zip(exams, scales, strict=True))
    )
    step(1.0)
    return Course(
        tuple(exams),
        steps,
        found[-1] if len(exams) > 2 else None,
        measure,
        points,
        _sums(exams, scales, measure, without),
    )


def _measure(exams: Sequence[Exam]) -> str | None:
    """The one measure of all studies that were not refused."""
    read = [exam for exam in exams if exam.refusal is None]
    if len({exam.flat for exam in read}) != 1:
        return None
    known = all(exam.series.volume.affine is not None for exam in read)
    if not read[0].flat:
        return VOLUME_ML if known else None
    return AREA_MM2 if known else AREA_PX


def _scales(
    exams: Sequence[Exam], steps: Sequence[Comparison], measure: str | None
) -> list[float | None]:
    """What one unit of each study is worth in the last one: 1, but for pictures without geometry.

    None for a study that is refused, or that no chain of registrations joins to the last one.
    """
    if measure is None:
        return [None] * len(exams)
    scales: list[float | None] = [1.0] * len(exams)
    for number in range(len(exams) - 2, -1, -1):
        later, found = scales[number + 1], steps[number].registration
        if measure == AREA_PX:
            bad = later is None or found is None or found.verdict == "failed"
            scales[number] = None if bad else later / growth(found)
    return [
        None if exam.refusal is not None else scale
        for exam, scale in zip(exams, scales, strict=True)
    ]


def _left_out(steps: Sequence[Comparison]) -> list[set[int]]:
    """For each study the lesions that a neighbouring study cannot be compared with."""
    found: list[set[int]] = [set() for _ in range(len(steps) + 1)]
    for number, step in enumerate(steps):
        for change in step.changes:
            if change.verdict == NOT_COMPARABLE:
                found[number].update(change.prior)
                found[number + 1].update(change.current)
    return found


def _point(
    exam: Exam, how: How, scale: float, measure: str, without: set[int], day: int | None, step: Step
) -> Point:
    sizes = {number: size for number, size in exam.sizes().items() if number not in without}
    value = scale * sum(size.value(measure) for size in sizes.values())
    if not sizes:
        return Point(0.0, 0.0, 0.0, day)
    zone = np.isin(exam.labels, list(sizes))
    seen = scatter(exam, [zone], how.outliner, step, how.repeats)[:, :, 0]
    half = how.limits.of(exam.flat).half_width(0.0, spread(seen, how.limits.quantile), 0.0, 0.0)
    return Point(value, value * float(np.exp(-half)), value * float(np.exp(half)), day)


def _sums(
    exams: Sequence[Exam],
    scales: Sequence[float | None],
    measure: str | None,
    without: Sequence[set[int]],
) -> tuple[Sum, ...]:
    """The sums of products; none where a study is missing."""
    if measure is None or any(scale is None for scale in scales):
        return ()
    parts = zip(exams, scales, without, strict=True)
    return tuple(rano.course([rano.product_sum(e, scale or 1.0, out) for e, scale, out in parts]))
