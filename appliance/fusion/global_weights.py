"""Fusion by one pair of weights for all pixels: equal shares, and principal components."""

from __future__ import annotations

import numpy as np


def weighted(fixed: np.ndarray, moved: np.ndarray) -> np.ndarray:
    """The mean of both, the yardstick of the field.

    >>> weighted(np.zeros((2, 2)), np.ones((2, 2))).tolist()
    [[0.5, 0.5], [0.5, 0.5]]
    """
    return 0.5 * (fixed + moved)


def principal_weights(fixed: np.ndarray, moved: np.ndarray) -> tuple[float, float]:
    """Weights that add to 1, from the first principal component of the grey values.

    The image that varies more weighs more; pictures that run against each other, where a component
    has mixed signs, count by its absolute values.

    Parameters
    ----------
    fixed, moved : same shape, float, any number of axes

    References
    ----------
    Naidu, Raol, "Pixel-level image fusion using wavelets and principal component analysis",
    Defence Science Journal 2008.

    Examples
    --------
    >>> ramp = np.linspace(0, 1, 9)
    >>> [round(w, 6) for w in principal_weights(ramp, ramp / 3)]
    [0.75, 0.25]
    """
    _, vectors = np.linalg.eigh(np.cov(np.stack([fixed.ravel(), moved.ravel()])))
    first = np.abs(vectors[:, -1])
    total = float(first.sum())
    return float(first[0]) / total, float(first[1]) / total


def principal(fixed: np.ndarray, moved: np.ndarray) -> np.ndarray:
    """Both, weighted by `principal_weights`."""
    one, other = principal_weights(fixed, moved)
    return one * fixed + other * moved
