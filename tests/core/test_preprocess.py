"""`prepare` and `restore`: the same bytes for everyone, and the way back."""

import numpy as np
import pytest

from appliance.core.errors import BlankImage, GeometryError, ManifestError
from appliance.core.preprocess import Preprocessing, prepare, prepare_mask, restore
from appliance.core.probe import probe_picture

SPEC = Preprocessing(size=96)


def test_prepared_range_shape_and_dtype():
    prepared = prepare(probe_picture(), SPEC)
    assert prepared.array.shape == (96, 96, 1)
    assert prepared.array.dtype == np.float32
    assert -1.0 <= prepared.array.min() < -0.9
    assert 0.9 < prepared.array.max() <= 127 / 128


@pytest.mark.parametrize(("scale", "offset"), [(1, 0), (7, 100), (200, 0)])
def test_intensity_scale_does_not_matter(scale, offset):
    picture = probe_picture()
    ours = prepare(picture.astype(np.float32), SPEC).array
    theirs = prepare((picture.astype(np.uint16) * scale + offset), SPEC).array
    assert np.abs(ours - theirs).max() < 0.02


def test_place_in_the_field_of_view_does_not_matter():
    picture = probe_picture()
    wide = np.zeros((500, 600), np.uint8)
    wide[100:420, 200:520] = picture
    ours, theirs = prepare(picture, SPEC), prepare(wide, SPEC)
    assert abs(theirs.square[2] / ours.square[2] - 1) < 0.04
    assert abs(theirs.square[0] - ours.square[0] - 100) <= 6
    assert abs(theirs.square[1] - ours.square[1] - 200) <= 6


def test_padding_value_inside_the_range_is_background():
    picture = (probe_picture().astype(np.float32) - 100) / 40
    picture[probe_picture() < 10] = 0.0  # z-scored volumes: zero outside, both signs inside
    prepared = prepare(picture, SPEC)
    corner = prepared.array[:4, :4].mean()
    assert corner < -0.95


@pytest.mark.parametrize("size", [48, 96])
def test_a_mask_comes_back_where_it_was(size):
    picture = probe_picture()
    truth = np.zeros(picture.shape, np.uint8)
    truth[90:150, 190:240] = 1
    prepared = prepare(picture, SPEC)
    soft = prepare_mask(truth, prepared, size)
    back = restore(soft, prepared) > 0.5
    overlap = 2 * (back & (truth > 0)).sum() / (back.sum() + truth.sum())
    assert overlap > 0.95


def test_restore_of_a_square_reaching_outside_the_picture():
    picture = np.zeros((60, 200), np.uint8)
    picture[2:58, 20:180] = np.arange(160, dtype=np.uint8) + 60
    prepared = prepare(picture, SPEC)
    assert prepared.square[0] < 0
    assert restore(np.ones((24, 24), np.float32), prepared)[:, 20:180].min() == 1.0


@pytest.mark.parametrize("value", [0, 77, 255])
def test_one_value_everywhere_is_blank(value):
    with pytest.raises(BlankImage):
        prepare(np.full((64, 64), value, np.uint8), SPEC)


def test_specks_are_blank():
    picture = np.zeros((256, 256), np.uint8)
    picture[5, 7] = picture[100, 200] = 255
    with pytest.raises(BlankImage):
        prepare(picture, SPEC)


def test_wrong_shapes_are_geometry_errors():
    with pytest.raises(GeometryError):
        prepare(np.zeros((3, 64, 64), np.uint8), SPEC)
    with pytest.raises(GeometryError):
        prepare_mask(np.zeros((5, 5)), prepare(probe_picture(), SPEC), 48)


@pytest.mark.parametrize(
    "document",
    [{"size": 4}, {"size": "x"}, {"low": 99.9, "high": 1.0}, {"layout": "NCHW"}, {"crop": True}],
)
def test_bad_specs_are_manifest_errors(document):
    with pytest.raises(ManifestError):
        Preprocessing.from_json(document)


def test_the_input_is_not_edited():
    picture = probe_picture()
    before = picture.copy()
    picture.setflags(write=False)
    prepare(picture, SPEC)
    assert (picture == before).all()
