"""Fusion on scales, by pyramids and undecimated wavelets: detail by the larger, rest by mean."""

from __future__ import annotations

import cv2
import numpy as np
import pywt

LEVELS = 4
WAVELET = "db2"


def _levels(shape: tuple[int, ...]) -> int:
    """Fewer levels for small pictures, so that the coarsest keeps a few pixels."""
    return int(np.clip(np.log2(max(min(shape), 2)) - 2, 1, LEVELS))


def larger(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Of each pair the value that is larger in size.

    >>> larger(np.array([1.0, -3.0]), np.array([-2.0, 1.0])).tolist()
    [-2.0, -3.0]
    """
    return np.where(np.abs(one) >= np.abs(other), one, other)


def pyramid(picture: np.ndarray, levels: int) -> list[np.ndarray]:
    """Band-pass pictures from fine to coarse, the low-pass rest last."""
    bands, now = [], picture
    for _ in range(levels):
        below = cv2.pyrDown(now)
        bands.append(now - cv2.pyrUp(below, dstsize=now.shape[::-1]))
        now = below
    return [*bands, now]


def collapse(bands: list[np.ndarray]) -> np.ndarray:
    """The picture a pyramid was made of."""
    now = bands[-1]
    for band in reversed(bands[:-1]):
        now = band + cv2.pyrUp(now, dstsize=band.shape[::-1])
    return now


def laplacian(fixed: np.ndarray, moved: np.ndarray) -> np.ndarray:
    """Fused by Laplacian pyramids.

    References
    ----------
    Burt, Adelson, "The Laplacian pyramid as a compact image code", IEEE Trans. Communications
    1983; Burt, Kolczynski, "Enhanced image capture through fusion", ICCV 1993.
    """
    levels = _levels(fixed.shape)
    one, other = pyramid(fixed, levels), pyramid(moved, levels)
    bands = [larger(a, b) for a, b in zip(one[:-1], other[:-1], strict=True)]
    return collapse([*bands, 0.5 * (one[-1] + other[-1])])


def wavelet(fixed: np.ndarray, moved: np.ndarray) -> np.ndarray:
    """Fused by undecimated wavelets, which know no position on a grid of their own.

    References
    ----------
    Li, Manjunath, Mitra, "Multisensor image fusion using the wavelet transform", Graphical Models
    and Image Processing 1995; Rockinger, "Image sequence fusion using a shift-invariant wavelet
    transform", ICIP 1997.
    """
    levels = _levels(fixed.shape)
    step = 2**levels
    margins = [(step, step + (-n) % step) for n in fixed.shape]
    one, other = (
        pywt.swt2(np.pad(p, margins, "symmetric"), WAVELET, levels, trim_approx=True, norm=True)
        for p in (fixed, moved)
    )
    fused = [0.5 * (one[0] + other[0])]
    for a, b in zip(one[1:], other[1:], strict=True):
        fused.append(tuple(larger(x, y) for x, y in zip(a, b, strict=True)))
    whole = pywt.iswt2(fused, WAVELET, norm=True)
    rows, columns = fixed.shape
    return whole[step : step + rows, step : step + columns]
