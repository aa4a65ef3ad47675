"""appliance.render: windows, layers and the viewing grid."""

import numpy as np
import pytest

from appliance import render
from appliance.core.errors import BadRequest, NotFound
from appliance.core.types import Report, Series, Volume
from appliance.render import Pictures, compose, display, grey
from tests.serving import pixels

SAGITTAL = np.array([[2.0, 0, 0, 0], [0, 0, -1, 0], [0, -1, 0, 0], [0, 0, 0, 1]])
"""Columns grow to anterior: the viewing grid mirrors them."""


def of(array, affine=None, **report) -> Pictures:
    series = Series(Volume(array, affine), "image", "a", "0")
    document = {"verdict": "tumor", "lesions": report.pop("lesions", [])}
    volumes = {k: Volume(v, affine) for k, v in report.items()}
    return Pictures.of(series, Report(document, **volumes) if report else None)


def test_eight_bit_pictures_are_shown_as_they_are():
    array = np.arange(200, dtype=np.uint8).reshape(1, 10, 20)
    np.testing.assert_array_equal(pixels(of(array).slice(0)), array[0])


def test_the_header_s_window_wins_and_a_damaged_one_does_not():
    volume = Volume(np.arange(100, dtype=np.int16).reshape(1, 10, 10))
    assert display(volume, (40.0, 80.0)) == {"level": 40, "window": 80, "min": 0, "max": 99}
    assert display(volume, (40.0, 0.0))["window"] > 0
    assert display(volume, (float("nan"), 10.0))["window"] > 0
    assert display(volume, (1e308, 1e308))["window"] < 1000


@pytest.mark.parametrize("dtype", [np.uint16, np.int16, np.float32])
def test_a_flat_volume_can_be_shown(dtype):
    assert pixels(of(np.full((1, 4, 4), 7, dtype)).slice(0)).shape == (4, 4)


def test_grey_is_linear_between_the_ends():
    np.testing.assert_array_equal(
        grey(np.array([[-5, 0, 51, 255, 900]]), 127.5, 255), [[0, 0, 51, 255, 255]]
    )


def test_layers_are_on_the_viewing_grid():
    array = np.zeros((3, 8, 6), np.uint16)
    array[1, 2, 0] = 1000
    mask = (array > 0).astype(np.uint8) * 3
    drawn = of(array, SAGITTAL, label_map=mask, heat=(mask / 3).astype(np.float32))
    assert not drawn.view.is_identity
    for data in (drawn.slice(1), drawn.layer("label_map", 1), drawn.layer("heat", 1)):
        assert (
            np.argwhere(pixels(data) == 255).tolist()
            == np.argwhere(drawn.view.apply(array)[1] > 0).tolist()
        )
    assert drawn.telling() == 1


def test_overlays_change_only_what_they_draw():
    array = np.full((1, 30, 30), 100, np.uint8)
    mask = np.zeros_like(array)
    mask[0, 10:20, 10:20] = 1
    box = {"view_box": [0, 5, 5, 1, 25, 25]}
    drawn = of(array, label_map=mask, heat=mask * 255, lesions=[box])
    plain = np.repeat(pixels(drawn.slice(0))[..., None], 3, axis=2)
    changed = {
        name: (pixels(drawn.slice(0, name)) != plain).any(axis=2) for name in render.OVERLAYS[1:]
    }
    assert changed["contour"].sum() == 36
    assert changed["box"].sum() == 4 * 19
    assert (changed["heat"] == (mask[0] > 0)).all()
    assert (changed["all"] == (changed["contour"] | changed["box"] | changed["heat"])).all()


def test_composing_leaves_the_picture_alone():
    picture = np.zeros((10, 10), np.uint8)
    compose(picture, np.ones((10, 10)), [(0, 0, 5, 5)], np.full((10, 10), 200, np.uint8))
    assert not picture.any()


@pytest.mark.parametrize(
    ("how", "error"),
    [
        ({"index": 1}, NotFound),
        ({"index": -1}, NotFound),
        ({"index": 0, "window": 0.0}, BadRequest),
        ({"index": 0, "window": float("nan")}, BadRequest),
        ({"index": 0, "level": float("inf")}, BadRequest),
        ({"index": 0, "overlay": "rainbow"}, BadRequest),
    ],
)
def test_what_cannot_be_drawn(how, error):
    with pytest.raises(error):
        of(np.zeros((1, 4, 4), np.uint8)).slice(**how)


def test_a_layer_that_is_not_there():
    with pytest.raises(NotFound, match="not analysed"):
        of(np.zeros((1, 4, 4), np.uint8)).layer("heat", 0)


def test_square_pixels_for_print():
    affine = np.diag([5.0, 2.0, 1.0, 1.0])[[2, 1, 0, 3]]
    drawn = of(np.zeros((2, 8, 6), np.uint8), affine)
    assert pixels(drawn.slice(0, square=True)).shape == (16, 6)
    assert pixels(drawn.slice(0)).shape == (8, 6)
