"""Information of two pictures block by block: grey values need to belong together only nearby.

One histogram over the whole head lets bone and scalp decide; a histogram for each block gives
ventricles and furrows the same say, and a bias field or a tumour spoils its own blocks only.

References
----------
Studholme, Drapaca, Iordanova, Cardenas, "Deformation-based mapping of volume change from serial
brain MRI in the presence of local tissue contrast change", IEEE TMI 2006 (regional information).
"""

from __future__ import annotations

import numpy as np

from appliance.registration.likeness import codes

_ACROSS = 10
"""Blocks along the edge of a square as large as the head."""
_BINS = 8


class Blocks:
    """The fixed picture cut into blocks, twice, the second time half a block further."""

    def __init__(self, values: np.ndarray, size: float) -> None:
        """Take a picture (rows, columns), 0 to 1, and the edge of its head in grid points."""
        edge = max(size / _ACROSS, 4.0)
        rows, columns = np.indices(values.shape)
        self._grids = []
        for offset in (0.0, 0.5):
            row, column = ((axis / edge + offset).astype(int) for axis in (rows, columns))
            across = int(column.max()) + 1
            count = (int(row.max()) + 1) * across
            base = ((row * across + column) * _BINS + codes(values, _BINS)) * _BINS
            self._grids.append((base, count))

    def information(self, values: np.ndarray, where: np.ndarray) -> float:
        """Symmetric uncertainty given the block, 0 to 1, over ``where`` (rows, columns) bool."""
        other = codes(values[where], _BINS)
        shares = [_shared(base[where] + other, count) for base, count in self._grids]
        return float(np.mean(shares))


def _shared(cells: np.ndarray, count: int) -> float:
    """``2 I / (H + H)`` within blocks, of cells numbered ``(block, fixed bin, moving bin)``."""
    found = np.bincount(cells, minlength=count * _BINS**2)
    table = found.astype(np.float64).reshape(count, _BINS, _BINS)
    ones = np.ones(_BINS)
    rows, columns = table @ ones, ones @ table  # ten times as fast as sums over short axes
    whole = _summed(rows @ ones)
    some = found[found > 1]
    both = whole - float((some * np.log(some)).sum())
    one, other = (whole - _summed(part) for part in (rows, columns))
    return float(2 * (one + other - both) / max(one + other, 1e-9))


def _summed(counts: np.ndarray) -> float:
    return float((counts * np.log(np.maximum(counts, 1.0))).sum())
