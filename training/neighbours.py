"""Nearest neighbours and distances between sets of embeddings, by oneDAL.

References
----------
Heusel et al., GANs trained by a two time-scale update rule (Fréchet distance), NeurIPS 2017.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from appliance import onedal  # noqa: F401  isort: skip (oneDAL before OpenVINO)
from sklearnex.decomposition import PCA
from sklearnex.neighbors import NearestNeighbors


def nearest(bank: np.ndarray, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distance to, and index of, the nearest row of `bank` for each row of `points`.

    Parameters
    ----------
    bank : (m, features) float32
    points : (n, features) float32

    Returns
    -------
    distances : (n,) float64
    indices : (n,) int64
    """
    finder = NearestNeighbors(n_neighbors=1, algorithm="brute").fit(bank)
    distances, indices = finder.kneighbors(points)
    return distances[:, 0].astype(np.float64), indices[:, 0].astype(np.int64)


def nearest_either_way(
    bank: np.ndarray, points: np.ndarray, mirrored: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """As `nearest`, the better of a picture and its mirror image (row by row)."""
    as_is, turned = nearest(bank, points), nearest(bank, mirrored)
    first = as_is[0] <= turned[0]
    return np.where(first, as_is[0], turned[0]), np.where(first, as_is[1], turned[1])


def nearest_in_group(points: np.ndarray, groups: Sequence[str]) -> np.ndarray:
    """Distance of each row to the nearest other row of its own group; groups of one are left out.

    >>> nearest_in_group(np.array([[0.0], [2.0], [9.0]]), ["a", "a", "b"]).tolist()
    [2.0, 2.0]
    """
    groups, found = np.asarray(groups), []
    for group in np.unique(groups):
        members = points[groups == group].astype(np.float64)
        if len(members) < 2:
            continue
        squares = (members**2).sum(1)
        gaps = squares[:, None] + squares[None] - 2.0 * members @ members.T
        np.fill_diagonal(gaps, np.inf)
        found.append(np.sqrt(np.maximum(gaps.min(1), 0.0)))
    return np.concatenate(found) if found else np.zeros(0)


class Components:
    """Standardised principal components of an embedding, fitted on the training slices."""

    def __init__(self, training: np.ndarray, count: int = 32) -> None:
        points = np.asarray(training, np.float64)
        self.mean, self.spread = points.mean(0), points.std(0) + 1e-6
        count = min(count, *points.shape)
        self.pca = PCA(n_components=count).fit((points - self.mean) / self.spread)

    def __call__(self, embeddings: np.ndarray) -> np.ndarray:
        """(n, components) float32."""
        standard = (np.asarray(embeddings, np.float64) - self.mean) / self.spread
        return np.ascontiguousarray(self.pca.transform(standard), np.float32)


def frechet(a: np.ndarray, b: np.ndarray) -> float:
    """Squared Fréchet distance between two normal distributions fitted to rows.

    It falls with more rows even when nothing else changes: compare equal counts only.

    >>> rows = np.random.default_rng(0).normal(size=(50, 3))
    >>> bool(abs(frechet(rows, rows)) < 1e-9), round(frechet(rows, rows + 2.0), 6)
    (True, 12.0)
    """
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    gap = a.mean(0) - b.mean(0)
    first, second = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    values, vectors = np.linalg.eigh(np.atleast_2d(first))
    root = (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T
    mixed = np.linalg.eigvalsh(root @ np.atleast_2d(second) @ root)
    cross = np.sqrt(np.maximum(mixed, 0.0)).sum()
    return float(gap @ gap + np.trace(np.atleast_2d(first + second)) - 2.0 * cross)


def equal_frechet(a: np.ndarray, b: np.ndarray, count: int, repeats: int = 5) -> float:
    """Mean `frechet` of `repeats` draws of `count` rows from each set."""
    rng = np.random.default_rng(0)
    pairs = [
        (rng.permutation(len(a))[:count], rng.permutation(len(b))[:count]) for _ in range(repeats)
    ]
    return float(np.mean([frechet(a[i], b[j]) for i, j in pairs]))
