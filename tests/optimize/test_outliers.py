"""Limits come from slices judged without their own group."""

import numpy as np
import pytest

from appliance.core.errors import ManifestError
from appliance.onedal import fit_outlier_detector
from optimize.outliers import (
    _looked_at,
    leanings_without_own_group,
    without_own_group,
)


@pytest.fixture
def grouped():
    """Twenty groups of eight near-copies."""
    rng = np.random.default_rng(2)
    groups = np.repeat(np.arange(20), 8)
    centres = rng.normal(size=(20, 12))
    return (centres[groups] + rng.normal(0, 0.01, (160, 12))).astype(np.float32), groups


def test_distances_agree_with_a_loop(grouped):
    points, groups = grouped
    found = without_own_group(points, groups, 5, chunk=37)
    for i in (0, 50, 159):
        gaps = np.linalg.norm(points[groups != groups[i]] - points[i], axis=1)
        assert found[i] == pytest.approx(np.sort(gaps)[:5].mean(), rel=1e-3)


def test_a_slice_does_not_vouch_for_its_neighbours(grouped):
    points, groups = grouped
    foreign = points + 4 * np.eye(12, dtype=np.float32)[3]
    loose = fit_outlier_detector(points, foreign, features=slice(0, 12), bank=160)
    honest = without_own_group(loose.bank, groups, loose.neighbours)
    assert np.median(loose.distances(points)) < 0.2 * np.median(honest)
    leanings = leanings_without_own_group(points, groups, foreign, groups, loose, slice(0, 12), 160)
    assert leanings.shape == (160,)
    assert np.quantile(leanings, 0.98) < np.median(loose.leanings(foreign))


def test_features_outside_the_embedding_are_an_error():
    assert _looked_at((2, 8), 8) == slice(2, 8)
    with pytest.raises(ManifestError, match="24 to 176"):
        _looked_at((24, 176), 16)
