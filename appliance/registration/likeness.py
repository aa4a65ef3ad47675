"""How well two heads match under a transform, by joint histograms; and bringing one to the other.

References
----------
Studholme, Hill, Hawkes, "An overlap invariant entropy measure of 3D medical image alignment",
Pattern Recognition 1999.
"""

from __future__ import annotations

import cv2
import numpy as np
from scipy import ndimage

from appliance.registration.images import Head

BINS = 24
_SWAP = np.array([[0, 1, 0], [1, 0, 0], [0, 0, 1.0]])
_WARP = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP


def index_transform(fixed: Head, moving: Head, matrix: np.ndarray) -> np.ndarray:
    """Index of the fixed grid to index of the moving grid, for a world transform."""
    return np.linalg.inv(moving.to_world) @ matrix @ fixed.to_world


def resampled(
    array: np.ndarray, shape: tuple[int, ...], index: np.ndarray, order: int = 1
) -> np.ndarray:
    """An array brought onto a grid; 0 outside.

    Parameters
    ----------
    index : (n + 1, n + 1) float64
        Index of the new grid to index of the array.
    order : int
        0 nearest, 1 linear.
    """
    if array.ndim == 2 and order == 1 and array.dtype in (np.float32, np.uint8):
        return cv2.warpAffine(array, (_SWAP @ index @ _SWAP)[:2], shape[::-1], flags=_WARP)
    size = array.ndim
    return ndimage.affine_transform(
        array,
        index[:size, :size],
        index[:size, size],
        shape,
        order=order,
        mode="grid-constant",
        prefilter=False,
    )


def planes(stack: np.ndarray, shape: tuple[int, int], index: np.ndarray) -> tuple[np.ndarray, ...]:
    """Several planes (rows, columns, n) float32 brought onto a grid in one go, which is faster.

    Parameters
    ----------
    index : (3, 3) float64
        As for `resampled`.
    """
    return cv2.split(cv2.warpAffine(stack, (_SWAP @ index @ _SWAP)[:2], shape[::-1], flags=_WARP))


def codes(values: np.ndarray, bins: int = BINS) -> np.ndarray:
    """Values from 0 to 1 as bin numbers, int32."""
    return (values * (bins - 1e-3)).astype(np.int32)


def joint(one: np.ndarray, other: np.ndarray, bins: int = BINS) -> np.ndarray:
    """Joint histogram (bins, bins) of two arrays of `codes`, as shares."""
    counts = np.bincount((one * bins + other).ravel(), minlength=bins * bins)
    return counts.reshape(bins, bins) / max(one.size, 1)


def entropy(shares: np.ndarray) -> float:
    """Shannon entropy of shares, nats."""
    some = shares[shares > 0]
    return float(-(some * np.log(some)).sum())


def normalised_information(table: np.ndarray) -> float:
    """Symmetric uncertainty 2 I(A; B) / (H(A) + H(B)): 0 independent, 1 determined.

    Examples
    --------
    >>> float(round(normalised_information(np.eye(4) / 4), 6))
    1.0
    >>> float(abs(round(normalised_information(np.ones((4, 4)) / 16), 6)))
    0.0
    """
    one, other = entropy(table.sum(1)), entropy(table.sum(0))
    return 2 * (one + other - entropy(table)) / max(one + other, 1e-9)


def likeness(fixed: Head, moving: Head, matrix: np.ndarray) -> float:
    """Normalised information over the larger of the two heads."""
    shape = fixed.values.shape
    index = index_transform(fixed, moving, matrix)
    values = resampled(moving.values, shape, index)
    where = fixed.mask
    if moving.size > fixed.size:
        where = resampled(moving.mask.astype(np.float32), shape, index) >= 0.5
    if where.sum() < 32:
        return 0.0
    return normalised_information(joint(codes(fixed.values[where]), codes(values[where])))
