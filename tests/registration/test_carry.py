"""Images and masks brought onto the fixed grid."""

import numpy as np
import pytest

from appliance.core.errors import GeometryError
from appliance.core.transforms import about, rotation
from appliance.core.types import Volume
from appliance.registration.carry import carry


def test_a_shift_in_pixels_moves_the_mask_the_other_way():
    mask = np.zeros((1, 10, 12), np.uint8)
    mask[0, 4, 5] = 2
    shift = about((0, 0), np.eye(2), (1, 2))
    found = carry(Volume(mask), Volume(np.zeros((1, 10, 12))), shift, labels=True)
    assert np.argwhere(found.array).tolist() == [[0, 3, 3]]
    assert found.array[0, 3, 3] == 2
    assert found.array.dtype == np.uint8


def test_a_mask_keeps_its_labels_through_a_turn():
    mask = np.zeros((1, 40, 40), np.uint8)
    mask[0, 10:30, 12:28] = 3
    turn = about((20, 20), rotation(30.0), (0, 0))
    found = carry(Volume(mask), Volume(np.zeros((1, 40, 40))), turn, labels=True)
    assert set(np.unique(found.array)) == {0, 3}


def test_millimetres_put_a_volume_onto_another_grid():
    rng = np.random.default_rng(0)
    array = rng.random((6, 7, 8)).astype(np.float32)
    affine = np.array([[0, 0, 2.0, 1], [0, 2.0, 0, 2], [3.0, 0, 0, 3], [0, 0, 0, 1]])
    turn = about((5, 5, 5), rotation(20.0, (0, 0, 1)), (3, 1, 2))
    moving = Volume(array, turn @ affine)
    found = carry(moving, Volume(np.zeros((6, 7, 8)), affine), turn)
    assert found.array == pytest.approx(array, abs=1e-4)
    assert (found.affine == affine).all()


def test_millimetres_need_geometry():
    with pytest.raises(GeometryError):
        carry(Volume(np.zeros((2, 3, 3))), Volume(np.zeros((2, 3, 3)), np.eye(4)), np.eye(4))


def test_beyond_the_moving_image_lies_its_background_and_no_label():
    scan = np.full((1, 20, 20), -1000.0, np.float32)
    scan[0, 5:15, 5:15] = 40.0
    away = about((0, 0), np.eye(2), (8, 0))
    found = carry(Volume(scan), Volume(np.zeros((1, 20, 20))), away)
    assert (found.array[0, 12:] == -1000.0).all()  # not 0, which is water
    standardised = scan.copy()
    standardised[standardised == -1000.0], standardised[0, 9, 9] = 0.0, -3.0
    assert carry(Volume(standardised), Volume(scan), away).array[0, 12:].max() == 0.0
    labels = Volume(np.ones((1, 20, 20), np.uint8))
    assert (carry(labels, Volume(scan), away, labels=True).array[0, 12:] == 0).all()
