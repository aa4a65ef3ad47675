"""Series and volumes: slices counted from the feet, lesions found or not."""

import numpy as np
import pytest

from appliance.core.types import Volume
from tests.conftest import AFFINE, head_array, make_series
from training.evaluation.elsewhere import from_the_feet, series_figures, volume_figures


@pytest.fixture(scope="module")
def ball():
    return head_array() != head_array(lesion=False)


def test_slices_are_counted_from_the_feet(analyzer):
    array = np.concatenate([head_array()[:5], head_array(lesion=False)[5:]])
    upright = make_series(volume=Volume(array, AFFINE))
    flipped = make_series(volume=Volume(array[::-1].copy(), AFFINE @ _flipped()))
    low, high = (
        [
            series_figures(analyzer.analyze(s), from_the_feet(s), [4], healthy)
            for s in (upright, flipped)
        ]
        for healthy in ([0, 1], [6, 7, 8])
    )
    for one, other in (low, high):
        assert one["found_tumor"] == other["found_tumor"] == 1.0
        assert one["healthy_called_tumor"] == other["healthy_called_tumor"] == 0.0


def _flipped() -> np.ndarray:
    """Index of a stack turned upside down to index of the stack."""
    matrix = np.eye(4)
    matrix[0, 0], matrix[0, 3] = -1.0, 8.0
    return matrix


def test_a_refused_series_finds_nothing(analyzer):
    report = analyzer.analyze(make_series(modality="CT"))
    found = series_figures(report, True, [3, 4], [0])
    assert found["verdict"] == "refused"
    assert found["refusal"]["code"] == "wrong_modality"
    assert found["found_tumor"] == found["healthy_called_tumor"] == 0.0


def test_a_lesion_is_found_where_it_is(analyzer, ball):
    report = analyzer.analyze(make_series())
    found = volume_figures(report, ball)
    assert found["lesion_found"] is True
    assert found["false_lesions"] == 0
    assert found["dice"] > 0.5
    elsewhere = np.zeros_like(ball)
    elsewhere[0, 0, 0] = True
    wrong = volume_figures(report, elsewhere)
    assert wrong["lesion_found"] is False
    assert wrong["false_lesions"] >= 1
