"""The probe picture: generated the same, bit for bit, on every machine.

Integer arithmetic only, so that a package can be replayed anywhere and a difference can only
come from preparing and inferring, which is what a probe is for.
"""

from __future__ import annotations

import numpy as np

_SIDE = 320


def _ellipse(row: int, column: int, rows: int, columns: int) -> np.ndarray:
    """Filled ellipse with the given centre and half axes, (320, 320) bool."""
    y, x = np.mgrid[0:_SIDE, 0:_SIDE].astype(np.int64)
    return ((y - row) * columns) ** 2 + ((x - column) * rows) ** 2 <= (rows * columns) ** 2


def probe_picture(lesion: bool = True) -> np.ndarray:
    """A head-like slice: scalp, skull, brain, ventricles and, if asked for, a bright mass.

    Returns
    -------
    (320, 320) uint8

    Examples
    --------
    >>> picture = probe_picture()
    >>> picture.shape, picture.dtype.name, int(picture.max())
    ((320, 320), 'uint8', 208)
    """
    picture = np.zeros((_SIDE, _SIDE), np.int64)
    picture[_ellipse(160, 160, 146, 118)] = 150
    picture[_ellipse(160, 160, 138, 110)] = 22
    picture[_ellipse(160, 160, 131, 103)] = 92
    y, x = np.mgrid[0:_SIDE, 0:_SIDE].astype(np.int64)
    white = _ellipse(155, 125, 88, 36) | _ellipse(155, 195, 88, 36)
    picture[white] = 112
    picture[_ellipse(140, 148, 34, 7) | _ellipse(140, 172, 34, 7)] = 38
    # Gyri-like texture from products of small remainders: integer, so equal everywhere.
    texture = ((x * 7 + y * 3) % 23 + (x * 5 - y * 11) % 19 + (x * y) % 17) // 4 - 7
    picture[picture > 60] += texture[picture > 60]
    if lesion:
        mass = _ellipse(118, 222, 26, 24)
        picture[mass] = 205 + texture[mass] // 2
    return np.clip(picture, 0, 255).astype(np.uint8)
