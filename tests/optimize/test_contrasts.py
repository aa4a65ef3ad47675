"""The imitations look like what they are named for."""

import cv2
import numpy as np
import pytest

from appliance.core.preprocess import Preprocessing, prepare
from appliance.core.probe import probe_picture
from appliance.core.stripping import head_mask
from optimize.contrasts import FOREIGN, another_scanner, ct_like, t2_like


@pytest.fixture(scope="module")
def picture():
    return (prepare(probe_picture(), Preprocessing()).array[..., 0] * 128 + 128) / 255


@pytest.mark.parametrize("imitate", [*FOREIGN, another_scanner])
def test_shape_type_and_range(picture, imitate):
    for seed in range(5):
        out = imitate(picture, np.random.default_rng(seed))
        assert out.shape == picture.shape
        assert out.dtype == np.float32
        assert np.isfinite(out).all()
        assert out.min() >= 0
        assert 0.2 < out.max() < 3


def test_fluid_turns_bright_in_t2(picture):
    out = t2_like(picture, np.random.default_rng(0))
    head = head_mask(picture) > 0
    fluid = (picture < 0.25) & head
    fluid[:40] = fluid[-40:] = False
    fluid[:, :60] = fluid[:, -60:] = False
    assert out[fluid].mean() > 1.5 * out[(picture > 0.45) & head].mean()


def test_bone_is_white_in_ct(picture):
    head = head_mask(picture)
    band = (cv2.erode(head, np.ones((19, 19))) - cv2.erode(head, np.ones((31, 31)))) > 0
    gains = [
        ct_like(picture, np.random.default_rng(seed))[band].mean() - picture[band].mean()
        for seed in range(6)
    ]
    assert max(gains) > 0.2
