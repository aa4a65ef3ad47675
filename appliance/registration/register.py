"""The sentence: two series in, a transform and a verdict on itself out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np

from appliance.core.errors import ApplianceError, BlankImage, GeometryError
from appliance.core.transforms import parts
from appliance.core.types import Series
from appliance.registration import evidence, images, verdict
from appliance.registration.align import align_pictures, align_volumes
from appliance.registration.images import REVERSE, Head

SCHEMA = "neuralscan/registration/1"
PIXEL, LPS_MM = "pixel", "lps_mm"


@dataclass(frozen=True, eq=False)
class Registration:
    """Where each point of FIXED lies in MOVING, and whether to believe it.

    Attributes
    ----------
    verdict : str
        ``good``, ``doubtful`` or ``failed``.
    space : str
        ``pixel``: ``matrix`` is 3x3 and takes ``(row, column, 1)``; ``lps_mm``: 4x4, LPS mm.
    metrics : dict
        The evidence, the shape of the transform and the probability of being right.
    """

    verdict: str
    reasons: tuple[str, ...]
    space: str
    matrix: np.ndarray
    model: str
    metrics: dict[str, float] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """JSON of schema ``neuralscan/registration/1``."""
        return {
            "schema": SCHEMA,
            "verdict": self.verdict,
            "reasons": list(self.reasons),
            "space": self.space,
            "matrix": [[float(v) for v in row] for row in self.matrix],
            "model": self.model,
            "metrics": self.metrics,
        }


def is_flat(series: Series) -> bool:
    """Whether a series is one picture."""
    return series.volume.shape[0] == 1


def register(
    fixed: Series,
    moving: Series,
    progress: Callable[[float], None] | None = None,
    check: Callable[[], None] | None = None,
    limits: verdict.Limits | None = None,
) -> Registration:
    """Register two pictures, or two volumes with geometry. CT, PET and any MR sequence are welcome.

    Parameters
    ----------
    progress : callable, optional
        Told the share of the work that is done.
    check : callable, optional
        Called often; what it raises stops the work (cancel).

    Raises
    ------
    GeometryError
        For a picture with a volume, or a volume without geometry.
    """
    if is_flat(fixed) != is_flat(moving):
        raise GeometryError(
            "expected two pictures or two volumes, found one of each; choose the slice that belongs"
        )
    flat = is_flat(fixed)

    def step(share: float) -> None:
        if check is not None:
            check()
        if progress is not None:
            progress(share)

    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        heads = [_head(series, flat) for series in (fixed, moving)]
        step(0.05)
        part = verdict.PICTURES if flat else verdict.VOLUMES
        return _registered(*heads, step, limits or verdict.shipped(part))
    except BlankImage as error:
        return _failed(flat, error)
    finally:
        cv2.setNumThreads(threads)


def _head(series: Series, flat: bool) -> Head:
    return images.of_picture(series.volume.array[0]) if flat else images.of_volume(series.volume)


def _registered(
    fixed: Head, moving: Head, step: Callable[[float], None], limits: verdict.Limits
) -> Registration:
    flat = fixed.values.ndim == 2
    align, gather = (
        (align_pictures, evidence.of_pictures) if flat else (align_volumes, evidence.of_volumes)
    )
    found = align(fixed, moving, step)
    shown = gather(fixed, moving, found, step)
    shape = parts(found.matrix)
    word, reasons, probability = verdict.judge(shown, shape, limits)
    matrix = found.matrix if flat else REVERSE @ found.matrix @ REVERSE
    step(1.0)
    metrics = {
        **shown,
        **{f"transform_{name}": round(value, 5) for name, value in shape.items()},
        "probability": round(probability, 5),
    }
    space = PIXEL if flat else LPS_MM
    return Registration(word, tuple(reasons), space, matrix, found.model, metrics)


def _failed(flat: bool, error: ApplianceError) -> Registration:
    """Nothing to compare: the identity, and why."""
    space, size = (PIXEL, 3) if flat else (LPS_MM, 4)
    return Registration(verdict.FAILED, (error.message,), space, np.eye(size), "identity")
