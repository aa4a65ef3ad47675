"""The sentence: register, refuse where that failed, fuse, measure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from appliance import burned_in
from appliance.core.types import Series, Volume
from appliance.fusion.images import unit, whole
from appliance.fusion.methods import DEFAULT, find_method, fuse_volumes
from appliance.fusion.metrics import of_volume
from appliance.pair_cover import shown
from appliance.registration.carry import carry
from appliance.registration.register import Registration, register
from appliance.registration.verdict import DOUBTFUL, FAILED

SCHEMA = "neuralscan/fusion/1"
FUSED, REFUSED = "fused", "refused"
CODE = "registration_failed"

Watch = Callable[[float], None]


@dataclass(frozen=True, eq=False)
class Fusion:
    """What came of two series.

    Attributes
    ----------
    verdict : str
        ``fused``, or ``refused`` after a failed registration: then ``volume`` is None.
    reasons, warnings : tuple of str
        Why it was refused; what to mind although it was not.
    volume : Volume or None
        8 or 16 bits, on the grid of FIXED.
    """

    verdict: str
    reasons: tuple[str, ...]
    warnings: tuple[str, ...]
    method: str
    registration: Registration
    volume: Volume | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """JSON of schema ``neuralscan/fusion/1``."""
        return {
            "schema": SCHEMA,
            "verdict": self.verdict,
            "reasons": list(self.reasons),
            "warnings": list(self.warnings),
            "method": self.method,
            "metrics": {name: round(value, 5) for name, value in self.metrics.items()},
            "registration": self.registration.verdict,
        }


def fuse(
    fixed: Series,
    moving: Series,
    method: str = DEFAULT,
    watch: Watch = lambda share: None,
    registration: Registration | None = None,
) -> Fusion:
    """Two series in one, on the grid of FIXED; text found in either is black in it.

    Parameters
    ----------
    watch : callable
        Told the share of the work that is done; what it raises stops the work.
    registration : Registration, optional
        Found before; else the two are registered here.

    Raises
    ------
    BadRequest
        For an unknown method.
    GeometryError
        For a picture with a volume, or a volume without geometry.
    """
    find_method(method)
    if registration is None:
        registration = register(
            fixed, moving, progress=lambda share: watch(0.7 * share), check=lambda: watch(0.0)
        )
    if registration.verdict == FAILED:
        why = "the two images could not be brought together, so they are not laid into one picture"
        reasons = (f"{why}: {'; '.join(registration.reasons) or 'no reason given'}",)
        return Fusion(REFUSED, reasons, (), method, registration)
    seen = shown(fixed), shown(moving)
    one = unit(seen[0].series)
    other = _carried(unit(seen[1].series), one, registration.matrix)
    watch(0.72)
    volume = fuse_volumes(one, other, method, lambda share: watch(0.72 + 0.18 * share))
    metrics = of_volume(one, other, volume)
    watch(0.98)
    bits = 8 if {fixed.volume.array.dtype, moving.volume.array.dtype} == {np.dtype("u1")} else 16
    text = (burned_in.WARNING,) if any(found.text for found in seen) else ()
    warnings = (*_warnings(registration), *text)
    return Fusion(FUSED, (), warnings, method, registration, whole(volume, bits), metrics)


def _carried(moving: Volume, fixed: Volume, matrix: np.ndarray) -> Volume:
    """MOVING on the grid of FIXED; what it does not cover adds nothing, whatever its background."""
    moved = carry(moving, fixed, matrix)
    whole_of_it = moving.with_array(np.ones(moving.shape, np.uint8))
    covered = carry(whole_of_it, fixed, matrix, labels=True).array > 0
    return moved.with_array(np.where(covered, moved.array, np.float32(0.0)))


def _warnings(registration: Registration) -> tuple[str, ...]:
    if registration.verdict != DOUBTFUL:
        return ()
    why = "; ".join(registration.reasons)
    return (f"the registration is doubtful ({why}): compare both images before relying on this",)
