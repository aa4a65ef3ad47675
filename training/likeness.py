"""How alike two slices are: a difference hash to find candidates, a correlation to confirm them.

Heads look alike; a plain correlation of two axial slices of strangers is often above 0.9. What
tells a copy, or another slice of the same person, from a stranger is the detail inside: sulci,
vessels, ventricles. So both slices are cut to the head and scaled by `prepare`, low frequencies
and local contrast are taken out, the skull is left out, and the rest is correlated over small
shifts, in all eight orientations.

References
----------
Difference hash: N. Krawetz, "Kind of like that", hackerfactor.com, 2013. Normalised correlation
with a mask: Padfield, IEEE Trans. Image Processing 2012.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import cv2
import numpy as np
from tqdm import tqdm

from appliance.core.preprocess import Preprocessing
from appliance.core.stripping import disc

GRID = Preprocessing(size=128)
"""How slices are cut and scaled before they are compared."""

ORIENTATIONS = (
    "as is",
    "mirrored",
    "turned 90°",
    "turned 90°, mirrored",
    "turned 180°",
    "turned 180°, mirrored",
    "turned 270°",
    "turned 270°, mirrored",
)
"""Quarter turns, each as it is and mirrored: the order of `turned`."""

CELLS = 12
BITS = 2 * CELLS * CELLS
CANDIDATE = 0.20
"""Share of hash bits that may differ."""
ROUGH = 0.55
"""Correlation of the small pictures that a candidate needs. Of pairs that are confirmed without
either limit, both together lost none above 0.6 and 1 in 70 above 0.55 (3,640 real slices)."""
_SMALL = 64
_SHIFT = 5
_LEAST = 400
_CHUNK = 1024


@dataclass(frozen=True)
class Look:
    """What is compared of one slice.

    Attributes
    ----------
    hashes : (8, BITS) bool
        One for each orientation.
    small : (64, 64) float16
        Middle frequencies, mean 0 and length 1.
    detail : (size, size) float16
        Middle frequencies over local contrast.
    inside : (size, size) bool
        The head without its rim.
    """

    hashes: np.ndarray
    small: np.ndarray
    detail: np.ndarray
    inside: np.ndarray


def turned(array: np.ndarray, orientation: int) -> np.ndarray:
    """One of eight orientations: quarter turns, each as it is and mirrored."""
    found = np.rot90(array, orientation // 2)
    return np.ascontiguousarray(found[:, ::-1] if orientation % 2 else found)


def _gradient_bits(smooth: np.ndarray) -> np.ndarray:
    rows = cv2.resize(smooth, (CELLS + 1, CELLS), interpolation=cv2.INTER_AREA)
    columns = cv2.resize(smooth, (CELLS, CELLS + 1), interpolation=cv2.INTER_AREA)
    return np.concatenate(
        [(rows[:, 1:] > rows[:, :-1]).ravel(), (columns[1:] > columns[:-1]).T.ravel()]
    )


def _inside(array: np.ndarray) -> np.ndarray:
    """The convex head, shrunk past skin and skull."""
    bright = (array > -0.76).astype(np.uint8)
    closed = cv2.morphologyEx(bright, cv2.MORPH_CLOSE, disc(7))
    hull = cv2.convexHull(cv2.findNonZero(closed))
    filled = cv2.fillConvexPoly(np.zeros_like(closed), hull, 1)
    filled[[0, -1]] = 0
    filled[:, [0, -1]] = 0
    return cv2.erode(filled, disc(14)) > 0


def look(array: np.ndarray) -> Look:
    """What is compared of a prepared slice.

    Parameters
    ----------
    array : (128, 128) float32 in [-1, 1), of `prepare` with `GRID`
    """
    smooth = cv2.GaussianBlur(array, (0, 0), 3.0)
    hashes = np.stack([_gradient_bits(turned(smooth, k)) for k in range(8)])
    detail = _middle(array, 1.0)
    contrast = np.sqrt(cv2.GaussianBlur(detail * detail, (0, 0), 6.0)) + 0.02
    small = _middle(cv2.resize(array, (_SMALL, _SMALL), interpolation=cv2.INTER_AREA), 0.8)
    small -= small.mean()
    small /= max(float(np.linalg.norm(small)), 1e-6)
    detail /= contrast
    return Look(hashes, small.astype(np.float16), detail.astype(np.float16), _inside(array))


def _middle(array: np.ndarray, fine: float) -> np.ndarray:
    """What is coarser than `fine` and finer than 3 pixels."""
    smooth = cv2.GaussianBlur(array, (0, 0), fine)
    return smooth - cv2.GaussianBlur(smooth, (0, 0), 3.0)


def correlation(a: Look, b: Look, orientation: int) -> tuple[float, int]:
    """Correlation of the insides, the best over shifts of up to 5 pixels, and their overlap.

    Returns
    -------
    correlation : float
        0.0 when less than 400 pixels of 128×128 overlap.
    overlap : int
        Pixels.
    """
    inner = slice(_SHIFT, -_SHIFT)
    weight = (a.inside & turned(b.inside, orientation))[inner, inner].astype(np.float32)
    n = float(weight.sum())
    if n < _LEAST:
        return 0.0, int(n)
    plane = turned(b.detail, orientation).astype(np.float32)
    template = a.detail[inner, inner].astype(np.float32)
    template = weight * (template - float((weight * template).sum()) / n)
    product = cv2.matchTemplate(plane, template, cv2.TM_CCORR)
    total = cv2.matchTemplate(plane, weight, cv2.TM_CCORR)
    squares = cv2.matchTemplate(plane * plane, weight, cv2.TM_CCORR)
    energy = float((template * template).sum()) * np.maximum(squares - total * total / n, 1e-6)
    return float((product / np.sqrt(np.maximum(energy, 1e-12))).max()), int(n)


@dataclass(frozen=True)
class Alike:
    """Two slices by position, ``a < b``, and how alike they are in the best orientation."""

    a: int
    b: int
    orientation: int
    bits: float
    correlation: float
    overlap: int


def candidates(looks: Sequence[Look]) -> np.ndarray:
    """Pairs whose hashes, and then whose small pictures, are close in some orientation.

    Returns
    -------
    (n, 3) int: position, later position, orientation of the later one
    """
    if not looks:
        return np.zeros((0, 3), int)
    signs = np.stack([one.hashes for one in looks]).astype(np.float32) * 2 - 1
    small = np.stack([one.small for one in looks]).astype(np.float32)
    found = []
    for orientation in range(8):
        other = np.stack([turned(one, orientation) for one in small])
        for start in range(0, len(looks), _CHUNK):
            share = 0.5 - 0.5 * (signs[start : start + _CHUNK, 0] @ signs[:, orientation].T) / BITS
            rows, columns = np.nonzero(share <= CANDIDATE)
            rows += start
            rows, columns = rows[rows < columns], columns[rows < columns]
            close = [
                float(np.vdot(small[a], other[b])) >= ROUGH
                for a, b in zip(rows, columns, strict=True)
            ]
            pairs = np.stack([rows, columns, np.full_like(rows, orientation)], 1)
            found.append(pairs[np.array(close, bool)])
    return np.concatenate(found)


def alike(looks: Sequence[Look], threads: int = 2) -> list[Alike]:
    """Every candidate pair with its correlation in the best orientation, most alike first."""
    found = candidates(looks)

    def one(row: np.ndarray) -> Alike:
        a, b, orientation = (int(value) for value in row)
        differing = looks[a].hashes[0] != looks[b].hashes[orientation]
        value, overlap = correlation(looks[a], looks[b], orientation)
        return Alike(a, b, orientation, float(differing.mean()), value, overlap)

    best: dict[tuple[int, int], Alike] = {}
    with ThreadPoolExecutor(threads) as pool:
        for pair in tqdm(pool.map(one, found), "pairs", len(found), disable=None):
            known = best.get((pair.a, pair.b))
            if known is None or pair.correlation > known.correlation:
                best[pair.a, pair.b] = pair
    return sorted(best.values(), key=lambda pair: (-pair.correlation, pair.a, pair.b))
