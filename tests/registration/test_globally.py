"""The search over every turn, size and shift of a coarse grid."""

import numpy as np

from appliance.core.transforms import about, corners, rotation, target_errors
from appliance.phantom import make_person, slice_of
from appliance.phantom.paint import Paint
from appliance.registration import globally, images
from appliance.registration.likeness import resampled


def head(contrast: str, truth: np.ndarray | None = None) -> images.Head:
    person = make_person("none", 5, Paint.of(contrast))
    picture = slice_of(person, size=128, pixel_mm=1.8).volume.array[0].astype(np.float32)
    if truth is not None:
        picture = resampled(picture, picture.shape, np.linalg.inv(truth))
    return images.of_picture(picture).shrunk(2)


def test_the_best_start_of_two_contrasts_lies_near_the_truth():
    truth = about((63.5, 63.5), 0.92 * rotation(-17.0), (9.0, -7.0))
    fixed, moving = head("t1c"), head("ct", truth)
    found = globally.of_pictures(fixed, moving, 3)
    points = corners(*fixed.box)
    nearest = min(target_errors(start.matrix, truth, points).mean() for start in found)
    assert nearest < 6.0
    assert [s.score for s in found] == sorted((s.score for s in found), reverse=True)


def test_a_shift_has_the_sign_of_the_truth():
    truth = about((63.5, 63.5), np.eye(2), (10.0, -6.0))
    fixed, moving = head("t1c"), head("t1c", truth)
    best = globally.of_pictures(fixed, moving, 1)[0]
    assert target_errors(best.matrix, truth, corners(*fixed.box)).mean() < 3.0
