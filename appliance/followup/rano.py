"""Sums of products of perpendicular diameters and the percentages the RANO criteria name.

Arithmetic only. A RANO category also needs the clinical state, steroid dose, other sequences and a
confirming examination, none of which is known here; nothing here says how somebody fares.

References
----------
Wen et al., "Updated response assessment criteria for high-grade gliomas", J Clin Oncol 2010: sum
of the products of perpendicular diameters; measurable from 10 mm in both; 50 % less than at first,
25 % more than the smallest. Wen et al., "RANO 2.0: update to the response assessment in
neuro-oncology criteria for high- and low-grade gliomas in adults", J Clin Oncol 2023: the same two
percentages.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from appliance.followup.exam import Exam

MEASURABLE_MM = 10.0
LESS, MORE, BETWEEN, NONE_LEFT = "50_percent_less", "25_percent_more", "between", "none_left"
ONLY = (
    "Arithmetic on the measured diameters only: not a RANO assessment, which also needs the "
    "clinical state, steroids, other sequences and confirmation."
)


@dataclass(frozen=True)
class Sum:
    """The sum of products of one study, and how it stands to the earlier ones.

    Attributes
    ----------
    value : float
        mm2, or px2 where a study has no geometry.
    since_first, since_smallest : float or None
        Change in per cent; None for the first study, and where there was nothing before.
    category : str or None
        ``50_percent_less`` than at first, ``25_percent_more`` than the smallest before,
        ``between``, or ``none_left``; None for the first study.
    """

    value: float
    lesions: int
    since_first: float | None = None
    since_smallest: float | None = None
    category: str | None = None

    def to_json(self) -> dict[str, Any]:
        return {
            "sum_of_products": round(self.value, 1),
            "lesions": self.lesions,
            "since_first_percent": _rounded(self.since_first),
            "since_smallest_percent": _rounded(self.since_smallest),
            "category": self.category,
        }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 1)


def product_sum(exam: Exam, scale: float = 1.0, without: Collection[int] = ()) -> tuple[float, int]:
    """Sum of products of the diameters of a study's lesions, and how many went into it.

    With geometry only lesions of 10 mm or more in both diameters count, in stacks those on two
    slices or more.

    Parameters
    ----------
    scale : float
        Multiplies the sum: brings pixels of one picture to those of another.
    without : collection of int
        Lesions that are left out.
    """
    chosen = [
        size.diameters[0] * size.diameters[1]
        for number, size in exam.sizes().items()
        if number not in without
        and (size.unit == "px" or min(size.diameters) >= MEASURABLE_MM)
        and (exam.flat or size.slices[1] - size.slices[0] > 1)
    ]
    return scale * sum(chosen), len(chosen)


def course(sums: Sequence[tuple[float, int]]) -> list[Sum]:
    """Each study's sum held against the first and the smallest before it.

    Examples
    --------
    >>> [found.category for found in course([(400.0, 1), (180.0, 1), (240.0, 1), (0.0, 0)])]
    [None, '50_percent_less', '25_percent_more', 'none_left']
    """
    found: list[Sum] = []
    for number, (value, lesions) in enumerate(sums):
        if not number:
            found.append(Sum(value, lesions))
            continue
        first, smallest = sums[0][0], min(v for v, _ in sums[:number])
        since_first = 100.0 * (value / first - 1.0) if first else None
        since_smallest = 100.0 * (value / smallest - 1.0) if smallest else None
        category = BETWEEN
        if not value:
            category = NONE_LEFT
        elif since_smallest is None or since_smallest >= 25.0:
            category = MORE
        elif since_first is not None and since_first <= -50.0:
            category = LESS
        found.append(Sum(value, lesions, since_first, since_smallest, category))
    return found
