"""Where refinement starts: which transforms are distinct, and the starts of two volumes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from appliance.core.transforms import about, corners, parts, rotation, target_errors
from appliance.registration.images import Head
from appliance.registration.likeness import likeness

_TURN_DEG, _LOG_SIZE, _LEAST = 60.0, 0.2, 0.8
"""Where turns and sizes begin to be unlikely, and what the score of the least likely counts."""
_APART = 0.06
"""Two starts are distinct when the head's corners lie this share of its size apart."""


@dataclass(frozen=True, eq=False)
class Start:
    """A transform and how good it looks."""

    matrix: np.ndarray
    score: float


def plausible(matrix: np.ndarray, ratio: float) -> float:
    """What the score of a transform of pictures counts, 0.64 to 1.

    Pictures are mostly upright, and either drawn to the same scale or filled by the head alike.

    Parameters
    ----------
    ratio : float
        Size of the moving head over that of the fixed one.
    """
    shape = parts(matrix)
    away = min(abs(np.log(shape["scale"])), abs(np.log(shape["scale"] / ratio)))
    factors = (np.exp(-0.5 * (shape["rotation_deg"] / _TURN_DEG) ** 2),)
    factors += (np.exp(-0.5 * (away / _LOG_SIZE) ** 2),)
    return float(np.prod(np.maximum(factors, _LEAST)))


def of_volumes(fixed: Head, moving: Head, keep: int = 3) -> list[Start]:
    """The best distinct starts of two volumes: as the headers say, and heads laid over each other.

    Patient axes are known, so only moderate turns are tried, about each axis.
    """
    shift = moving.centre - fixed.centre
    turns = [np.eye(3)]
    turns += [rotation(d, axis) for axis in np.eye(3) for d in (-24, -12, 12, 24)]
    top = np.array([moving.box[1][0] - fixed.box[1][0] - shift[0], 0.0, 0.0])
    matrices = [about(fixed.centre, t, s) for t in turns for s in (shift, shift + top)]
    matrices += [about(fixed.centre, turn, np.zeros(3)) for turn in turns]
    found = [Start(m, likeness(fixed, moving, m)) for m in matrices]
    return distinct(fixed, found, keep)


def distinct(fixed: Head, found: list[Start], keep: int) -> list[Start]:
    """The best of those that take the head's corners to clearly different places."""
    points, apart = corners(*fixed.box), _APART * fixed.size
    kept: list[Start] = []
    for start in sorted(found, key=lambda s: -s.score):
        gaps = (target_errors(start.matrix, other.matrix, points).mean() for other in kept)
        if all(gap > apart for gap in gaps):
            kept.append(start)
        if len(kept) == keep:
            break
    return kept
