"""The baseline finds a confound where there is one, and nothing where there is none."""

import numpy as np
import pytest

from training.data import Case
from training.explore.both import Bench, fit_logistic
from training.explore.slices import Collected
from training.explore.source import baseline, out_of_fold

from .collected import make_collected


def test_a_planted_confound_is_exposed_and_named():
    found = baseline(make_collected(confounded=True), Bench())
    assert found["prepared_auc"]["value"] > 0.95
    by_feature = {r["features"]: r["auc"]["value"] for r in found["by_feature"]}
    assert by_feature["border"] > 0.95
    assert by_feature["size"] < 0.7
    low, high = found["prepared_accuracy"]["interval"]
    assert low <= found["prepared_accuracy"]["value"] <= high


def test_without_a_confound_there_is_nothing_to_find():
    found = baseline(make_collected(confounded=False), Bench())
    assert abs(found["prepared_auc"]["value"] - 0.5) < 0.15


def test_one_kind_of_slice_is_no_baseline():
    collected = make_collected(confounded=True)
    rows = [n for n, case in enumerate(collected.cases) if case.label != "no_tumor"]
    part = Collected(
        tuple(collected.cases[n] for n in rows),
        tuple(collected.slices[n] for n in rows),
        collected.embeddings[rows],
    )
    assert baseline(part, Bench()) is None


def test_a_torn_group_is_refused():
    collected = make_collected(confounded=True)
    case = collected.cases[0]
    torn = Case(case.image, None, case.label, case.fold % 4 + 1, case.group, case.source)
    with pytest.raises(ValueError, match="groups in both"):
        baseline(
            Collected((torn, *collected.cases[1:]), collected.slices, collected.embeddings), Bench()
        )


def test_a_row_is_judged_by_a_model_that_did_not_see_its_fold():
    # More features than rows: a model that has seen a row knows its label by heart.
    rng = np.random.default_rng(0)
    points, labels = rng.normal(size=(80, 300)), rng.integers(0, 2, 80)
    folds = np.repeat([1, 2, 3, 4], 20)
    found = out_of_fold(points, labels, folds, 1.0)
    np.testing.assert_allclose(found.sum(1), 1.0)
    assert (found.argmax(1) == labels).mean() < 0.7
    assert (fit_logistic(points, labels, 1.0).predict(points) == labels).all()
