"""Squared correlation in small windows: whether grey values depend on each other linearly nearby.

References
----------
Cachier, Bardinet, Dormont, Pennec, Ayache, "Iconic feature based nonrigid registration: the PASHA
algorithm", Computer Vision and Image Understanding 2003 (local correlation); squared, so that a
negative counts as much.
"""

from __future__ import annotations

import cv2
import numpy as np

_SHARE = 15.0
"""The head's edge holds this many windows."""
_NOISE = 1e-3
"""Variance below which a window is flat."""


class Windows:
    """The fixed picture's local means and variances, computed once."""

    def __init__(self, values: np.ndarray, size: float) -> None:
        """Take a picture (rows, columns) float32, 0 to 1, and its head's edge in grid points."""
        edge = max(3, int(size / _SHARE / 2) * 2 + 1)
        self._values, self._window = values, (edge, edge)
        self._mean = self._averaged(values)
        self._variance = self._averaged(values * values) - self._mean**2

    def _averaged(self, array: np.ndarray) -> np.ndarray:
        return cv2.boxFilter(array, -1, self._window, borderType=cv2.BORDER_REPLICATE)

    def correlation(self, values: np.ndarray, where: np.ndarray) -> float:
        """Mean squared correlation, 0 to 1, of the windows about ``where`` (rows, columns) bool."""
        return float(self.map(values)[where].mean())

    def map(self, values: np.ndarray) -> np.ndarray:
        """Squared correlation, 0 to 1, of the window about each pixel, (rows, columns) float32."""
        mean = self._averaged(values)
        variance = self._averaged(values * values) - mean**2
        together = self._averaged(self._values * values) - self._mean * mean
        noise = np.float32(_NOISE)
        return together**2 / (
            (np.maximum(self._variance, 0) + noise) * (np.maximum(variance, 0) + noise)
        )
