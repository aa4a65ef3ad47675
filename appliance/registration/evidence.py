"""What speaks for and against a registration, as numbers without units.

A wrong partner can be laid over a head so well that outlines agree. What then gives it away is the
inside: edges that agree no better than after a small shift, blocks that each want to go elsewhere,
and a mirror image that fits as well.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from scipy import ndimage

from appliance.core.transforms import about, corners, parts, rotation, target_errors
from appliance.registration.align import FINE, SHARP, Alignment
from appliance.registration.edges import carried
from appliance.registration.images import REVERSE, Head
from appliance.registration.likeness import index_transform, resampled
from appliance.registration.opinions import halves
from appliance.registration.polish import Match, polish

NAMES = (
    "edges",
    "information",
    "peak",
    "blocks",
    "mirror",
    "outline",
    "contained",
    "size",
    "stretch",
    "rival",
    "margin",
    "inverse",
    "recovery",
    "halves",
)
DECIDING = ("peak", "blocks", "mirror", "rival", "margin", "recovery", "halves")
"""What the fitted decision takes, in this order: a match held against its own shifted, mirrored or
disturbed self. Levels of edges and information depend on the contrasts: a decision that used them
called every right CT/MR pair failed."""

_SHIFTS = range(-8, 9, 2)
_INNER = 0.12
_CLEARLY = 0.4


def of_pictures(
    fixed: Head,
    moving: Head,
    found: Alignment,
    step: Callable[[float], None],
    own: bool = False,
) -> dict[str, float]:
    """The evidence about two pictures, by `NAMES`.

    ``size``, ``inverse``, ``recovery`` and ``halves`` grow with trouble, the others with success.
    Errors are shares of the head's size. ``recovery`` is how far self-similarity alone leads from
    the transform, out of a known disturbance; the match never saw it, and it finds right pairs
    again from afar. ``halves`` is how far the halves of the head would rather be shifted.

    Parameters
    ----------
    own : bool
        The match's own measures lead back instead: on a volume's coarse grid they tell more.
    """
    fine = Match(fixed, moving, sigma=FINE)
    medium = Match(fixed.shrunk(2), moving.shrunk(2), sigma=SHARP)
    back = Match(moving.shrunk(2), fixed.shrunk(2), sigma=SHARP)
    step(0.75)
    shown = inside(fine, found.matrix)
    shown["mirror"] = _mirror_margin(medium, found.matrix)
    step(0.85)
    shown["margin"] = _margin(medium, found.matrix)
    others = found.rivals[1:]
    shown["rival"] = 1.0 - others[0].score / max(found.rivals[0].score, 1e-6) if others else 1.0
    points, size = corners(*fixed.box), fixed.size
    inverse, _ = polish(back, np.linalg.inv(found.matrix), 0.03, 2)
    shown["inverse"] = _share(np.linalg.inv(inverse), found.matrix, points, size)
    step(0.92)
    worth = medium.score if own else medium.self_similarity
    led = [polish(medium, found.matrix @ k, 0.08, 3, 0.05, worth=worth)[0] for k in _known(fixed)]
    shown["recovery"] = max(_share(matrix, found.matrix, points, size) for matrix in led)
    shown["halves"] = float(np.linalg.norm(halves(medium, found.matrix), axis=-1).mean())
    return {name: round(float(shown[name]), 5) for name in NAMES}


def of_volumes(
    fixed: Head, moving: Head, found: Alignment, step: Callable[[float], None]
) -> dict[str, float]:
    """The evidence about two volumes: that of three slices through the fixed head, averaged."""
    values = resampled(
        moving.values, fixed.values.shape, index_transform(fixed, moving, found.matrix)
    )
    mask = resampled(
        moving.mask.astype(np.float32),
        fixed.values.shape,
        index_transform(fixed, moving, found.matrix),
    )
    middle = np.argwhere(fixed.mask).mean(0).round().astype(int)
    seen = []
    for number, axis in enumerate((0, 1, 2)):
        step(0.7 + 0.1 * number)
        cut = [np.take(a, middle[axis], axis) for a in (fixed.values, fixed.mask)]
        other = [np.take(a, middle[axis], axis) for a in (values, mask >= 0.5)]
        if cut[1].sum() < 100 or other[1].sum() < 100:
            continue
        one, two = Head(*cut, np.eye(3)), Head(*other, np.eye(3))
        slice_found = Alignment(np.eye(3), found.score, found.model, found.rivals)
        alone = of_pictures(one, two, slice_found, lambda share: None, own=True)
        if axis == 2:  # a sagittal slice has no mirror image to be mistaken for
            alone["mirror"] = np.nan
        seen.append(alone)
    if not seen:
        return dict.fromkeys(NAMES, 0.0)
    shown = {name: _mean([s[name] for s in seen]) for name in NAMES}
    sizes = parts(REVERSE @ found.matrix @ REVERSE)
    shown["size"], shown["stretch"] = abs(np.log(sizes["scale"])), sizes["stretch"] - 1.0
    return {name: round(value, 5) for name, value in shown.items()}


def _mean(values: list[float]) -> float:
    """Of the numbers among them; 0 where there is none."""
    known = [value for value in values if not np.isnan(value)]
    return float(np.mean(known)) if known else 0.0


def inside(match: Match, matrix: np.ndarray) -> dict[str, float]:
    """Evidence that needs no further search: edges, information, shifts, blocks, outlines."""
    fixed, moving = match.fixed, match.moving
    shape, index = fixed.values.shape, match.index(matrix)
    mask = resampled(moving.mask.astype(np.float32), shape, index) >= 0.5
    both, sizes = mask & fixed.mask, parts(matrix)
    one, other = match.fields[0], carried(match.fields[1], shape, index)
    peak, blocks = _shifted(one, other, both, fixed.size / fixed.step)
    smaller = max(min(mask.sum(), fixed.mask.sum()), 1)
    return {
        "edges": match.edges(matrix),
        "information": match.information(matrix),
        "peak": peak,
        "blocks": blocks,
        "outline": 2.0 * both.sum() / max(mask.sum() + fixed.mask.sum(), 1),
        "contained": both.sum() / smaller,
        "size": abs(np.log(sizes["scale"] * fixed.size / moving.size)),
        "stretch": sizes["stretch"] - 1.0,
    }


def _shifted(one, other, both: np.ndarray, size: float) -> tuple[float, float]:
    """How clearly the inner edges prefer no shift; the share of blocks that agree."""
    depth = ndimage.distance_transform_edt(both)
    inner = (depth > _INNER * 0.5 * size).astype(np.float32)
    if inner.sum() < 200:
        return 0.0, 0.0
    block = max(int(size / 7), 8)
    scores, places = [], []
    weight = ndimage.uniform_filter(inner, block)
    for row in _SHIFTS:
        for column in _SHIFTS:
            rows, columns = (np.roll(p, (row, column), (0, 1)) for p in (other.rows, other.columns))
            product = inner * (one.rows * rows + one.columns * columns) ** 2
            energy = inner * np.sqrt(one.energy * (rows**2 + columns**2)) + 1e-3
            filtered = ndimage.uniform_filter(product, block)[:: block // 2, :: block // 2]
            scores.append((product.sum() / energy.sum(), filtered))
            places.append(np.hypot(row, column))
    whole = np.array([s for s, _ in scores])
    near = np.array(places) <= 2.0
    peak = float((whole[near].max() - whole.mean()) / (whole.std() + 1e-6))
    local = np.stack([part for _, part in scores])
    weights = weight[:: block // 2, :: block // 2]
    best = np.array(places)[local.argmax(0)]
    weights = np.where(weights > 0.5, local.std(0), 0.0)
    return peak, float((weights * (best <= 3.0)).sum() / max(weights.sum(), 1e-9))


def _mirror_margin(match: Match, matrix: np.ndarray) -> float:
    """How much better the match is than with the moving head mirrored across its long axis."""
    fixed = match.fixed
    index = np.argwhere(fixed.mask) - np.argwhere(fixed.mask).mean(0)
    axes = np.linalg.eigh(np.cov(index.T))[1]
    own = match.score(matrix)
    rivals = []
    for axis in (axes[:, 0], np.array([0.0, 1.0])):
        flip = np.eye(2) - 2.0 * np.outer(axis, axis)
        rivals.append(polish(match, matrix @ about(fixed.centre, flip, np.zeros(2)), 0.05, 2)[1])
    return 1.0 - max(rivals) / max(own, 1e-6)


def _margin(match: Match, matrix: np.ndarray) -> float:
    """How much better the match is than turned, sized or shifted by a tenth of the head."""
    fixed, reach = match.fixed, 0.1 * match.fixed.size
    ways = [(1.0, d, (0, 0)) for d in (-11.0, 11.0)] + [(s, 0.0, (0, 0)) for s in (0.87, 1.15)]
    ways += [(1.0, 0.0, o) for o in ((-reach, 0), (reach, 0), (0, -reach), (0, reach))]
    others = [
        match.score(matrix @ about(fixed.centre, s * rotation(d), np.array(o))) for s, d, o in ways
    ]
    return 1.0 - float(np.mean(others)) / max(match.score(matrix), 1e-6)


def _known(fixed: Head) -> list[np.ndarray]:
    """Two known perturbations: a turn with a shift, each way."""
    reach = 0.04 * fixed.size
    return [
        about(fixed.centre, s * rotation(d), reach * np.array(o))
        for s, d, o in ((1.03, 5.0, (1, -1)), (0.97, -5.0, (-1, 0.5)))
    ]


def _share(one: np.ndarray, other: np.ndarray, points: np.ndarray, size: float) -> float:
    """Mean distance at the corners, as a share of the head's size."""
    return float(target_errors(one, other, points).mean()) / size


def vector(evidence: Mapping[str, float]) -> np.ndarray:
    """The evidence as (len(DECIDING),) float64 in the order of `DECIDING`; long tails drawn in."""
    values = np.array([evidence[name] for name in DECIDING], np.float64)
    for name in ("recovery", "halves"):
        place = DECIDING.index(name)
        values[place] = np.log(values[place] + 0.002)
    place = DECIDING.index("rival")  # no rival at all is no better than a clearly worse one
    values[place] = min(values[place], _CLEARLY)
    return values
