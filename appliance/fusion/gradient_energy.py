"""Fusion by a joint bilateral filter and local gradient energy (JBF-LGE).

Each picture is split into an energy layer (large shapes, edges kept) and a structure layer (the
rest). The brighter energy wins; of the structures, the one with more gradient and more energy
around it, by majority in its neighbourhood.

References
----------
Li, Zhou, Tan, Zhang, Zhao, "Multimodal medical image fusion based on joint bilateral filter and
local gradient energy", Information Sciences 569 (2021) 302-325, doi:10.1016/j.ins.2021.04.052.
Yang, Tan, Ahuja, "Real-time O(1) bilateral filtering", CVPR 2009 (how the filter is computed).
"""

from __future__ import annotations

import cv2
import numpy as np

SPACE, RANGE = 3.0, 0.05
"""Widths of the joint bilateral filter: pixels, and shares of full scale."""
ENERGY_RADIUS, MAJORITY = 4, 21
_STEPS_A_RANGE = 1.5


def joint_bilateral(
    picture: np.ndarray, guide: np.ndarray, space: float = SPACE, spread: float = RANGE
) -> np.ndarray:
    """The picture, averaged over neighbours that the guide shows equally bright.

    Parameters
    ----------
    picture, guide : (rows, columns) float32
        0 to 1.

    Notes
    -----
    One Gaussian filter for each of a few brightnesses of the guide, and linear interpolation
    between them.
    """
    low, high = float(guide.min()), float(guide.max())
    count = max(2, int(np.ceil((high - low) / spread * _STEPS_A_RANGE)) + 1)
    place = (guide - low) * ((count - 1) / max(high - low, 1e-6))
    out = np.zeros_like(picture, np.float32)
    for number, level in enumerate(np.linspace(low, high, count, dtype=np.float32)):
        share = np.maximum(0.0, 1.0 - np.abs(place - number))
        if not share.any():
            continue
        weight = np.exp(-0.5 * ((guide - level) / np.float32(spread)) ** 2)
        total = cv2.GaussianBlur(weight, (0, 0), space)
        mean = cv2.GaussianBlur(weight * picture, (0, 0), space) / np.maximum(total, 1e-12)
        out += share.astype(np.float32) * mean
    return out


def energy_layer(picture: np.ndarray) -> np.ndarray:
    """Large shapes with their edges: small things are blurred away, then edges recovered."""
    return joint_bilateral(picture, cv2.GaussianBlur(picture, (0, 0), SPACE))


def local_gradient_energy(structure: np.ndarray) -> np.ndarray:
    """Strength of the structure tensor times the energy of the neighbourhood."""
    rows, columns = np.gradient(structure.astype(np.float32))
    smooth = [
        cv2.GaussianBlur(product, (3, 3), 0.0)
        for product in (rows * rows, rows * columns, columns * columns)
    ]
    trace = smooth[0] + smooth[2]
    gap = np.sqrt((smooth[0] - smooth[2]) ** 2 + 4.0 * smooth[1] ** 2)
    strength = np.sqrt(trace**2 + 0.5 * gap**2)  # eigenvalues: their sum and their difference
    size = (2 * ENERGY_RADIUS + 1,) * 2
    energy = cv2.boxFilter(structure.astype(np.float32) ** 2, cv2.CV_32F, size, normalize=False)
    return strength * energy


def gradient_energy(fixed: np.ndarray, moved: np.ndarray) -> np.ndarray:
    """Fused by JBF-LGE."""
    one, other = (p.astype(np.float32) for p in (fixed, moved))
    energies = energy_layer(one), energy_layer(other)
    structures = one - energies[0], other - energies[1]
    first = local_gradient_energy(structures[0]) > local_gradient_energy(structures[1])
    votes = cv2.boxFilter(first.astype(np.float32), cv2.CV_32F, (MAJORITY, MAJORITY))
    structure = np.where(votes > 0.5, *structures)
    return np.maximum(*energies) + structure
