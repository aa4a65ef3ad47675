"""The freer transform is taken only where it is clearly better; a saturated skull is thinned."""

import numpy as np
import pytest

from appliance.core.transforms import about
from appliance.registration import images
from appliance.registration.align import AFFINE, SIMILARITY, Alignment, _chosen

STIFF = Alignment(np.eye(3), 1.0, SIMILARITY, ())
FREE = about((0, 0), np.diag([1.05, 1.0]), (0, 0))
SHEARED = about((0, 0), np.diag([1.4, 1.0]), (0, 0))


@pytest.mark.parametrize(
    ("freer", "score", "model"),
    [
        (FREE, 0.8, SIMILARITY),
        (FREE, 1.0, SIMILARITY),
        (FREE, 1.01, SIMILARITY),
        (FREE, 1.2, AFFINE),
        (SHEARED, 2.0, SIMILARITY),
    ],
)
def test_affine_falls_back_unless_it_is_better_and_plausible(freer, score, model):
    found = _chosen(STIFF, freer, lambda matrix: score, 1.03)
    assert found.model == model
    assert found.score >= STIFF.score
    assert (found.matrix == (freer if model == AFFINE else np.eye(3))).all()


def test_a_saturated_ring_gets_thinner_and_an_ordinary_picture_stays():
    rows, columns = np.indices((96, 96))
    radius = np.hypot(rows - 48, columns - 48)
    skull = np.where(radius < 40, 80.0, 0.0) + np.where((radius > 32) & (radius < 40), 175.0, 0.0)
    skull += np.where(radius < 32, 10 * np.sin(rows / 5.0), 0.0)
    thin = images.of_picture(skull.astype(np.float32))
    white = (thin.values > thin.values.max() - 1e-3).sum() / ((radius > 32) & (radius < 40)).sum()
    assert 0.6 < white < 0.9
    smooth = np.where(radius < 40, 100.0 + rows, 0.0).astype(np.float32)
    head = images.of_picture(smooth)
    assert (images._thinned(head.values, head.mask) == head.values).all()
