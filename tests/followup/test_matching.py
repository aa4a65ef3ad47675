"""Lesions that came apart, joined, moved, or have no partner."""

import numpy as np

from appliance.followup.matching import Match, match


def grid(*boxes):
    out = np.zeros((1, 60, 60), np.uint8)
    for number, (row, column, side) in enumerate(boxes, 1):
        out[0, row : row + side, column : column + side] = number
    return out


def test_a_lesion_that_came_apart_stays_one():
    before, now = grid((10, 10, 20)), grid((10, 10, 8), (22, 20, 8))
    assert match(before, now, (1, 1, 1)) == [Match((1,), (1, 2))]
    assert match(now, before, (1, 1, 1)) == [Match((1, 2), (1,))]


def test_without_overlap_the_nearest_of_fitting_size_is_taken():
    before, now = grid((10, 10, 6), (40, 40, 6)), grid((10, 17, 6))
    assert match(before, now, (1, 1, 1)) == [
        Match((), (1,)),
        Match((1,), ()),
        Match((2,), ()),
    ]
    close = grid((10, 15, 6))
    assert match(before, close, (1, 1, 1)) == [Match((1,), (1,)), Match((2,), ())]


def test_a_chain_of_overlaps_is_one_group():
    before, now = grid((10, 0, 12), (10, 14, 12)), grid((10, 8, 10))
    assert match(before, now, (1, 1, 1)) == [Match((1, 2), (1,))]


def test_a_touch_is_no_overlap():
    before, now = grid((0, 0, 30)), grid((29, 29, 30))
    assert all(not (m.prior and m.current) for m in match(before, now, (1, 1, 1)))


def test_nothing_matches_nothing():
    assert match(grid(), grid(), (1, 1, 1)) == []
