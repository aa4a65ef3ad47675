"""The two directions of the network's range, and that `prepare` keeps to it."""

import numpy as np
import pytest

from appliance.core.intensity import from_unit, percentiles, to_unit
from appliance.core.preprocess import Preprocessing, prepare
from appliance.core.probe import probe_picture


def test_every_grey_value_comes_back():
    grey = np.arange(256, dtype=np.uint8)
    back = to_unit(from_unit(grey.astype(np.float32) / 255.0)) * 255.0
    assert np.array_equal(np.rint(back).astype(np.uint8), grey)
    assert back.dtype == np.float32


def test_a_prepared_slice_fills_the_range_and_no_more():
    array = prepare(probe_picture(True), Preprocessing(size=64)).array
    assert array.dtype == np.float32
    unit = to_unit(array)
    assert (unit.min(), unit.max()) == (0.0, 1.0)
    assert np.abs(from_unit(unit) - array).max() < 1e-6


@pytest.mark.parametrize("count", [2, 7, 100, 50_000])
@pytest.mark.parametrize("kind", ["uint8", "uint16", "float32"])
def test_percentiles_are_those_of_numpy(count, kind):
    values = np.random.default_rng(count).integers(0, 256, count).astype(kind)
    shares = (0.0, 1.0, 50.0, 99.0, 99.7, 100.0)
    assert percentiles(values, *shares) == pytest.approx(np.percentile(values, shares))


def test_percentiles_of_a_view():
    values = np.random.default_rng(1).integers(0, 256, (64, 64)).astype(np.uint8)[::2, ::2]
    assert percentiles(values, 30.0) == pytest.approx([np.percentile(values, 30.0)])
