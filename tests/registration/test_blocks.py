"""Information block by block, and correlation window by window."""

import numpy as np
import pytest

from appliance.registration.blocks import Blocks
from appliance.registration.correlation import Windows


@pytest.fixture
def picture() -> np.ndarray:
    rows, columns = np.indices((64, 64))
    return (0.5 + 0.5 * np.sin(rows / 3.0) * np.cos(columns / 4.0)).astype(np.float32)


def everywhere(picture: np.ndarray) -> np.ndarray:
    return np.ones(picture.shape, bool)


@pytest.mark.parametrize("kind", [Blocks, Windows])
def test_a_negative_is_as_good_as_the_picture_and_noise_is_worse(kind, picture):
    taken, where = kind(picture, 60.0), everywhere(picture)
    measure = taken.information if kind is Blocks else taken.correlation
    noise = np.random.default_rng(0).random(picture.shape).astype(np.float32)
    assert measure(picture, where) > 0.8
    assert measure(1.0 - picture, where) > 0.8
    assert measure(noise, where) < 0.4


def test_a_bias_between_blocks_costs_little(picture):
    bias = np.linspace(0.3, 1.0, 64, dtype=np.float32)[None]
    shares = Blocks(picture, 60.0).information(picture * bias, everywhere(picture))
    assert shares > 0.6


def test_nothing_shared_is_nothing():
    flat = np.zeros((16, 16), np.float32)
    assert Blocks(flat, 16.0).information(flat, np.zeros((16, 16), bool)) == 0.0
