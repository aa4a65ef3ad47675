"""Q^AB/F: how much of the edges of two pictures arrived in a third."""

from __future__ import annotations

import cv2
import numpy as np

_STRENGTH = (0.9994, -15.0, 0.5)
_DIRECTION = (0.9879, -22.0, 0.8)
"""Height, slope and middle of the curves that turn likeness into preservation, as published."""


def _edges(picture: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    across, down = (
        cv2.Sobel(picture.astype(np.float64), cv2.CV_64F, dx, dy, borderType=cv2.BORDER_REFLECT)
        for dx, dy in ((1, 0), (0, 1))
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        angle = np.where(across == 0, np.pi / 2, np.arctan(down / across))
    return np.hypot(across, down), angle


def _curve(value: np.ndarray, shape: tuple[float, float, float]) -> np.ndarray:
    height, slope, middle = shape
    return height / (1.0 + np.exp(slope * (value - middle)))


def preservation(source: np.ndarray, fused: np.ndarray) -> np.ndarray:
    """At each pixel, how well strength and direction of the source's edge arrived, 0 to 1."""
    (strong, angle), (strong_fused, angle_fused) = _edges(source), _edges(fused)
    most = np.maximum(strong, strong_fused)
    ratio = np.where(most > 0, np.minimum(strong, strong_fused) / np.maximum(most, 1e-12), 0.0)
    turn = 1.0 - np.abs(angle - angle_fused) / (np.pi / 2)
    return _curve(ratio, _STRENGTH) * _curve(np.abs(turn), _DIRECTION)


def edge_transfer(one: np.ndarray, other: np.ndarray, fused: np.ndarray) -> float:
    """Q^AB/F, 0 to about 0.975 (a picture with itself); pixels count by the strength of their edge.

    Parameters
    ----------
    one, other, fused : (rows, columns) float, 0 to 255

    References
    ----------
    Xydeas, Petrovic, "Objective image fusion performance measure", Electronics Letters 2000.
    """
    weights = _edges(one)[0], _edges(other)[0]
    total = float(weights[0].sum() + weights[1].sum())
    if total == 0:
        return 0.0
    kept = weights[0] * preservation(one, fused) + weights[1] * preservation(other, fused)
    return float(kept.sum()) / total
