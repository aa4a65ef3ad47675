"""Stripping takes the skin off, keeps the tumour whole and fills the square."""

import numpy as np
import pytest

from appliance.core.preprocess import Preprocessing, prepare, prepare_mask
from appliance.core.stripping import brain_mask, head_mask, stripped
from appliance.phantom import Paint, make_person, slice_of

SPEC = Preprocessing(size=128)


@pytest.fixture(scope="module")
def scan():
    person = make_person("meningioma", 4, Paint.of("t1c"))
    found = slice_of(person, "axial", size=200, pixel_mm=1.2)
    prepared = prepare(found.volume.array[0], SPEC)
    truth = prepare_mask(found.truth.array[0], prepared, SPEC.size)
    return (prepared.array[..., 0] * 128 + 128) / 255, truth.astype(np.float32)


def test_the_bright_skin_is_gone_and_the_brain_is_there(scan):
    picture, _ = scan
    head = head_mask(picture) > 0
    for seed in range(5):
        brain = brain_mask(picture, np.random.default_rng(seed)) > 0
        assert 0.35 < brain.sum() / head.sum() < 0.85
        assert not (brain & ~head).any()
        rim = head & ~brain
        assert np.percentile(picture[rim], 95) > np.percentile(picture[brain], 80)


def test_the_tumour_stays_whole_and_the_square_is_filled(scan):
    picture, mask = scan
    for seed in range(5):
        out, moved = stripped(picture, mask, np.random.default_rng(seed))
        assert out.dtype == np.float32
        assert out.min() >= 0
        assert out.max() <= 1
        rows, columns = np.nonzero(out > 0.05)
        assert max(np.ptp(rows), np.ptp(columns)) > 0.9 * SPEC.size
        scale = (moved > 0.5).sum() / (mask > 0.5).sum()
        assert 1.0 < scale < 2.5  # the brain grew, the tumour with it
        inside = out[moved > 0.5]
        assert (inside > 0).mean() > 0.98
        assert np.median(inside) > np.median(out[out > 0.05])  # it still enhances


def test_nothing_to_strip_is_said(scan):
    picture = np.zeros((128, 128), np.float32)
    assert stripped(picture, picture, np.random.default_rng(0)) is None
