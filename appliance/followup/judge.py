"""From sizes and their scatter to what became of each lesion, and one word for all of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from appliance.core.geometry import spacing_mm, voxel_ml
from appliance.followup.band import WIDEST, Limits, in_percent, repeatability, spread
from appliance.followup.comparable import measure_of
from appliance.followup.exam import AREA_MM2, AREA_PX, Exam, Size
from appliance.followup.matching import Match
from appliance.registration.register import Registration

LARGER, SMALLER, WITHIN = "larger", "smaller", "within_error"
NEW, GONE, NOT_COMPARABLE = "new", "gone", "not_comparable"
VERDICTS = (LARGER, SMALLER, WITHIN, NEW, GONE, NOT_COMPARABLE)
_SURE = 0.9
"""Share of the repeated readings that must show, or not show, a lesion called new or gone."""
_INSIDE = 0.9
_OUTLINE = 112
"""Steps across a picture at which an outline is known: the side of the network's mask."""
_MUCH = 0.25
"""Share of all that is outlined from which on lesions that cannot be compared decide."""


@dataclass(frozen=True)
class Change:
    """What became of one lesion.

    Attributes
    ----------
    prior, current : tuple of int
        Lesion numbers, largest first; several where lesions joined or came apart.
    measure : str
        ``volume_ml``, ``area_mm2`` or ``area_px``; the last in pixels of the later picture.
    prior_value, current_value : float
        0 where there is none.
    percent, band_percent : float or None
        None where there is nothing to divide by.
    reason : str
        Why it is not comparable or within the error; empty where numbers say it all.
    parts : mapping
        What the band is made of, logarithms of ratios (`appliance.followup.band`).
    """

    prior: tuple[int, ...]
    current: tuple[int, ...]
    verdict: str
    measure: str
    prior_value: float
    current_value: float
    percent: float | None
    band_percent: float | None
    reason: str = ""
    parts: Mapping[str, float] = field(default_factory=dict)


def growth(found: Registration) -> float:
    """Area, or volume, of the earlier study for one of the later one."""
    return abs(float(np.linalg.det(found.matrix[:-1, :-1])))


@dataclass(frozen=True, eq=False)
class Judge:
    """From sizes and their scatter to what became of each lesion."""

    prior: Exam
    current: Exam
    limits: Limits
    found: Registration
    ways: float

    @property
    def measure(self) -> str:
        return measure_of(self.prior, self.current)

    def units(self) -> tuple[float, float]:
        """What one pixel of each study is worth in the measure."""
        if self.measure == AREA_PX:
            return 1.0 / growth(self.found), 1.0
        return tuple(  # type: ignore[return-value]
            float(np.prod(spacing_mm(exam.series.volume.affine)[1:]))
            if self.measure == AREA_MM2
            else voxel_ml(exam.series.volume.affine)
            for exam in (self.prior, self.current)
        )

    def change(
        self,
        m: Match,
        before: np.ndarray,
        now: np.ndarray,
        zones: tuple[np.ndarray, np.ndarray],
    ) -> Change:
        """One match judged; `before` and `now` are (readings, thresholds) pixels."""
        sizes = [
            [exam.sizes()[number] for number in numbers]
            for exam, numbers in ((self.prior, m.prior), (self.current, m.current))
        ]
        units = self.units()
        one, other = (
            sum(size.pixels for size in side) * unit
            for side, unit in zip(sizes, units, strict=True)
        )
        against = self._unfair(m, sizes, zones)
        if against:
            return Change(m.prior, m.current, NOT_COMPARABLE, self.measure, one, other, None, None,
                          against)  # fmt: skip
        if not m.prior or not m.current:
            return self._one_sided(m, one, other, before, now)
        return self._held(m.prior, m.current, one, other, before, now, sizes)

    def _held(
        self,
        prior: tuple[int, ...],
        current: tuple[int, ...],
        one: float,
        other: float,
        before: np.ndarray,
        now: np.ndarray,
        sizes: list[list[Size]],
    ) -> Change:
        """A change held against its band."""
        both = zip((self.prior, self.current), sizes, strict=True)
        parts = {
            "change": float(np.log(other / one)),
            "repeatability": repeatability(before, now, self.limits.quantile),
            "registration": self.ways if self.measure == AREA_PX else 0.0,
            "coarseness": max(coarseness(exam, side) for exam, side in both),
        }
        half = self.limits.of(self.prior.flat).half_width(**parts)
        percent, band = map(float, in_percent(parts["change"], half))
        verdict = WITHIN if abs(percent) <= band else LARGER if percent > 0 else SMALLER
        return Change(prior, current, verdict, self.measure, one, other, percent, band, parts=parts)

    def _one_sided(
        self, m: Match, one: float, other: float, before: np.ndarray, now: np.ndarray
    ) -> Change:
        """New or gone, where repeated readings agree that it is there, and that it is not."""
        shows, lacks = (now, before) if m.current else (before, now)
        exam = self.current if m.current else self.prior
        own = [exam.sizes()[number] for number in (m.current or m.prior)]
        seen, unseen = float((shows > 0).mean()), float((lacks <= 0).mean())
        reason = ""
        if self.prior.doubtful or self.current.doubtful:
            reason = "one of the two readings is uncertain as a whole"
        elif not exam.flat and all(s.slices[1] - s.slices[0] < 2 for s in own):
            reason = "it shows on one slice only"
        elif seen < _SURE:
            reason = f"only {seen:.0%} of the repeated readings show it"
        elif unseen < _SURE:
            reason = f"{1 - unseen:.0%} of the repeated readings of the other study show it too"
        percent = None if m.current else -100.0
        half = self.limits.of(exam.flat).half_width(
            0.0, spread(shows, self.limits.quantile), 0.0, coarseness(exam, own)
        )
        band = 100.0 * float(np.expm1(half)) if half < WIDEST else None
        word = WITHIN if reason else NEW if m.current else GONE
        return Change(m.prior, m.current, word, self.measure, one, other, percent, band, reason)

    def _unfair(
        self, m: Match, sizes: list[list[Size]], zones: tuple[np.ndarray, np.ndarray]
    ) -> str:
        """Why this lesion cannot be compared; empty when it can."""
        for name, side in (("earlier", sizes[0]), ("later", sizes[1])):
            if any(size.cut for size in side):
                return f"it reaches the edge of what the {name} study shows"
        if m.prior and m.current:
            return ""
        shown, hidden = (1, 0) if m.current else (0, 1)
        units, there = self.units(), zones[hidden]
        expected = np.count_nonzero(zones[shown]) * units[shown]
        if np.count_nonzero(there) * units[hidden] < _INSIDE * expected:
            return "its place lies outside the other study"
        return ""

    def total(
        self, matches: list[Match], changes: tuple[Change, ...], values: list[np.ndarray]
    ) -> Change | None:
        """All lesions together that can be compared, where both studies have some."""
        chosen = [n for n, c in enumerate(changes) if c.verdict != NOT_COMPARABLE]
        one = sum(changes[n].prior_value for n in chosen)
        other = sum(changes[n].current_value for n in chosen)
        if not one or not other:
            return None
        every = [
            [exam.sizes()[k] for n in chosen for k in numbers(matches[n])]
            for exam, numbers in (
                (self.prior, lambda m: m.prior),
                (self.current, lambda m: m.current),
            )
        ]
        sums = [side[:, :, chosen].sum(2) for side in values]
        ids = [tuple(k for n in chosen for k in side(matches[n])) for side in _SIDES]
        return self._held(*ids, one, other, *sums, every)


_SIDES = (lambda m: m.prior, lambda m: m.current)


def coarseness(exam: Exam, sizes: list[Size]) -> float:
    """The step at which an outline is known, as a share of the diameter of all lesions together."""
    pixels = sum(size.pixels for size in sizes)
    if exam.flat:
        step = float(np.sqrt(np.prod(exam.labels.shape[1:]))) / _OUTLINE
        return step / (2.0 * np.sqrt(pixels / np.pi))
    affine = exam.series.volume.affine
    voxel = abs(np.linalg.det(affine[:3, :3]))
    return spacing_mm(affine)[0] / (2.0 * float((pixels * voxel * 0.75 / np.pi) ** (1 / 3)))


def overall(changes: tuple[Change, ...]) -> tuple[str, tuple[str, ...]]:
    """One word for a comparison: what is worst counts.

    Something new, then something larger, then something smaller; ``gone`` when nothing is left.
    Where none of these is, and what cannot be compared is a good part of all, neither is the whole.
    """
    words = [change.verdict for change in changes]
    reasons = tuple(dict.fromkeys(c.reason for c in changes if c.verdict == NOT_COMPARABLE))
    if words and all(word == GONE for word in words):
        return GONE, ()
    for word in (NEW, LARGER, SMALLER):
        if word in words:
            return word, ()
    if GONE in words:
        return SMALLER, ()
    lost, every = (
        sum(max(c.prior_value, c.current_value) for c in some)
        for some in ([c for c in changes if c.verdict == NOT_COMPARABLE], changes)
    )
    if lost > _MUCH * every:
        return NOT_COMPARABLE, reasons
    return WITHIN, reasons if words else ("no lesion was outlined in either study",)
