"""What the halves of a head say, and self-similarity across contrasts."""

import cv2
import numpy as np
import pytest

from appliance.core.transforms import about, target_errors
from appliance.registration.descriptors import Descriptors
from appliance.registration.images import Head
from appliance.registration.likeness import resampled
from appliance.registration.opinions import halves
from appliance.registration.polish import Match, polish

INSIDE = np.hypot(*(np.indices((96, 96)) - 47.5)) < 42


def texture(seed: int = 0) -> np.ndarray:
    noise = np.random.default_rng(seed).random((96, 96)).astype(np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), 2.5)
    smooth = (smooth - smooth.min()) / (smooth.max() - smooth.min())
    return np.where(INSIDE, smooth, 0.0).astype(np.float32)


def head(values: np.ndarray) -> Head:
    return Head(values, INSIDE, np.eye(3))


def test_halves_of_one_picture_want_no_shift():
    wanted = halves(Match(head(texture()), head(texture())), np.eye(3))
    assert wanted.shape == (2, 4, 2)
    assert np.abs(wanted).max() < 0.005


def test_a_half_that_lies_elsewhere_says_so():
    own = texture()
    size = head(own).size
    torn = own.copy()
    torn[:, 48:] = np.roll(own, 4, 0)[:, 48:]  # the right half four pixels further down
    wanted = halves(Match(head(own), head(torn)), np.eye(3))
    left, right = wanted[:, 2], wanted[:, 3]
    assert np.abs(left).max() < 0.02
    assert right[:, 0] == pytest.approx(-4 / size, abs=0.012)


def test_where_nothing_overlaps_the_halves_want_to_be_far_away():
    away = about((0, 0), np.eye(2), (500.0, 0.0))
    assert (
        np.linalg.norm(halves(Match(head(texture()), head(texture())), away), axis=-1).min() > 0.05
    )


def test_descriptors_do_not_mind_an_inverted_contrast_but_another_picture():
    own = Descriptors(texture())
    negative = np.where(INSIDE, 0.9 - 0.7 * texture(), 0.0).astype(np.float32)
    inner = cv2.erode(INSIDE.astype(np.uint8), np.ones((9, 9))).astype(bool)
    assert own.agreement(texture(), inner) == pytest.approx(1.0, abs=1e-6)
    assert own.agreement(negative, inner) > own.agreement(texture(1), inner) + 0.1


def test_self_similarity_alone_finds_a_disturbed_negative_again():
    negative = np.where(INSIDE, 0.9 - 0.7 * texture(), 0.0).astype(np.float32)
    moved = resampled(negative, (96, 96), np.linalg.inv(about((0, 0), np.eye(2), (3.0, -2.0))))
    match = Match(head(texture()), Head(moved, moved > 0.1, np.eye(3)))
    found, _ = polish(match, np.eye(3), 0.08, 3, worth=match.self_similarity)
    points = np.array([[20.0, 20.0], [76.0, 76.0]])
    assert target_errors(found, about((0, 0), np.eye(2), (3.0, -2.0)), points).max() < 0.5
