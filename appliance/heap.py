"""Memory that is no longer needed goes back to the system."""

from __future__ import annotations

import ctypes
import mmap
import sys
from collections.abc import Sequence
from functools import cache

import numpy as np

WORTH_IT = 64 << 20
"""Bytes of an array from which it is worth the milliseconds."""


@cache
def _trim():
    """glibc's malloc_trim; None elsewhere."""
    if not sys.platform.startswith("linux"):
        return None
    try:
        return ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError):  # another C library
        return None


def give_back(size: int = WORTH_IT) -> bool:
    """After work on an array of so many bytes: whether the system was given memory back.

    A volume's work is done in pieces of some megabytes, by several threads. The allocator keeps
    such pieces in an arena for each thread, up to hundreds of megabytes that the next volume,
    in another thread, does not find.

    References
    ----------
    malloc_trim(3).
    """
    trim = _trim()
    return size >= WORTH_IT and trim is not None and bool(trim(ctypes.c_size_t(0)))


def let_go(array: np.ndarray) -> bool:
    """Pages of an array that is mapped from a file, out of this process; whether it is one.

    They come back from the file where they are touched again, so this may be called at any time.

    References
    ----------
    madvise(2), MADV_DONTNEED on a shared mapping.
    """
    found: object = array
    while isinstance(found, (np.ndarray, memoryview)):
        found = found.base if isinstance(found, np.ndarray) else found.obj
    advice = getattr(mmap, "MADV_DONTNEED", None)
    if not isinstance(found, mmap.mmap) or advice is None:
        return False
    found.madvise(advice)
    return True


class Mapped:
    """Mapped arrays that are gone through once: what lies behind is let go of, piece by piece.

    Parameters
    ----------
    arrays : sequence of np.ndarray
        Mapped from files; others are left alone.
    """

    def __init__(self, arrays: Sequence[np.ndarray]) -> None:
        self._arrays = arrays
        self._size = sum(array.nbytes for array in arrays)
        self._at = 0

    def passed(self, share: float) -> None:
        """Told from time to time how far the work is, 0 to 1."""
        at = int(share * self._size / WORTH_IT)
        if at > self._at:
            self._at = at
            for array in self._arrays:
                let_go(array)
