"""Intervals: groups are drawn whole, seeds add their own chance."""

import numpy as np

from training.resample import Interval, mean_interval


def test_slices_of_one_group_count_as_one():
    rng = np.random.default_rng(0)
    groups = [f"g{i // 20}" for i in range(400)]
    values = np.repeat(rng.integers(0, 2, 20), 20).astype(float)
    together = mean_interval(values, groups)
    apart = mean_interval(values, [str(i) for i in range(400)])
    assert together.value == apart.value == values.mean()
    assert together.high - together.low > 3 * (apart.high - apart.low)
    assert (together.n, together.groups) == (400, 20)


def test_seeds_that_disagree_widen_the_interval():
    groups = [str(i) for i in range(300)]
    same = np.zeros((3, 300))
    same[:, ::3] = 1.0
    moved = same.copy()
    moved[0, 1::6], moved[1, ::6] = 1.0, 0.0
    narrow, wide = mean_interval(same, groups), mean_interval(moved, groups)
    assert wide.high - wide.low > 1.5 * (narrow.high - narrow.low)


def test_direction_is_the_sign_of_the_whole_interval():
    assert Interval(0.1, 0.01, 0.2, 9, 9).direction == 1
    assert Interval(-0.1, -0.2, -0.01, 9, 9).direction == -1
    assert Interval(0.1, -0.01, 0.2, 9, 9).direction == 0
