"""Grey values and texture of a region: first-order and co-occurrence features.

References
----------
Zwanenburg et al., The image biomarker standardization initiative (IBSI), Radiology 2020.
Haralick, Shanmugam & Dinstein, Textural features for image classification, IEEE SMC 1973.
"""

from __future__ import annotations

import numpy as np

LEVELS = 16
INTENSITY = (
    "intensity_mean",
    "intensity_spread",  # standard deviation
    "intensity_skewness",
    "intensity_kurtosis",  # excess
    "intensity_tenth_percentile",
    "intensity_median",
    "intensity_ninetieth_percentile",
    "intensity_interquartile_range",
    "intensity_entropy",  # of the grey levels, bits
)
TEXTURE = (
    "texture_contrast",
    "texture_dissimilarity",  # IBSI: difference average
    "texture_homogeneity",  # IBSI: inverse difference moment
    "texture_energy",  # IBSI: angular second moment
    "texture_entropy",  # IBSI: joint entropy, bits
    "texture_correlation",
)
_EPSILON = 1e-6
_ROWS, _COLUMNS = np.mgrid[0:LEVELS, 0:LEVELS].astype(np.float64)
_STEP = np.abs(_ROWS - _COLUMNS)
_STEP2 = _STEP**2
_CLOSE = 1.0 / (1.0 + _STEP2)


def quantiles(ordered: np.ndarray, shares: tuple[float, ...]) -> list[float]:
    """Quantiles of sorted values, the nearest value below; a tenth of ``np.quantile``'s time.

    >>> quantiles(np.arange(11.0), (0.0, 0.5, 1.0))
    [0.0, 5.0, 10.0]
    """
    last = len(ordered) - 1
    return [float(ordered[int(share * last)]) for share in shares]


def levels_of(picture: np.ndarray, low: float, high: float) -> np.ndarray:
    """Grey levels 0 to `LEVELS` - 1 between two values, what is beyond them cut; int32.

    >>> levels_of(np.array([-1.0, 0.0, 0.5, 1.0]), 0.0, 1.0).tolist()
    [0, 0, 8, 15]
    """
    scaled = (picture - low) * (LEVELS / max(high - low, _EPSILON))
    return np.clip(scaled, 0, LEVELS - 1).astype(np.int32)


def bits(share: np.ndarray) -> float:
    """Entropy of shares that sum to 1.

    >>> bits(np.array([0.5, 0.5, 0.0]))
    1.0
    """
    some = share[share > 0]
    return float(-(some * np.log2(some)).sum())


def intensity(ordered: np.ndarray, levels: np.ndarray) -> list[float]:
    """`INTENSITY` of a region.

    Parameters
    ----------
    ordered : (n,) float32
        Its grey values, sorted.
    levels : (n,) int
        Its grey levels.
    """
    mean, spread = float(ordered.mean()), float(ordered.std())
    away = (ordered - mean) / (spread + _EPSILON)
    cubes = away * away * away
    low, quarter, median, three, high = quantiles(ordered, (0.1, 0.25, 0.5, 0.75, 0.9))
    share = np.bincount(levels, minlength=LEVELS) / len(levels)
    return [
        mean,
        spread,
        float(cubes.mean()),
        float((cubes * away).mean()) - 3.0,
        low,
        median,
        high,
        three - quarter,
        bits(share),
    ]


def co_occurrence(levels: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """How often two grey levels are neighbours, in four directions and both orders.

    Parameters
    ----------
    levels : (rows, columns) int, 0 to `LEVELS` - 1
    inside : (rows, columns) bool

    Returns
    -------
    (LEVELS, LEVELS) float64, symmetric, sum 1 (0 where nothing is a neighbour)

    Examples
    --------
    >>> found = co_occurrence(np.array([[0, 1], [0, 1]]), np.ones((2, 2), bool))
    >>> [round(float(found[i, j]), 2) for i, j in ((0, 0), (0, 1), (1, 0), (1, 1))]
    [0.17, 0.33, 0.33, 0.17]
    """
    codes = []
    for here, there in (
        (np.s_[:, :-1], np.s_[:, 1:]),
        (np.s_[:-1], np.s_[1:]),
        (np.s_[:-1, :-1], np.s_[1:, 1:]),
        (np.s_[:-1, 1:], np.s_[1:, :-1]),
    ):
        both = inside[here] & inside[there]
        codes.append((levels[here] * LEVELS + levels[there])[both])
    counts = np.bincount(np.concatenate(codes), minlength=LEVELS * LEVELS)
    counts = counts.reshape(LEVELS, LEVELS).astype(np.float64)
    return (counts + counts.T) / max(2.0 * counts.sum(), 1.0)


def texture(levels: np.ndarray, inside: np.ndarray) -> list[float]:
    """`TEXTURE` of a region, arguments as for `co_occurrence`."""
    share = co_occurrence(levels, inside)
    by_level = share.sum(1)
    away = _ROWS[:, 0] - float((by_level * _ROWS[:, 0]).sum())
    variance = float((by_level * away * away).sum())
    together = float(away @ share @ away)
    return [
        float((share * _STEP2).sum()),
        float((share * _STEP).sum()),
        float((share * _CLOSE).sum()),
        float((share * share).sum()),
        bits(share.ravel()),
        together / variance if variance > _EPSILON else 1.0,
    ]
