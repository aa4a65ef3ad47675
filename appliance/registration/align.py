"""From two heads to one transform: starts, information, edges, and affine only where it helps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from appliance.core.transforms import parts
from appliance.registration import globally, starts
from appliance.registration.images import Head
from appliance.registration.likeness import likeness
from appliance.registration.polish import Match, polish
from appliance.registration.refine import AFFINE, RIGID, SIMILARITY, refine
from appliance.registration.starts import Start

_AFFINE_GAIN, _AFFINE_GAIN_MM = 1.03, 1.5
"""Gain in score that an affine transform must bring; more where millimetres are known."""
_AFFINE_STRETCH = 1.15
_STARTS, _KEPT, _SURE = 14, 6, 3
_PROMISING = 0.85
"""Starts with this share of the best one's score are taken further; the first few anyway."""
ROUGH, SHARP, FINE = 0.8, 0.8, 1.2
"""Scales of the edges on the coarse, medium and fine grids, in grid points."""

Step = Callable[[float], None]
"""Takes the share of the work that is done; raises to stop it."""


@dataclass(frozen=True, eq=False)
class Alignment:
    """A transform and what else was found on the way.

    Attributes
    ----------
    matrix : (n + 1, n + 1) float64
        World of FIXED to world of MOVING, in the order of the grids' axes.
    score : float
        `Match.score` for pictures, `likeness` for volumes.
    model : str
        ``rigid``, ``similarity`` or ``affine``.
    rivals : tuple of Start
        The best transforms of all starts on a medium grid, clearly different ones, best first.
    """

    matrix: np.ndarray
    score: float
    model: str
    rivals: tuple[Start, ...]


def align_pictures(fixed: Head, moving: Head, step: Step) -> Alignment:
    """Similarity, or affine, between two pictures."""
    coarse, medium = ([h.shrunk(f) for h in (fixed, moving)] for f in (4, 2))
    found = globally.of_pictures(*coarse, _STARTS)
    step(0.2)
    rough = Match(*coarse, sigma=ROUGH)
    reached = [_polished(rough, start, 0.1, 2, 0.2) for start in found]
    step(0.4)
    middle = Match(*medium, sigma=SHARP)
    kept = starts.distinct(fixed, reached, _KEPT)
    least = _PROMISING * kept[0].score
    kept = [start for place, start in enumerate(kept) if place < _SURE or start.score >= least]
    rivals = starts.distinct(fixed, [_polished(middle, s, 0.05, 2, 0.05) for s in kept], _KEPT)
    step(0.6)
    last = Match(fixed, moving, sigma=FINE)
    matrix, score = polish(last, rivals[0].matrix, 0.01, 1)
    freer = refine(*medium, matrix, AFFINE, 40)
    best = Alignment(matrix, score, SIMILARITY, tuple(rivals))
    return _chosen(best, freer, last.score, _AFFINE_GAIN)


def _polished(match: Match, start: Start, reach: float, rounds: int, close: float) -> Start:
    matrix, score = polish(match, start.matrix, reach, rounds, close)
    ratio = match.moving.size / match.fixed.size
    return Start(matrix, starts.plausible(matrix, ratio) * score)


def align_volumes(fixed: Head, moving: Head, step: Step, threads: int = 2) -> Alignment:
    """Rigid, or affine, between two volumes: millimetres are known, so sizes are."""
    coarse, medium = ([h.shrunk(f) for h in (fixed, moving)] for f in (4, 2))

    def watch(share: float) -> Callable[[], None]:
        return lambda: step(share)

    reached = []
    for number, start in enumerate(starts.of_volumes(*coarse)):
        share = 0.1 + 0.05 * number
        matrix = refine(*coarse, start.matrix, RIGID, 60, watch(share), threads)
        matrix = refine(*medium, matrix, RIGID, 40, watch(share), threads)
        reached.append(Start(matrix, likeness(*medium, matrix)))
    rivals = starts.distinct(fixed, reached, 3)
    matrix = refine(fixed, moving, rivals[0].matrix, RIGID, 40, watch(0.3), threads)
    freer = refine(*medium, matrix, AFFINE, 40, watch(0.6), threads)
    best = Alignment(matrix, likeness(fixed, moving, matrix), RIGID, tuple(rivals))
    return _chosen(best, freer, lambda m: likeness(fixed, moving, m), _AFFINE_GAIN_MM)


def _chosen(
    best: Alignment, freer: np.ndarray, score: Callable[[np.ndarray], float], gain: float
) -> Alignment:
    """The affine transform where it is clearly better and plausible, else the stiffer one."""
    value = score(freer)
    if value > gain * best.score and parts(freer)["stretch"] < _AFFINE_STRETCH:
        return Alignment(freer, value, AFFINE, best.rivals)
    return best
