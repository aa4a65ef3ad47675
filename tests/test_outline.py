"""`appliance.outline`: polygons that enclose exactly the mask."""

from __future__ import annotations

import numpy as np
import pytest

from appliance.outline import area, keyholed, outlines


@pytest.mark.parametrize("seed", range(20))
def test_the_enclosed_area_is_the_masks(seed):
    rng = np.random.default_rng(seed)
    mask = rng.random((rng.integers(1, 14), rng.integers(1, 14))) > rng.random()
    assert sum(map(area, outlines(mask))) == pytest.approx(mask.sum())


def test_a_hole_runs_the_other_way_round():
    mask = np.ones((5, 6), bool)
    mask[2, 2:4] = False
    assert sorted(map(area, outlines(mask))) == [-2.0, 30.0]


@pytest.mark.parametrize("seed", range(10))
def test_keyholes_leave_regions_only_and_keep_the_area(seed):
    mask = np.random.default_rng(seed).random((12, 11)) > 0.4
    cut = [area(polygon) for polygon in keyholed(outlines(mask))]
    assert min(cut) > 0
    assert sum(cut) == pytest.approx(mask.sum())


def test_regions_that_touch_at_a_corner_are_apart():
    assert [area(polygon) for polygon in outlines(np.eye(3, dtype=bool))] == [1.0, 1.0, 1.0]


def test_only_corners_are_kept_and_nothing_gives_nothing():
    assert len(outlines(np.ones((7, 9), bool))[0]) == 4
    assert outlines(np.zeros((3, 3), bool)) == []
