"""The figures by which the field judges fused pictures. Grey values are 0 to 255 throughout.

None of them knows what a radiologist needs, and implementations differ in bins, borders and
scaling: compare figures within one table only.
"""

from __future__ import annotations

from collections.abc import Mapping

import cv2
import numpy as np

from appliance.core.types import Volume
from appliance.fusion.edge_transfer import edge_transfer
from appliance.fusion.fidelity import visual_fidelity

_CONTENT = 0.02
UNITS = {"entropy": "bit", "mutual_information": "bit"}


def entropy(picture: np.ndarray) -> float:
    """Shannon entropy of the grey values in bits, 256 bins.

    >>> entropy(np.arange(256.0).reshape(16, 16)), entropy(np.zeros((4, 4)))
    (8.0, 0.0)
    """
    return _bits(np.bincount(_levels(picture).ravel(), minlength=256))


def mutual_information(one: np.ndarray, other: np.ndarray) -> float:
    """What one picture's grey values say about the other's, bits, 256 by 256 bins.

    References
    ----------
    Qu, Zhang, Yan, "Information measure for performance of image fusion", Electronics Letters
    2002: of a fused picture, the sum over both sources.
    """
    a, b = _levels(one).ravel(), _levels(other).ravel()
    joint = np.bincount(256 * a + b, minlength=256 * 256)
    table = joint.reshape(256, 256)
    return _bits(table.sum(1)) + _bits(table.sum(0)) - _bits(joint)


def spatial_frequency(picture: np.ndarray) -> float:
    """Root mean square of the steps between neighbours, along rows and columns together.

    References
    ----------
    Eskicioglu, Fisher, "Image quality measures and their performance", IEEE Trans. Communications
    1995; Li, Kwok, Wang, Information Fusion 2001.
    """
    steps = [np.mean(np.diff(picture.astype(np.float64), axis=axis) ** 2) for axis in (0, 1)]
    return float(np.sqrt(steps[0] + steps[1]))


def structural_similarity(one: np.ndarray, other: np.ndarray) -> float:
    """Mean SSIM, Gaussian window of 1.5 pixels, 1 for the same picture.

    References
    ----------
    Wang, Bovik, Sheikh, Simoncelli, "Image quality assessment: from error visibility to structural
    similarity", IEEE Trans. Image Processing 2004.
    """
    a, b = one.astype(np.float64), other.astype(np.float64)

    def mean(values: np.ndarray) -> np.ndarray:
        return cv2.GaussianBlur(values, (11, 11), 1.5, borderType=cv2.BORDER_REFLECT)

    small, tiny = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    mean_a, mean_b = mean(a), mean(b)
    var_a, var_b = mean(a * a) - mean_a**2, mean(b * b) - mean_b**2
    both = mean(a * b) - mean_a * mean_b
    top = (2 * mean_a * mean_b + small) * (2 * both + tiny)
    return float((top / ((mean_a**2 + mean_b**2 + small) * (var_a + var_b + tiny))).mean())


def of_picture(one: np.ndarray, other: np.ndarray, fused: np.ndarray) -> dict[str, float]:
    """All figures of one fused picture, (rows, columns) each, 0 to 255.

    ``mutual_information`` is the sum over both sources, ``ssim`` and ``vif`` their mean.
    """
    sources = one, other
    return {
        "entropy": entropy(fused),
        "mutual_information": sum(mutual_information(s, fused) for s in sources),
        "qabf": edge_transfer(one, other, fused),
        "ssim": 0.5 * sum(structural_similarity(s, fused) for s in sources),
        "vif": 0.5 * sum(visual_fidelity(s, fused) for s in sources),
        "spatial_frequency": spatial_frequency(fused),
        "standard_deviation": float(fused.std()),
    }


def of_volume(one: Volume, other: Volume, fused: Volume) -> Mapping[str, float]:
    """The mean of `of_picture` over the slices that show something; values are 0 to 1."""
    shown = [
        n
        for n in range(fused.shape[0])
        if np.count_nonzero(fused.array[n]) > _CONTENT * fused.array[n].size
    ]
    rows = [
        of_picture(*(255.0 * v.array[n].astype(np.float64) for v in (one, other, fused)))
        for n in shown
    ]
    return {name: float(np.mean([row[name] for row in rows])) for name in rows[0]} if rows else {}


def _levels(picture: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(picture), 0, 255).astype(np.int64)


def _bits(counts: np.ndarray) -> float:
    shares = counts[counts > 0] / counts.sum()
    return float(-(shares * np.log2(shares)).sum()) + 0.0
