"""What a slice gives away about its scanner without showing a tumour.

Three kinds of features: *border* (the outermost pixels: air, padding, frame), *size* (of the file
and of the head in it) and *histogram* (which grey values occur, not where). Of the prepared slice
the histogram leaves the tumour out, and a place of the same shape where there is none.
"""

from __future__ import annotations

import numpy as np

KINDS = ("border", "size", "histogram")
_BINS = 32
_RING_SHARE = 0.03
_AIR = -0.76


def _ring(plane: np.ndarray) -> np.ndarray:
    """The outermost pixels, one long row."""
    width = max(1, round(min(plane.shape) * _RING_SHARE))
    inner = np.ones(plane.shape, bool)
    inner[width:-width, width:-width] = False
    return plane[inner]


def _border(plane: np.ndarray, floor: float) -> np.ndarray:
    ring = _ring(plane).astype(np.float64)
    quantiles = np.percentile(ring, (5, 50, 95))
    return np.array([ring.mean(), ring.std(), *quantiles, (ring <= floor).mean()])


def _histogram(values: np.ndarray, low: float, high: float) -> np.ndarray:
    counts = np.histogram(values, _BINS, (low, high))[0]
    return counts / max(values.size, 1)


def given_features(picture: np.ndarray) -> dict[str, np.ndarray]:
    """Of the file as it is given.

    Parameters
    ----------
    picture : (rows, columns), any scale

    Examples
    --------
    >>> sorted(given_features(np.eye(64)))
    ['border', 'histogram', 'size']
    """
    plane = picture.astype(np.float64)
    low, high = float(plane.min()), float(plane.max())
    plane = (plane - low) / max(high - low, 1e-9)
    rows, columns = picture.shape
    return {
        "border": _border(plane, 0.0),
        "size": np.log([rows, columns, rows * columns, rows / columns]),
        "histogram": _histogram(plane, 0.0, 1.0),
    }


def prepared_features(array: np.ndarray, left_out: np.ndarray) -> dict[str, np.ndarray]:
    """Of the network's input.

    Parameters
    ----------
    array : (size, size) float32 in [-1, 1)
    left_out : (size, size) bool
        Pixels that the histogram does not count.
    """
    inside = array > _AIR
    rows, columns = np.flatnonzero(inside.any(1)), np.flatnonzero(inside.any(0))
    height, width = rows[-1] - rows[0] + 1, columns[-1] - columns[0] + 1
    return {
        "border": _border(array, -0.99),
        "size": np.array([height, width, np.sqrt(inside.sum())]) / len(array),
        "histogram": _histogram(array[~left_out], -1.0, 1.0),
    }
