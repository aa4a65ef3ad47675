"""Generated heads for training: healthy, varied, the same for the same seed."""

import numpy as np

from appliance.core.preprocess import Preprocessing
from appliance.core.types import LABELS
from training.data import joined
from training.heads import SOURCE, generated_heads

SPEC = Preprocessing(size=64)


def test_heads_are_healthy_varied_and_repeatable():
    one, two = (generated_heads(6, SPEC, seed=3) for _ in range(2))
    assert (one.arrays == two.arrays).all()
    assert one.arrays.shape == (6, 64, 64, 1)
    assert set(one.labels) == {LABELS.index("no_tumor")}
    assert not one.masks.any()
    assert {case.source for case in one.cases} == {SOURCE}
    assert all(case.fold == 0 for case in one.cases)
    spread = np.std([a[a > -0.8].mean() for a in one.arrays])
    assert spread > 0.02
    other = generated_heads(6, SPEC, seed=4)
    assert np.abs(other.arrays - one.arrays).mean() > 0.01


def test_none_are_an_empty_set_that_joins():
    none, some = generated_heads(0, SPEC, seed=1), generated_heads(2, SPEC, seed=1)
    assert len(none.arrays) == 0
    both = joined(some, none)
    assert len(both.cases) == len(both.arrays) == len(both.labels) == 2
