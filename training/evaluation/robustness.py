"""How the figures fall when pictures get worse: each disturbance at several strengths.

A picture is disturbed as a file a user might send, encoded, and read like any other; the truth
moves with it where the disturbance moves pixels.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from appliance.core.errors import BadRequest
from appliance.core.types import LABELS
from appliance.pipeline import Analyzer
from appliance.registry import Package
from optimize.build import analyzer_of
from optimize.cases import Case
from optimize.evaluate import judge, report_of
from optimize.figures import figures
from optimize.kept import code_digest, kept_file, kept_rows
from training.evaluation.plan import Judged

Pair = tuple[np.ndarray, np.ndarray]
"""Picture, (rows, columns) uint8, and truth, (rows, columns) bool."""

PER_GROUP = 2
SEED = 11


def _noise(pair: Pair, strength: float, rng: np.random.Generator) -> Pair:
    """Rician noise; strength is sigma as a share of the picture's 99th percentile."""
    picture, truth = pair
    sigma = strength * max(float(np.percentile(picture, 99)), 1.0)
    real = picture + rng.normal(0, sigma, picture.shape)
    imaginary = rng.normal(0, sigma, picture.shape)
    return _grey(np.hypot(real, imaginary)), truth


def _blur(pair: Pair, strength: float, rng: np.random.Generator) -> Pair:
    """Gaussian blur; strength is sigma in pixels of a 512-pixel picture."""
    sigma = strength * max(pair[0].shape) / 512
    return cv2.GaussianBlur(pair[0], (0, 0), sigma), pair[1]


def _rotation(pair: Pair, strength: float, rng: np.random.Generator) -> Pair:
    """Rotation by so many degrees, to a side drawn by chance."""
    rows, columns = pair[0].shape
    angle = strength * rng.choice((-1.0, 1.0))
    matrix = cv2.getRotationMatrix2D(((columns - 1) / 2, (rows - 1) / 2), angle, 1.0)
    turned = cv2.warpAffine(pair[0], matrix, (columns, rows), flags=cv2.INTER_LINEAR)
    mask = cv2.warpAffine(
        pair[1].astype(np.uint8), matrix, (columns, rows), flags=cv2.INTER_NEAREST
    )
    return turned, mask > 0


def _gamma(pair: Pair, strength: float, rng: np.random.Generator) -> Pair:
    """Intensities to this power, between the picture's own ends."""
    top = max(float(pair[0].max()), 1.0)
    return _grey(np.power(pair[0] / top, strength) * top), pair[1]


def _contrast(pair: Pair, strength: float, rng: np.random.Generator) -> Pair:
    """Intensities pulled towards the head's mean; strength is the share of contrast left."""
    picture = pair[0].astype(float)
    head = picture > 0.1 * max(float(np.percentile(picture, 99)), 1.0)
    middle = float(picture[head].mean()) if head.any() else 0.0
    return _grey(np.where(head, middle + strength * (picture - middle), picture)), pair[1]


def _crop(pair: Pair, strength: float, rng: np.random.Generator) -> Pair:
    """The head's box cut by this share at one side, drawn by chance."""
    picture, truth = pair
    inside = picture > 0.12 * max(float(np.percentile(picture, 99)), 1.0)
    rows, columns = np.flatnonzero(inside.any(1)), np.flatnonzero(inside.any(0))
    if not len(rows):
        return pair
    top, bottom, left, right = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
    side = int(rng.integers(4))
    down, across = int(strength * (bottom - top)), int(strength * (right - left))
    top, bottom = top + down * (side == 0), bottom - down * (side == 1)
    left, right = left + across * (side == 2), right - across * (side == 3)
    cut = slice(top, bottom), slice(left, right)
    return np.ascontiguousarray(picture[cut]), np.ascontiguousarray(truth[cut])


def _down_sampling(pair: Pair, strength: float, rng: np.random.Generator) -> Pair:
    """The picture this many times smaller, kept so small."""
    rows, columns = (max(16, round(n / strength)) for n in pair[0].shape)
    small = cv2.resize(pair[0], (columns, rows), interpolation=cv2.INTER_AREA)
    mask = cv2.resize(pair[1].astype(np.uint8), (columns, rows), interpolation=cv2.INTER_NEAREST)
    return small, mask > 0


def _jpeg(pair: Pair, strength: float, rng: np.random.Generator) -> Pair:
    """JPEG at this quality."""
    coded = cv2.imencode(".jpg", pair[0], [cv2.IMWRITE_JPEG_QUALITY, int(strength)])[1]
    return cv2.imdecode(coded, cv2.IMREAD_GRAYSCALE), pair[1]


def _grey(values: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


@dataclass(frozen=True)
class Disturbance:
    """A kind of harm and its strengths, from mild to strong."""

    name: str
    unit: str
    strengths: tuple[float, ...]
    apply: Callable[[Pair, float, np.random.Generator], Pair]


DISTURBANCES = (
    Disturbance("noise", "sigma, share of the 99th percentile", (0.02, 0.05, 0.1, 0.2), _noise),
    Disturbance("blur", "sigma, px of 512", (1.0, 2.0, 3.0, 5.0), _blur),
    Disturbance("rotation", "degrees", (5.0, 10.0, 20.0, 45.0), _rotation),
    Disturbance("gamma", "exponent", (0.5, 0.75, 1.5, 2.0), _gamma),
    Disturbance("contrast", "share left", (0.8, 0.6, 0.4, 0.2), _contrast),
    Disturbance("crop", "share of the head cut at one side", (0.05, 0.1, 0.2, 0.3), _crop),
    Disturbance("down-sampling", "times smaller", (1.5, 2.0, 4.0, 8.0), _down_sampling),
    Disturbance("jpeg", "quality", (60.0, 40.0, 20.0, 10.0), _jpeg),
)
PLAIN = Disturbance("none", "", (0.0,), lambda pair, strength, rng: pair)


def chosen(cases: Sequence[Case], per_class: int, seed: int = SEED) -> list[int]:
    """Indices of a subset: groups drawn by chance, at most `PER_GROUP` slices of each.

    Parameters
    ----------
    per_class : int
        Slices wanted of each class; fewer where the groups do not give them.
    """
    rng = np.random.default_rng(seed)
    picked: list[int] = []
    for label in LABELS:
        own = [i for i, case in enumerate(cases) if case.label == label]
        groups: dict[str, list[int]] = {}
        for i in own:
            groups.setdefault(cases[i].group, []).append(i)
        names = sorted(groups)
        found: list[int] = []
        for at in rng.permutation(len(names)):
            members = groups[names[at]]
            found += sorted(rng.permutation(members)[:PER_GROUP].tolist())
            if len(found) >= per_class:
                break
        picked += found[:per_class]
    return sorted(picked)


def disturbed_row(
    analyzer: Analyzer, case: Case, kind: Disturbance, strength: float
) -> dict[str, Any]:
    """One case, disturbed, encoded and scored. The chance in it depends on the case alone."""
    picture = case.picture()
    if picture.dtype != np.uint8:
        scale = 255.0 / max(float(picture.max()), 1.0)
        picture = _grey(picture * scale)
    rng = np.random.default_rng([SEED, *case.image.name.encode()])
    picture, truth = kind.apply((picture, case.truth()), strength, rng)
    data = cv2.imencode(".png", picture)[1].tobytes()
    return {
        "image": case.image.name,
        "group": case.group,
        "truth": case.label,
        "truth_px": int(truth.sum()),
        **judge(report_of(analyzer, data, "disturbed.png"), truth),
    }


_SHOWN = (
    "accuracy",
    "types",
    "sensitivity",
    "specificity",
    "dice",
    "refused",
    "uncertain",
    "false_mask_rate",
)


def _rows(
    package: Package, cases: Sequence[Case], folder, name: str, kind: Disturbance, strength: float
) -> list[dict[str, Any]]:
    path = kept_file(
        folder,
        f"robust-{name}-{kind.name}-{strength:g}",
        "jsonl",
        package.sha256,
        [case.image.name for case in cases],
        code_digest("optimize.evaluate", alone=("training.evaluation.robustness",)),
    )
    analyzer = analyzer_of(package)
    what = f"{kind.name} {strength:g}, {name}"
    return kept_rows(path, cases, lambda case: disturbed_row(analyzer, case, kind, strength), what)


def share_of(folds: int, slices: int) -> int:
    """Slices of each class and fold; 0 for none at all.

    Raises
    ------
    BadRequest
        When there are too few to go round.
    """
    least = folds * len(LABELS)
    if slices < 0 or 0 < slices < least:
        raise BadRequest(f"expected --robustness 0, or {least} and more; found {slices}")
    return slices // least


def robustness(judged: Sequence[Judged], slices: int, resamples: int) -> dict[str, Any] | None:
    """Figures over strength for every disturbance, on a subset; None for no slices.

    Parameters
    ----------
    slices : int
        Wanted over all classes and folds; each fold's network reads its own share.

    Returns
    -------
    dict
        ``slices``, ``groups``, ``by_class``; ``plain``; ``disturbances``: for each its unit and a
        point for each strength.
    """
    share = share_of(len(judged), slices)
    if share == 0:
        return None
    parts = [(j, [j.cases[i] for i in chosen(j.cases, share)]) for j in judged]
    cases = [case for _, own in parts for case in own]

    def point(kind: Disturbance, strength: float) -> dict[str, Any]:
        rows = [
            row
            for j, own in parts
            for row in _rows(j.package, own, j.part.run.folder / "kept", j.name, kind, strength)
        ]
        found = figures(rows, resamples)
        return {"strength": strength, **{name: found[name] for name in _SHOWN}}

    return {
        "slices": len(cases),
        "groups": len({case.group for case in cases}),
        "by_class": {k: sum(case.label == k for case in cases) for k in LABELS},
        "plain": point(PLAIN, 0.0),
        "disturbances": [
            {
                "name": kind.name,
                "unit": kind.unit,
                "points": [point(kind, strength) for strength in kind.strengths],
            }
            for kind in DISTURBANCES
        ],
    }
