"""The probe pictures: generated the same, bit for bit, on every machine.

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


def _head() -> tuple[np.ndarray, np.ndarray]:
    """Scalp, skull, brain and ventricles, and the texture of it, (320, 320) int64 both."""
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
    return picture, texture


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
    picture, texture = _head()
    if lesion:
        mass = _ellipse(118, 222, 26, 24)
        picture[mass] = 205 + texture[mass] // 2
    return np.clip(picture, 0, 255).astype(np.uint8)


def _with_ring() -> np.ndarray:
    """A mass with a dark core and dark surroundings, deep in the left half."""
    picture, texture = _head()
    picture[_ellipse(172, 112, 46, 38)] -= 24
    ring = _ellipse(172, 112, 30, 26)
    picture[ring] = 190 + texture[ring] // 2
    picture[_ellipse(172, 112, 18, 15)] = 52
    return picture


def _at_the_edge() -> np.ndarray:
    """An even mass that touches the skull."""
    picture, texture = _head()
    mass = _ellipse(62, 196, 27, 31) & _ellipse(160, 160, 131, 103)
    picture[mass] = 186 + texture[mass] // 3
    return picture


def _in_the_middle() -> np.ndarray:
    """A small mass low on the midline."""
    picture, texture = _head()
    mass = _ellipse(214, 160, 15, 18)
    picture[mass] = 196 + texture[mass] // 2
    return picture


def _faint() -> np.ndarray:
    """A mass hardly brighter than what surrounds it: the doubtful kind."""
    picture, texture = _head()
    mass = _ellipse(190, 214, 22, 20)
    picture[mass] = 136 + texture[mass]
    return picture


_PICTURES = {
    "mass": lambda: probe_picture(True),
    "plain": lambda: probe_picture(False),
    "ring": _with_ring,
    "edge": _at_the_edge,
    "middle": _in_the_middle,
    "faint": _faint,
}
PROBES = tuple(_PICTURES)
"""Names of the pictures a package is replayed with; older packages know the first only."""


def probe_pictures(names: tuple[str, ...] = PROBES) -> list[np.ndarray]:
    """Probe pictures by name, (320, 320) uint8 each.

    Raises
    ------
    KeyError
        For a name this version cannot generate.

    Examples
    --------
    >>> len(probe_pictures()), probe_pictures(("plain",))[0].shape
    (6, (320, 320))
    """
    return [np.clip(_PICTURES[name](), 0, 255).astype(np.uint8) for name in names]
