"""appliance.core.radiomics: shapes of known size, and what must not change a feature."""

import cv2
import numpy as np
import pytest

from appliance.core.preprocess import Preprocessing, prepare
from appliance.core.probe import probe_picture
from appliance.core.radiomics import LEAST_PX, NAMES, POSITION, SHAPE, TEXTURE, features
from appliance.core.texture import LEVELS, co_occurrence, levels_of
from appliance.opinion import on_grid


def named(picture, mask) -> dict[str, float]:
    return dict(zip(NAMES, features(picture, mask).tolist(), strict=True))


def head(side: int = 224) -> np.ndarray:
    """An oval head with a smooth pattern in it, (side, side) float32."""
    row, column = np.mgrid[0:side, 0:side] / side - 0.5
    inside = (row / 0.47) ** 2 + (column / 0.38) ** 2 < 1
    return (inside * (0.45 + 0.2 * np.sin(9 * row + 5 * column))).astype(np.float32)


def disc(side: int = 224, at=(0.35, 0.6), radius=0.09) -> np.ndarray:
    row, column = np.mgrid[0:side, 0:side] / side
    return ((row - at[0]) ** 2 + (column - at[1]) ** 2 < radius**2).astype(np.uint8)


def ellipse(axes, angle) -> np.ndarray:
    return cv2.ellipse(np.zeros((224, 224), np.uint8), (112, 112), axes, angle, 0, 360, 1, -1)


def test_a_disc_an_ellipse_and_a_ring_segment():
    found = named(head(), disc())
    assert found["elongation"] == pytest.approx(1, abs=0.03)
    assert found["circularity"] == pytest.approx(1, abs=0.06)
    assert found["solidity"] == pytest.approx(1, abs=0.02)
    assert found["rectangularity"] == pytest.approx(np.pi / 4, abs=0.03)
    assert found["area"] == pytest.approx(0.09**2 / (0.47 * 0.38), rel=0.1)
    assert found["longest_diameter"] == pytest.approx(0.09 / np.sqrt(0.47 * 0.38), rel=0.08)
    long = named(head(), ellipse((40, 20), 30))
    assert long["elongation"] == pytest.approx(0.5, abs=0.02)
    curved = ellipse((40, 40), 0) - ellipse((34, 34), 0)
    curved[:112] = 0
    assert named(head(), curved)["solidity"] < 0.6


def test_a_turned_or_mirrored_picture_has_the_same_features():
    picture, mask = head(), disc()
    wanted = features(picture, mask)
    for change in (np.rot90, np.fliplr, np.flipud, np.transpose):
        found = features(*(np.ascontiguousarray(change(a)) for a in (picture, mask)))
        assert found == pytest.approx(wanted, abs=0.02), change


def test_any_direction_of_an_ellipse_has_the_same_shape():
    wanted = features(head(), ellipse((40, 22), 0))[: len(SHAPE)]
    for angle in (17, 45, 71):
        found = features(head(), ellipse((40, 22), angle))[: len(SHAPE)]
        assert found == pytest.approx(wanted, abs=0.06)


def test_a_finer_grid_has_nearly_the_same_features():
    coarse, fine = named(head(224), disc(224)), named(head(448), disc(448))
    for name in NAMES:
        if name not in TEXTURE:  # neighbours are one pixel apart, whatever a pixel is
            assert fine[name] == pytest.approx(coarse[name], abs=0.08), name


def test_pixel_size_and_gain_do_not_enter():
    picture = probe_picture()
    mask = (probe_picture() != probe_picture(False)).astype(np.uint8)
    spec = Preprocessing()
    wanted = features(*on_grid(prepare(picture, spec), mask))
    louder = (picture.astype(np.uint16) * 7 + 20).astype(np.uint16)
    found = features(*on_grid(prepare(louder, spec), mask))
    assert found == pytest.approx(wanted, rel=0.03, abs=0.02)
    large = [cv2.resize(a, (640, 640), interpolation=cv2.INTER_NEAREST) for a in (picture, mask)]
    found = features(*on_grid(prepare(large[0], spec), large[1]))
    same = np.array([name not in TEXTURE for name in NAMES])
    same &= np.array([name != "intensity_kurtosis" for name in NAMES])  # a few pixels decide it
    assert found[same] == pytest.approx(wanted[same], rel=0.2, abs=0.05)


def test_bright_rim_dark_core_and_surroundings():
    picture, mask = head(), disc(radius=0.12)
    flat = named(np.where(mask, np.float32(0.6), picture), mask)
    assert flat["rim_minus_core"] == pytest.approx(0, abs=1e-3)
    core = disc(radius=0.09)
    ring = np.where(core, np.float32(0.1), np.where(mask, np.float32(0.9), picture))
    found = named(ring, mask)
    assert found["rim_minus_core"] > 0.4
    assert found["edge_step"] > flat["edge_step"]
    assert found["intensity_spread"] > flat["intensity_spread"]
    assert (
        flat["contrast_to_surroundings"]
        > 0
        > named(picture * (1 - 0.8 * mask), mask)["contrast_to_surroundings"]
    )


def test_position_tells_middle_from_edge():
    middle = named(head(), disc(at=(0.5, 0.5), radius=0.05))
    edge = named(head(), disc(at=(0.5, 0.84), radius=0.05))
    assert middle["distance_to_centre"] < 0.05 < 0.5 < edge["distance_to_centre"]
    assert edge["distance_to_head_outline"] < 0.1 < middle["distance_to_head_outline"]
    assert middle["offset_along_head"] < 0.05
    assert edge["offset_across_head"] > 0.7
    assert set(POSITION) <= set(middle)


def test_specks_have_no_features_and_odd_masks_do():
    speck = np.zeros((224, 224), np.uint8)
    speck[100, 100 : 100 + LEAST_PX - 1] = 1
    assert features(head(), speck) is None
    line = np.zeros((224, 224), bool)
    line[100, 50:150] = True
    two = disc(at=(0.3, 0.3)) | disc(at=(0.7, 0.7))
    for mask in (line, two, np.ones((224, 224)), disc(at=(0.02, 0.02))):
        for picture in (head(), np.zeros((224, 224), np.float32), np.ones((224, 224), np.float32)):
            assert np.isfinite(features(picture, mask)).all()


def test_co_occurrence_is_that_of_counting():
    rng = np.random.default_rng(0)
    levels, inside = rng.integers(0, LEVELS, (9, 7)), rng.random((9, 7)) < 0.8
    wanted = np.zeros((LEVELS, LEVELS))
    for row in range(9):
        for column in range(7):
            for down, right in ((0, 1), (1, 0), (1, 1), (1, -1)):
                other = row + down, column + right
                if other[0] < 9 and 0 <= other[1] < 7 and inside[row, column] and inside[other]:
                    wanted[levels[row, column], levels[other]] += 1
    wanted += wanted.T
    assert co_occurrence(levels, inside) == pytest.approx(wanted / wanted.sum())
    assert levels_of(np.array([0.3]), 0.3, 0.3).tolist() == [0]
