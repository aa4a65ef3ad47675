"""The refusal estimator of one network, fitted on that network's own training slices.

Limits are percentiles of distances and leanings of the training slices, each measured without
its own group: a slice's neighbours are looked for in the other groups only (neighbouring slices
of the same patient would make every distance small), and its leaning comes from a regression
that was fitted without its group. Nothing else is looked at: no validation slice, no slice of
another source.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from tqdm import tqdm

from appliance import runtime  # noqa: F401  isort: skip (oneDAL before OpenVINO)
from appliance.core.errors import ManifestError
from appliance.core.intensity import from_unit, to_unit
from appliance.core.preprocess import Preprocessing
from appliance.core.types import LABELS
from appliance.onedal import (
    OutlierDetector,
    contrast_direction,
    fit_outlier_detector,
    with_limits,
)
from appliance.runtime import Network
from optimize.cases import Case, prepared
from optimize.contrasts import FOREIGN, another_scanner

LIMITS_FROM = "training slices, each measured without its own group"
FEATURES = (24, 176)
"""Part of the embedding that is looked at, unless the draft names another."""
_IMITATED = 900
_PARTS = 4


def without_own_group(
    points: np.ndarray, groups: np.ndarray, neighbours: int, chunk: int = 256
) -> np.ndarray:
    """Mean distance of each point to its nearest points of other groups.

    Parameters
    ----------
    points : (n, components) float32
    groups : (n,) int

    Returns
    -------
    (n,) float32

    Examples
    --------
    >>> line = np.array([[0.0], [0.1], [2.0], [5.0]], np.float32)
    >>> [round(float(d), 2) for d in without_own_group(line, np.array([0, 0, 1, 2]), 1)]
    [2.0, 1.9, 1.9, 3.0]
    """
    squares = (points**2).sum(1)
    found = []
    for start in range(0, len(points), chunk):
        part = points[start : start + chunk]
        gaps = squares[start : start + chunk, None] + squares[None] - 2.0 * part @ points.T
        gaps[groups[start : start + chunk, None] == groups[None]] = np.inf
        nearest = np.partition(gaps, neighbours - 1, axis=1)[:, :neighbours]
        found.append(np.sqrt(np.maximum(nearest, 0)).mean(1))
    return np.concatenate(found).astype(np.float32)


def leanings_without_own_group(
    known: np.ndarray,
    known_groups: np.ndarray,
    foreign: np.ndarray,
    foreign_groups: np.ndarray,
    loose: OutlierDetector,
    features: slice,
    bank: int,
) -> np.ndarray:
    """Leaning of each of the first `bank` slices by a regression fitted without its group, (bank,).

    The groups are dealt into four parts; each part is judged by the regression of the others.
    """
    part_of = {g: i % _PARTS for i, g in enumerate(np.unique(known_groups))}
    known_part = np.array([part_of[g] for g in known_groups])
    foreign_part = np.array([part_of[g] for g in foreign_groups])
    leanings = np.zeros(bank, np.float32)
    for part in np.unique(known_part[:bank]):
        direction = contrast_direction(
            known[known_part != part], foreign[foreign_part != part], features=features
        )
        own = np.flatnonzero(known_part[:bank] == part)
        leanings[own] = (known[own] - loose.mean) @ direction
    return leanings


def _looked_at(features: Sequence[int], width: int) -> slice:
    start, stop = features
    if not 0 <= start < stop <= width:
        raise ManifestError(
            f"outlier_features {start} to {stop} leave the embedding, which has {width} values"
        )
    return slice(start, stop)


def fit_outliers(
    network: Network,
    training: Sequence[Case],
    spec: Preprocessing,
    features: Sequence[int] = FEATURES,
    seed: int = 5,
) -> OutlierDetector:
    """The estimator: training slices, imitated scanners and contrasts, limits as said above.

    Parameters
    ----------
    features : (start, stop)
        Part of the embedding that is looked at; a draft's ``outlier_features``.
    """
    rng = np.random.default_rng(seed)
    units = [to_unit(item.array[..., 0]) for item in prepared(training, spec)]
    names, groups = np.unique([case.group for case in training], return_inverse=True)
    if len(names) < 2:
        raise ManifestError("the refusal estimator needs training slices of several groups")

    def embed(pictures: Iterable[np.ndarray], count: int, what: str) -> np.ndarray:
        arrays = map(from_unit, pictures)
        outputs = network.infer_many(a[None, ..., None].astype(np.float32) for a in arrays)
        bar = tqdm(outputs, total=count, desc=what, disable=None)
        return np.stack([o["embedding"][0] for o in bar])

    some = rng.permutation(len(units))[:_IMITATED]
    thrice = np.tile(some, 3)
    plain = embed(units, len(units), "embeddings")
    scanners = embed((another_scanner(units[i], rng) for i in thrice), len(thrice), "scanners")
    foreign = np.concatenate(
        [
            embed((imitate(units[i], rng) for i in some), len(some), imitate.__name__)
            for imitate in FOREIGN
        ]
    )
    known = np.concatenate([plain, scanners])
    part = _looked_at(features, known.shape[1])
    loose = fit_outlier_detector(known, foreign, features=part, bank=len(plain))
    distances = without_own_group(loose.bank, groups, loose.neighbours)
    leanings = leanings_without_own_group(
        known,
        np.concatenate([groups, groups[thrice]]),
        foreign,
        np.tile(groups[some], len(FOREIGN)),
        loose,
        part,
        len(plain),
    )
    healthy = np.array([case.label == LABELS[-1] for case in training])
    return with_limits(loose, distances, leanings, healthy.astype(int))
