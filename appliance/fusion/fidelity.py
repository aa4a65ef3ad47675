"""Visual information fidelity: how much of what an eye could tell from a picture is still there."""

from __future__ import annotations

import cv2
import numpy as np

_NOISE = 2.0
_SCALES = 4
_TINY = 1e-10


def visual_fidelity(source: np.ndarray, picture: np.ndarray) -> float:
    """VIF in the pixel domain: 1 for the same picture, above 1 where contrast grew.

    Parameters
    ----------
    source, picture : (rows, columns) float, 0 to 255

    References
    ----------
    Sheikh, Bovik, "Image information and visual quality", IEEE Trans. Image Processing 2006
    (multi-scale, Gaussian windows, noise variance 2).
    """
    a, b = source.astype(np.float64), picture.astype(np.float64)
    kept = there = 0.0
    for scale in range(1, _SCALES + 1):
        width = 2 ** (_SCALES - scale + 1) + 1
        if scale > 1:
            a, b = (cv2.GaussianBlur(p, (width, width), width / 5.0)[::2, ::2] for p in (a, b))
        if min(a.shape) < width:
            break
        more = _information(a, b, width)
        kept, there = kept + more[0], there + more[1]
    return kept / there if there > 0 else 1.0


def _information(a: np.ndarray, b: np.ndarray, width: int) -> tuple[float, float]:
    """What the picture and what the source itself tell of the source, on one scale."""

    def mean(values: np.ndarray) -> np.ndarray:
        return cv2.GaussianBlur(values, (width, width), width / 5.0)

    mean_a, mean_b = mean(a), mean(b)
    var_a = np.maximum(mean(a * a) - mean_a**2, 0.0)
    var_b = np.maximum(mean(b * b) - mean_b**2, 0.0)
    both = mean(a * b) - mean_a * mean_b
    gain = both / (var_a + _TINY)
    lost = var_b - gain * both
    gain = np.where(var_a < _TINY, 0.0, gain)
    lost = np.where(var_a < _TINY, var_b, lost)
    lost = np.where(gain < 0, var_b, lost)
    gain = np.maximum(gain, 0.0)
    lost = np.maximum(lost, _TINY)
    kept = np.log2(1.0 + gain**2 * var_a / (lost + _NOISE)).sum()
    return float(kept), float(np.log2(1.0 + var_a / _NOISE).sum())
