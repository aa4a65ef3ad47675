"""Self-similarity about each pixel: which neighbours are alike is the same in every modality.

References
----------
Heinrich, Jenkinson, Papiez, Brady, Schnabel, "Towards realtime multimodal fusion for image-guided
interventions using self-similarities", MICCAI 2013 (MIND-SSC), here in the plane.
"""

from __future__ import annotations

from itertools import combinations

import cv2
import numpy as np

_PATCH, _SMOOTH = 0.8, 0.5
"""Scales of a patch, and of what is smoothed before, in grid points."""
_NOISE = np.float32(1e-3)
"""Squared difference of patches below which they are alike."""
_AROUND = ((1, 0), (-1, 0), (0, 1), (0, -1))


def descriptors(values: np.ndarray) -> np.ndarray:
    """How alike each two of a pixel's four neighbours are.

    Parameters
    ----------
    values : (rows, columns) float32
        0 to 1.

    Returns
    -------
    (6, rows, columns) float32
        1 for the two that are most alike, towards 0 for the others.

    Examples
    --------
    >>> bool((descriptors(np.zeros((8, 8), np.float32)) == 1.0).all())
    True
    """
    padded = cv2.copyMakeBorder(_blurred(values, _SMOOTH), 1, 1, 1, 1, cv2.BORDER_REPLICATE)
    rows, columns = values.shape
    beside = [padded[1 + r : 1 + r + rows, 1 + c : 1 + c + columns] for r, c in _AROUND]
    distance = np.stack([_blurred((a - b) ** 2, _PATCH) for a, b in combinations(beside, 2)])
    return np.exp((distance.min(0) - distance) / (distance.mean(0) + _NOISE))


def agreement(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """1 less the mean difference of two sets of descriptors, (rows, columns) float32."""
    return 1.0 - np.abs(one - other).mean(0)


class Descriptors:
    """The fixed picture's descriptors, computed once."""

    def __init__(self, values: np.ndarray) -> None:
        """Take a picture (rows, columns) float32, 0 to 1."""
        self._own = descriptors(values)

    def agreement(self, values: np.ndarray, where: np.ndarray) -> float:
        """Mean agreement, 0 to 1, over ``where`` (rows, columns) bool."""
        return float(agreement(self._own, descriptors(values))[where].mean())


def _blurred(values: np.ndarray, sigma: float) -> np.ndarray:
    return cv2.GaussianBlur(values, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)
