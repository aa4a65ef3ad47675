"""Pairs of pictures of one generated head, for the tests of tasks on two series."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np

from appliance.core.types import Series, Volume
from appliance.phantom import make_person, slice_of

SIZE = 128
TURN = cv2.getRotationMatrix2D((63.5, 63.5), 6.0, 1.0)


@cache
def head(seed: int = 3) -> np.ndarray:
    """One slice of a generated head with a glioma, (128, 128) uint8."""
    found = slice_of(make_person("glioma", seed), size=SIZE, pixel_mm=1.8).volume.array[0]
    return (found / found.max() * 255).astype(np.uint8)


def turned(array: np.ndarray) -> np.ndarray:
    """The picture turned by six degrees."""
    return cv2.warpAffine(array, TURN, (SIZE, SIZE))


def as_series(array: np.ndarray, name: str) -> Series:
    """A picture as a series."""
    return Series(Volume(array[None]), "image", name, name * 8)


def head_pair() -> tuple[Series, Series]:
    """A head, and the same head turned and darkened."""
    moving = (turned(head()) * 0.8).astype(np.uint8)
    return as_series(head(), "fixed.png"), as_series(moving, "moving.png")


def png(array: np.ndarray) -> bytes:
    """A picture as a file."""
    return cv2.imencode(".png", array)[1].tobytes()
