"""Where the head begins."""

import numpy as np
import pytest

from appliance.registration.images import head_mask

RADIUS = np.hypot(*(np.indices((128, 128)) - 63.5))


def head(scalp: float) -> np.ndarray:
    """A bright brain in a dark skull, with a scalp."""
    brain = np.where(RADIUS < 40, 180.0 + 40 * np.sin(np.indices(RADIUS.shape)[0] / 4.0), 0.0)
    return np.where((RADIUS > 46) & (RADIUS < 54), scalp, brain)


@pytest.mark.parametrize("scalp", [20.0, 100.0])
def test_a_faint_scalp_belongs_to_the_head(scalp):
    assert head_mask(head(scalp)).sum() == pytest.approx((RADIUS < 54).sum(), rel=0.05)


def test_noise_about_the_head_does_not():
    noisy = np.abs(head(100.0) + np.random.default_rng(0).normal(0, 8.0, RADIUS.shape))
    assert head_mask(noisy).sum() == pytest.approx((RADIUS < 54).sum(), rel=0.05)


def test_foam_about_a_ct_is_air():
    ct = np.where(RADIUS < 50, 40.0, -1000.0)
    ct[(RADIUS > 44) & (RADIUS < 50)] = 1000.0
    foam = np.where((RADIUS >= 50) & (RADIUS < 60), -850.0, ct)
    assert head_mask(foam).sum() == pytest.approx((RADIUS < 50).sum(), rel=0.05)
