"""What scanners vary stays a head: range, shape, determinism, and what must not move."""

import numpy as np
import pytest

from appliance.core.intensity import to_unit
from appliance.core.preprocess import Preprocessing, prepare
from appliance.core.probe import probe_picture
from appliance.core.stripping import head_mask
from training import appearance

STEPS = ("curve", "bias", "blur", "ghost", "motion", "down_sample", "noise", "jpeg")


@pytest.fixture(scope="module")
def head() -> np.ndarray:
    return to_unit(prepare(probe_picture(True), Preprocessing(size=128)).array[..., 0])


@pytest.mark.parametrize("name", STEPS)
def test_each_step_changes_the_picture_and_keeps_the_head(head, name):
    step = getattr(appearance, name)
    for seed in range(5):
        out = step(head, np.random.default_rng(seed))
        assert out.shape == head.shape
        assert out.dtype == np.float32
        assert np.isfinite(out).all()
        assert (out == step(head, np.random.default_rng(seed))).all()
        assert np.abs(out - head).max() > 0.004
        inside = head_mask(head) > 0
        assert np.corrcoef(out[inside], head[inside])[0, 1] > 0.6
        assert out[inside].mean() > 3 * out[~inside].mean()


def test_a_ghost_is_a_weaker_copy_elsewhere():
    point = np.zeros((64, 64), np.float32)
    point[20, 20] = 1.0
    out = appearance.ghost(point, np.random.default_rng(1))
    assert np.unravel_index(out.argmax(), out.shape) == (20, 20)
    elsewhere = np.argwhere((out > 0.01) & (point == 0))
    assert len(elsewhere)
    assert (elsewhere[:, 0] == 20).all() or (elsewhere[:, 1] == 20).all()


def test_cut_out_spares_the_tumour(head):
    mask = np.zeros_like(head)
    mask[40:70, 40:70] = 1
    for seed in range(20):
        out = appearance.cut_out(head, mask, np.random.default_rng(seed))
        assert (out[mask > 0] == head[mask > 0]).all()
        changed = out != head
        assert (out[changed] == 0).all()
    assert (appearance.cut_out(head, np.ones_like(head), np.random.default_rng(0)) == head).all()


def test_borrowing_moves_the_histogram_towards_the_other(head):
    other = np.sqrt(head)
    inside = head_mask(head) > 0
    out = appearance.borrow(head, other, np.random.default_rng(2))
    levels = (10, 50, 90)
    before = np.abs(np.percentile(head[inside], levels) - np.percentile(other[inside], levels))
    after = np.abs(np.percentile(out[inside], levels) - np.percentile(other[inside], levels))
    assert after.mean() < 0.7 * before.mean()
    empty = np.zeros_like(head)
    assert (appearance.borrow(head, empty, np.random.default_rng(2)) == head).all()
