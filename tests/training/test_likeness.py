"""Copies are found however they were turned, cropped or pressed; strangers are not."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from appliance.core.preprocess import prepare
from tests.strangers import stranger
from training.census import COPY, SAME_HEAD
from training.likeness import GRID, ORIENTATIONS, alike, correlation, look, turned


def looked(picture: np.ndarray):
    return look(prepare(picture, GRID).array[..., 0])


def pressed(picture: np.ndarray) -> np.ndarray:
    data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 40])[1]
    return cv2.imdecode(data, cv2.IMREAD_GRAYSCALE)


def padded(picture: np.ndarray) -> np.ndarray:
    return cv2.copyMakeBorder(picture, 9, 30, 22, 5, cv2.BORDER_CONSTANT)


def tilted(picture: np.ndarray) -> np.ndarray:
    size = len(picture)
    matrix = cv2.getRotationMatrix2D((size / 2, size / 2), 2.0, 0.96)
    return cv2.warpAffine(picture, matrix, (size, size))


CHANGES = {
    "pressed": pressed,
    "padded": padded,
    "tilted": tilted,
    "larger": lambda p: cv2.resize(p, None, fx=1.7, fy=1.7),
    "smaller": lambda p: cv2.resize(p, None, fx=0.6, fy=0.6, interpolation=cv2.INTER_AREA),
    "gamma": lambda p: (255 * (p / 255.0) ** 0.6).astype(np.uint8),
    "noisy": lambda p: np.clip(p + np.random.default_rng(0).normal(0, 8, p.shape), 0, 255).astype(
        np.uint8
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_copy_is_found(change):
    pair = alike([looked(stranger(1)), looked(stranger(2)), looked(CHANGES[change](stranger(1)))])[
        0
    ]
    assert (pair.a, pair.b) == (0, 2)
    assert pair.correlation >= COPY


@pytest.mark.parametrize("orientation", range(8))
def test_a_turned_copy_is_found_and_its_orientation_named(orientation):
    square = np.arange(9).reshape(3, 3)
    there = turned(square, orientation)
    back = next(k for k in range(8) if np.array_equal(turned(there, k), square))
    pair = alike([looked(stranger(3)), looked(turned(stranger(3), orientation))])[0]
    assert ORIENTATIONS[pair.orientation] == ORIENTATIONS[back]
    assert pair.correlation >= COPY


def test_strangers_are_strangers_in_every_orientation():
    looks = [looked(stranger(seed)) for seed in range(10, 18)]
    values = [
        correlation(looks[a], looks[b], orientation)[0]
        for a in range(len(looks))
        for b in range(a)
        for orientation in range(8)
    ]
    assert max(values) < SAME_HEAD - 0.1


def test_too_little_in_common_says_nothing():
    one = looked(stranger(1))
    blind = replace(one, inside=np.zeros_like(one.inside))
    assert correlation(one, blind, 0) == (0.0, 0)
