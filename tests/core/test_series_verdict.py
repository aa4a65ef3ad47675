"""What a series may claim: a tumour needs neighbouring slices that agree."""

import numpy as np
import pytest

from appliance.core.series_verdict import read_series
from appliance.core.verdict import Rule, read_slice

RULE = Rule()
YES, NO = np.full((16, 16), 5.0), np.full((16, 16), -5.0)
GLIOMA, HEALTHY = np.array([6.0, 0, 0, 0]), np.array([0.0, 0, 0, 6.0])


def reading(logits, mask):
    return read_slice(logits, mask, RULE)


def test_a_series_needs_a_lesion_on_two_slices():
    sick, well = reading(GLIOMA, YES), reading(HEALTHY, NO)
    stack = [well, well, sick, sick, well]
    assert read_series(stack, [0, 0, 9, 9, 0], [(2, 4)], RULE).verdict == "tumor"
    alone = read_series([well, well, sick, well], [0, 0, 9, 0], [(2, 3)], RULE)
    assert (alone.verdict, alone.reasons) == ("uncertain", ("single_slice",))
    assert read_series([well] * 5, [0] * 5, [], RULE).verdict == "no_tumor"


def test_a_lesion_on_uncertain_slices_makes_a_series_uncertain():
    doubt, well = reading(HEALTHY, YES), reading(HEALTHY, NO)
    stack = [well, doubt, doubt, well]
    assert read_series(stack, [0, 4, 4, 0], [(1, 3)], RULE).verdict == "uncertain"
    assert read_series(stack, [0, 4, 4, 0], [(1, 2), (2, 3)], RULE).verdict == "no_tumor"
    assert read_series(stack, [0, 0, 0, 0], [], RULE).verdict == "no_tumor"


@pytest.mark.parametrize("seed", range(30))
def test_a_series_never_contradicts_itself(seed):
    rng = np.random.default_rng(seed)
    stack = [reading(rng.normal(0, 5, 4), rng.normal(0, 5, (6, 6))) for _ in range(8)]
    areas = [9 if item.drawn else 0 for item in stack]
    spans = [(i, min(i + 3, 8)) for i in range(8) if areas[i]][:3]
    found = read_series(stack, areas, spans, RULE)
    label = int(found.probabilities.argmax())
    assert found.probabilities.sum() == pytest.approx(1.0)
    if found.verdict == "tumor":
        assert "no_tumor" not in found.prediction_set
        assert label != 3
    if found.verdict == "no_tumor":
        assert found.prediction_set == ("no_tumor",)
    if found.verdict == "uncertain":
        assert found.reasons


def test_blank_slices_are_skipped():
    sick = reading(GLIOMA, YES)
    found = read_series([None, sick, sick, None], [0, 5, 5, 0], [(1, 3)], RULE)
    assert found.verdict == "tumor"
    with pytest.raises(ValueError):
        read_series([None, None], [0, 0], [], RULE)
