"""Losses on masks, held against what they are defined by."""

import cv2
import numpy as np
import pytest

from training.config import Config

tf = pytest.importorskip("tensorflow")
from training import mask_losses as losses  # noqa: E402


@pytest.fixture
def mask():
    picture = np.zeros((48, 48), np.uint8)
    cv2.ellipse(picture, (20, 26), (12, 8), 30, 0, 360, 1, -1)
    return tf.constant(np.stack([picture, np.zeros_like(picture)])[..., None], tf.float32)


def drawn(mask, shift=0):
    return tf.roll(mask, shift, 2) * 12.0 - 6.0


def test_distance_is_opencvs_chessboard_distance(mask):
    inside = mask.numpy()[0, ..., 0].astype(np.uint8)
    out, deep = (cv2.distanceTransform(part, cv2.DIST_C, 3) for part in (1 - inside, inside))
    expected = np.clip(out, 0, 5) - np.clip(deep, 0, 5)
    assert np.array_equal(losses.signed_distance(mask, 5).numpy()[0, ..., 0], expected)


def test_a_boundary_loss_grows_with_the_way_to_the_outline(mask):
    values = [float(losses.boundary(mask, drawn(mask, shift))[0]) for shift in (0, 2, 4, 18)]
    assert values == sorted(values)
    assert values[0] < 0 < values[-1]
    assert float(losses.boundary(mask, drawn(mask))[1]) == 0  # without a tumour there is none


def test_a_focal_loss_minds_what_is_wrong(mask):
    sure, unsure = drawn(mask), drawn(mask) * 0.1
    plain = [float(losses.cross_entropy(mask, x)[0]) for x in (sure, unsure, -sure)]
    focal = [float(losses.cross_entropy(mask, x, 2.0)[0]) for x in (sure, unsure, -sure)]
    shares = [f / p for f, p in zip(focal, plain, strict=True)]
    assert shares[0] < 0.01 < shares[1] < 0.5 < shares[2] < 1


def test_coarse_masks_count_as_much_as_they_weigh(mask):
    coarse = tf.nn.avg_pool2d(mask, 8, 8, "VALID") * 12.0 - 6.0
    outputs = {"mask": drawn(mask), "mask_at_8": -coarse}
    without = losses.mask_loss({"mask": outputs["mask"]}, mask, Config("t", "t", deep=0.5))
    half, whole = (
        losses.mask_loss(outputs, mask, Config("t", "t", deep=deep)) for deep in (0.5, 1.0)
    )
    assert np.allclose(whole - without, 2 * (half - without))
    assert (half > without).numpy().all()
