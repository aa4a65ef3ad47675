"""Fusion with guided filters: weights that follow the edges of the pictures themselves."""

from __future__ import annotations

import cv2
import numpy as np

BASE = 31
SALIENCY_RADIUS, SALIENCY_SIGMA = 5, 5.0
COARSE, FINE = (45, 0.3), (7, 1e-6)
"""Radius and regularisation of the filters for base and detail, as published."""


def _mean(picture: np.ndarray, radius: int) -> np.ndarray:
    size = (2 * radius + 1, 2 * radius + 1)
    return cv2.boxFilter(picture, cv2.CV_64F, size, borderType=cv2.BORDER_REFLECT)


def guided_filter(guide: np.ndarray, picture: np.ndarray, radius: int, eps: float) -> np.ndarray:
    """The picture smoothed, with edges where the guide has them.

    Parameters
    ----------
    guide, picture : (rows, columns) float
    eps : float
        Variance of the guide below which it counts as flat.

    References
    ----------
    He, Sun, Tang, "Guided image filtering", IEEE TPAMI 2013.
    """
    guide, picture = guide.astype(np.float64), picture.astype(np.float64)
    mean_guide, mean_picture = _mean(guide, radius), _mean(picture, radius)
    covariance = _mean(guide * picture, radius) - mean_guide * mean_picture
    variance = _mean(guide * guide, radius) - mean_guide**2
    slope = covariance / (np.maximum(variance, 0) + eps)
    offset = mean_picture - slope * mean_guide
    return _mean(slope, radius) * guide + _mean(offset, radius)


def saliency(picture: np.ndarray) -> np.ndarray:
    """How much stands out at each pixel: the Laplacian's size, blurred."""
    size = (2 * SALIENCY_RADIUS + 1,) * 2
    steep = np.abs(cv2.Laplacian(picture.astype(np.float32), cv2.CV_32F, ksize=1))
    return cv2.GaussianBlur(steep, size, SALIENCY_SIGMA, borderType=cv2.BORDER_REFLECT)


def guided(fixed: np.ndarray, moved: np.ndarray) -> np.ndarray:
    """Fused by guided filtering (GFF).

    References
    ----------
    Li, Kang, Hu, "Image fusion with guided filtering", IEEE Trans. Image Processing 2013.
    """
    pictures = [p.astype(np.float64) for p in (fixed, moved)]
    first = saliency(fixed) >= saliency(moved)
    maps = first.astype(np.float64), (~first).astype(np.float64)
    layers = []
    for number in (0, 1):
        radius, eps = (COARSE, FINE)[number]
        weights = [
            np.clip(guided_filter(p, m, radius, eps), 0.0, 1.0)
            for p, m in zip(pictures, maps, strict=True)
        ]
        total = weights[0] + weights[1] + 1e-12
        bases = [_mean(p, BASE // 2) for p in pictures]
        parts = bases if number == 0 else [p - b for p, b in zip(pictures, bases, strict=True)]
        layers.append(sum(w * part for w, part in zip(weights, parts, strict=True)) / total)
    return layers[0] + layers[1]
