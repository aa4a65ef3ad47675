"""Disturbing and undoing cancel out in place; types and determinism."""

import numpy as np

from appliance.followup.disturb import disturbed, draw, undone


def test_what_was_found_returns_to_its_place():
    array = np.zeros((1, 96, 96), np.uint16)
    array[0, 30:50, 40:70] = 1000
    array[0, 10:86, 10:86] += 300
    for by in draw(5, seed=3):
        there = disturbed(array, by)
        assert there.dtype == np.uint16
        back = undone((there > 800).astype(np.float32), by) > 0.5
        truth = array > 800
        overlap = 2 * (back & truth).sum() / (back.sum() + truth.sum())
        assert overlap > 0.93
    assert (disturbed(array, draw(5, seed=3)[4]) == there).all()


def test_every_other_reading_of_a_stack_lies_between_its_slices():
    array = np.zeros((6, 32, 32), np.float32)
    array[3, 8:24, 8:24] = 100.0
    kinds = draw(4, seed=0, stack=True)
    assert [by.between for by in kinds] == [False, True, False, True]
    assert disturbed(array, kinds[0]).shape == (6, 32, 32)
    assert disturbed(array, kinds[1]).shape == (5, 32, 32)
