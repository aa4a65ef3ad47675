"""The head's outline on a prepared slice, and a crude skull stripping of it.

Research volumes often come without skin and skull. Training imitates them, and so does the
estimator that decides what is in distribution; pictures are ``(size, size)`` float32, 0 to 1.

The brain is what is left of the head after its outer layers are taken off and a dark skull is
opened away; where that fails, the head's outline is drawn in. The brain then fills the square
and its brightness is spread again, as `appliance.core.preprocess.prepare` would do.
"""

from __future__ import annotations

import cv2
import numpy as np

_MARGIN = 0.02
_LOW, _HIGH = 1.0, 99.7  # percentiles, as in `Preprocessing`


def disc(radius: int) -> np.ndarray:
    """A round structuring element, (2 radius + 1, 2 radius + 1) uint8."""
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))


def head_mask(picture: np.ndarray) -> np.ndarray:
    """Filled head of a prepared slice, (size, size) uint8.

    >>> ring = cv2.circle(np.zeros((64, 64), np.float32), (32, 32), 20, 0.5, 3)
    >>> int(head_mask(ring)[32, 32])
    1
    """
    inside = (cv2.GaussianBlur(picture, (5, 5), 0) > 0.08).astype(np.uint8)
    closed = cv2.morphologyEx(inside, cv2.MORPH_CLOSE, disc(8))
    contours, _ = cv2.findContours(closed, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    return cv2.drawContours(np.zeros_like(closed), contours, -1, 1, cv2.FILLED)


def _largest(binary: np.ndarray) -> np.ndarray:
    count, names, stats, _ = cv2.connectedComponentsWithStats(binary, connectivity=4)
    if count < 2:
        return binary
    return (names == 1 + stats[1:, cv2.CC_STAT_AREA].argmax()).astype(np.uint8)


def brain_mask(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """About the brain of a slice, (size, size) uint8; never more than the head without its skin."""
    head = head_mask(picture)
    side = picture.shape[0]
    inner = cv2.erode(head, disc(int(rng.integers(side // 22, side // 14))), borderValue=0)
    tissue = ((cv2.GaussianBlur(picture, (3, 3), 0) > rng.uniform(0.2, 0.3)) & (inner > 0)).astype(
        np.uint8
    )
    core = _largest(cv2.morphologyEx(tissue, cv2.MORPH_OPEN, disc(side // 28)))
    core = cv2.morphologyEx(core, cv2.MORPH_CLOSE, disc(side // 14))
    contours, _ = cv2.findContours(core, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    core = cv2.drawContours(np.zeros_like(core), contours, -1, 1, cv2.FILLED) & inner
    if core.sum() > 0.45 * head.sum():
        return core
    return cv2.erode(head, disc(int(rng.integers(side // 14, side // 9))), borderValue=0)


def stripped(
    picture: np.ndarray, mask: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray] | None:
    """The slice without skin, fat and skull, filling the square again; the tumour stays whole.

    Returns
    -------
    picture, mask : (size, size) float32, or None when hardly anything would be left
    """
    tumour = cv2.dilate((mask > 0.1).astype(np.uint8), disc(2))
    brain = brain_mask(picture, rng) | tumour
    if brain.sum() < 0.15 * brain.size:
        return None
    side = picture.shape[0]
    rows, columns = np.nonzero(brain)
    top, left = rows.min(), columns.min()
    height, width = rows.max() + 1 - top, columns.max() + 1 - left
    longer = max(height, width) * (1 + 2 * _MARGIN)
    scale = side / longer
    matrix = np.array(
        [
            [scale, 0, side / 2 - scale * (left + width / 2)],
            [0, scale, side / 2 - scale * (top + height / 2)],
        ],
        np.float32,
    )
    kept = np.dstack([picture * brain, mask])
    out = cv2.warpAffine(kept, matrix, (side, side), flags=cv2.INTER_LINEAR)
    inside = cv2.warpAffine(brain, matrix, (side, side), flags=cv2.INTER_NEAREST) > 0
    low, high = np.percentile(out[..., 0][inside], (_LOW, _HIGH))
    bright = np.clip((out[..., 0] - low) / max(high - low, 1e-3), 0, 1) * inside
    return bright.astype(np.float32), np.ascontiguousarray(out[..., 1])
