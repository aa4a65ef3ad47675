"""The source-only features see the frame and the grey values, not the tumour."""

import numpy as np
import pytest

from appliance.core.preprocess import Preprocessing, prepare
from tests.strangers import stranger, with_lesion
from training.explore.surface import KINDS, given_features, prepared_features


def test_a_tumour_changes_nothing_that_the_model_sees():
    plain = prepare(stranger(1), Preprocessing(size=64)).array[..., 0]
    inside = np.zeros(plain.shape, bool)
    inside[28:38, 25:35] = True
    other = np.where(inside, 0.9, plain).astype(np.float32)
    a, b = (prepared_features(array, inside) for array in (plain, other))
    for kind in KINDS:
        np.testing.assert_array_equal(a[kind], b[kind])
    seen = prepared_features(other, np.zeros_like(inside))
    assert not np.array_equal(seen["histogram"], a["histogram"])


def test_a_frame_a_size_and_a_scale_do_change_something():
    picture = stranger(2)
    framed = picture.copy()
    framed[:2] = 200
    plain = given_features(picture)
    assert not np.allclose(plain["border"], given_features(framed)["border"])
    assert not np.allclose(plain["size"], given_features(picture[:100])["size"])
    assert not np.allclose(plain["histogram"], given_features(255 - picture)["histogram"])
    np.testing.assert_allclose(plain["size"], given_features(framed)["size"])


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_the_scale_of_the_file_does_not_matter(dtype):
    picture = with_lesion(stranger(3), 3)[0]
    for kind, values in given_features(
        picture.astype(dtype) * dtype(3 if dtype != np.uint8 else 1)
    ).items():
        np.testing.assert_allclose(values, given_features(picture)[kind], atol=1e-6)


def test_shares_of_a_histogram_sum_to_one():
    array = prepare(stranger(4), Preprocessing(size=64)).array[..., 0]
    found = prepared_features(array, np.zeros(array.shape, bool))
    assert found["histogram"].sum() == pytest.approx(1.0)
