"""`appliance.core.geometry`: truths about affines, views and boxes."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from appliance.core import geometry
from appliance.core.errors import GeometryError
from appliance.core.types import Volume

AXES = {"S": (0, 0, 1), "I": (0, 0, -1), "P": (0, 1, 0), "A": (0, -1, 0)}
AXES |= {"L": (1, 0, 0), "R": (-1, 0, 0)}


def affine_of(letters: str, spacing: tuple[float, ...] = (3.0, 1.0, 0.5)) -> np.ndarray:
    affine = np.eye(4)
    for axis, letter in enumerate(letters):
        affine[:3, axis] = np.array(AXES[letter]) * spacing[axis]
    affine[:3, 3] = (10.0, -20.0, 30.0)
    return affine


def volume_of(letters: str, spacing: tuple[float, ...] = (3.0, 1.0, 0.5)) -> Volume:
    return Volume(np.arange(4 * 5 * 6).reshape(4, 5, 6), affine_of(letters, spacing))


def every_orientation() -> list[str]:
    return [
        "".join(letters)
        for axes in itertools.permutations(("SI", "PA", "LR"))
        for letters in itertools.product(*axes)
    ]


def test_lps_from_ras_is_its_own_inverse():
    assert np.array_equal(geometry.LPS_FROM_RAS @ geometry.LPS_FROM_RAS, np.eye(4))


@pytest.mark.parametrize("letters", every_orientation())
@pytest.mark.parametrize("spacing", [(3.0, 1.0, 0.5), (1.0, 1.0, 1.0), (0.5, 0.5, 2.0)])
def test_a_view_is_lossless_and_keeps_every_voxel_where_it_was(letters, spacing):
    volume = volume_of(letters, spacing)
    view = geometry.viewing(volume)
    seen = view.apply_volume(volume)
    assert (view.undo(seen.array) == volume.array).all()
    for index in ((0, 0, 0), (3, 4, 5), (1, 2, 4)):
        here = np.argwhere(seen.array == volume.array[index])[0]
        assert np.allclose(seen.affine @ [*here, 1], volume.affine @ [*index, 1])
    box = (1, 2, 3, 3, 4, 6)
    shown = view.apply_box(box)
    assert view.undo_box(shown) == box
    inside = np.zeros(volume.shape, bool)
    inside[1:3, 2:4, 3:6] = True
    turned = view.apply(inside)
    assert turned[shown[0] : shown[3], shown[1] : shown[4], shown[2] : shown[5]].all()
    assert turned.sum() == 2 * 2 * 3


@pytest.mark.parametrize("letters", every_orientation())
def test_rows_and_columns_grow_the_way_radiologists_hold_pictures(letters):
    volume = volume_of(letters)
    view = geometry.viewing(volume)
    seen = view.apply_volume(volume)
    expected = {"axial": ("P", "L"), "coronal": ("I", "L"), "sagittal": ("I", "P")}
    row, column = expected[geometry.plane_of(seen.affine)]
    assert np.dot(seen.affine[:3, 1], AXES[row]) > 0
    assert np.dot(seen.affine[:3, 2], AXES[column]) > 0
    assert view.axes[0] == 0, "the widest spacing counts the slices"
    assert not view.flips[0], "slices keep their direction"


def test_an_isotropic_volume_is_seen_axially():
    view = geometry.viewing(volume_of("LPS", (1.0, 1.0, 1.0)))
    assert view.axes == (2, 1, 0)


def test_one_thin_sagittal_slice_stays_one_slice():
    volume = Volume(np.zeros((1, 5, 6)), affine_of("LIP", (0.5, 1.0, 1.0)))
    assert geometry.viewing(volume).is_identity


def test_without_an_affine_nothing_moves_and_no_millimetre_is_given():
    assert geometry.viewing(Volume(np.zeros((2, 3, 4)))).is_identity
    assert geometry.plane_of(None) is None
    for measure in (geometry.spacing_mm, geometry.voxel_ml, geometry.normal):
        with pytest.raises(GeometryError):
            measure(None)


def test_a_sheared_voxel_has_the_volume_of_its_straight_twin():
    sheared = affine_of("SPL")
    sheared[1, 0] = 1.2
    assert geometry.voxel_ml(sheared) == pytest.approx(geometry.voxel_ml(affine_of("SPL")))
    assert np.allclose(geometry.normal(sheared), (0, 0, 1))


@pytest.mark.parametrize("angle", [0.1, 0.5, 2.0])
def test_measures_do_not_depend_on_the_rotation(angle):
    turn = np.eye(4)
    turn[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    assert geometry.spacing_mm(turn @ affine_of("SPL")) == pytest.approx((3.0, 1.0, 0.5))
    assert geometry.voxel_ml(turn @ affine_of("SPL")) == pytest.approx(0.0015)


@pytest.mark.parametrize(
    "broken",
    [np.zeros((4, 4)), np.full((4, 4), np.nan), np.diag([1.0, 1, 0, 1]), np.diag([1e9, 1, 1, 1])],
)
def test_an_affine_no_volume_can_have_is_refused(broken):
    with pytest.raises(GeometryError):
        geometry.checked(broken)


def test_a_view_refuses_arrays_of_another_grid():
    view = geometry.viewing(volume_of("LPS", (1.0, 1.0, 1.0)))
    with pytest.raises(GeometryError):
        view.apply(np.zeros((6, 5, 4)))
    with pytest.raises(GeometryError):
        view.undo(np.zeros((4, 5, 6)))
    with pytest.raises(GeometryError):
        geometry.View((0, 0, 1), (False, False, False), (1, 2, 3))
