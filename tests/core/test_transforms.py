"""Transforms as matrices: what they do to points, and what they are made of."""

import numpy as np
import pytest

from appliance.core.errors import GeometryError
from appliance.core.transforms import about, checked_transform, moved, parts, rotation


def test_the_centre_of_a_turn_only_shifts():
    matrix = about((3, 4), 1.2 * rotation(25.0), (1, -2))
    assert moved(matrix, np.array([[3.0, 4.0]])) == pytest.approx(np.array([[4.0, 2.0]]))


def test_a_turn_about_an_axis_leaves_the_axis_alone():
    axis = np.array([1.0, 2.0, -0.5])
    turn = rotation(40.0, axis)
    assert turn @ axis == pytest.approx(axis)
    assert turn @ turn.T == pytest.approx(np.eye(3))
    assert parts(about((0, 0, 0), turn, (1, 2, 3)))["rotation_deg"] == pytest.approx(40.0)


def test_shear_and_mirror_are_seen():
    sheared = np.array([[1.0, 0.3], [0.0, 1.0]])
    assert parts(about((0, 0), sheared, (0, 0)))["stretch"] > 1.3
    assert parts(np.diag([1.0, -1.0, 1.0]))["mirrored"] == 1.0
    assert parts(np.diag([1.0, 1.0, -1.0, 1.0]))["mirrored"] == 1.0


@pytest.mark.parametrize(
    "matrix",
    [np.eye(2), np.zeros((3, 3)), np.full((3, 3), np.nan), [[1, 0, 0], [0, 1, 0], [0.1, 0, 1]]],
)
def test_what_is_no_transform_is_refused(matrix):
    with pytest.raises(GeometryError):
        checked_transform(matrix)
