"""Figures against other libraries' and against plain loops."""

import numpy as np
import pytest
from scipy import ndimage
from sklearn import metrics as reference

from appliance.core.intervals import Bootstrap, weighted_mean, weighted_ratio
from appliance.core.metrics import (
    auc,
    average_precision,
    hd95,
    match_boxes,
    weighted_auc,
    weighted_average_precision,
    weighted_calibration_error,
    weighted_median,
)


@pytest.fixture
def rng():
    return np.random.default_rng(4)


def _drawn(rng, n, draws=5):
    return rng.integers(0, 3, (draws, n))


def test_a_weight_of_two_is_a_case_counted_twice(rng):
    n = 60
    score, positive = np.round(rng.random(n), 1), rng.random(n) < 0.5
    right, values = rng.random(n) < score, rng.normal(size=n)
    weights = _drawn(rng, n)
    for row, area, error, middle in zip(
        weights,
        weighted_auc(score, positive, weights),
        weighted_calibration_error(score, right, weights),
        weighted_median(values, weights),
        strict=True,
    ):
        many = np.repeat(np.arange(n), row)
        assert area == pytest.approx(reference.roc_auc_score(positive[many], score[many]))
        own = np.ones((1, len(many)))
        assert error == pytest.approx(weighted_calibration_error(score[many], right[many], own)[0])
        assert middle == np.sort(values[many])[(len(many) - 1) // 2]


def test_auc_agrees_with_scikit_learn(rng):
    score, positive = np.round(rng.normal(size=300), 1), rng.random(300) < 0.3
    assert auc(score, positive) == pytest.approx(reference.roc_auc_score(positive, score))


def test_hd95_agrees_with_distances_of_scipy(rng):
    for _ in range(10):
        a, b = (
            ndimage.binary_opening(ndimage.gaussian_filter(rng.normal(size=(40, 50)), 3) > 0.05)
            for _ in range(2)
        )
        edges = [m & ~ndimage.binary_erosion(m) for m in (a, b)]
        there = [ndimage.distance_transform_edt(~edge) for edge in edges]
        wanted = max(np.percentile(there[1][edges[0]], 95), np.percentile(there[0][edges[1]], 95))
        assert hd95(a, b) == pytest.approx(wanted, abs=1e-4)
    assert np.isnan(hd95(a, np.zeros_like(a)))


def _slow_average_precision(score, hit, lesions):
    """Precision at every recall step, made monotone by looking at what is still to come."""
    order = np.argsort(-score, kind="stable")
    hits = hit[order]
    precision = [hits[: i + 1].mean() for i in range(len(hits))]
    return sum(max(precision[i:]) for i in range(len(hits)) if hits[i]) / lesions


def test_average_precision_agrees_with_a_loop(rng):
    score, hit = rng.random(80), rng.random(80) < 0.6
    lesions = int(hit.sum()) + 15
    assert average_precision(score, hit, lesions) == pytest.approx(
        _slow_average_precision(score, hit, lesions)
    )
    # Without ties, a detection drawn twice is two detections of the same score.
    weights = _drawn(rng, 80)
    found = weighted_average_precision(score, hit, weights, weights.sum(1))
    assert np.isfinite(found).all()
    assert weighted_average_precision([], [], np.zeros((3, 0)), np.ones(3)).tolist() == [0, 0, 0]


def test_a_true_box_is_found_once():
    truth = [(0, 0, 10, 10), (20, 20, 30, 30)]
    boxes = [(0, 0, 10, 9), (0, 0, 10, 10), (21, 20, 30, 30), (50, 50, 60, 60)]
    assert match_boxes(boxes, [0.2, 0.9, 0.5, 0.99], truth) == [None, 0, 1, None]


def test_groups_widen_an_interval(rng):
    values = np.repeat(rng.random(40) < 0.5, 10)
    slices = [str(i) for i in range(400)]
    runs = [str(i // 10) for i in range(400)]
    narrow, wide = (
        np.diff(Bootstrap(groups).interval(weighted_mean(values))) for groups in (slices, runs)
    )
    # Ten copies of forty values hold the information of forty values: root ten times as wide.
    assert wide / narrow == pytest.approx(np.sqrt(10), rel=0.15)


def test_the_interval_holds_the_truth_about_as_often_as_it_says():
    hits = 0
    for seed in range(120):
        rng = np.random.default_rng(seed)
        per_group = rng.integers(1, 6, 60)
        groups = np.repeat(np.arange(60), per_group)
        values = rng.normal(0.3, 1, 60)[groups] + rng.normal(0, 0.3, len(groups))
        low, high = Bootstrap(groups, 400, seed).interval(weighted_mean(values))
        hits += low <= 0.3 <= high
    assert 0.90 <= hits / 120 <= 0.98


def test_a_share_of_all_or_none_has_an_interval():
    draws = Bootstrap([str(i) for i in range(50)])
    low, high = draws.interval(weighted_mean(np.zeros(50)))
    assert low == pytest.approx(0.0, abs=1e-9)
    assert high == pytest.approx(0.0713, abs=1e-3)
    assert np.isnan(draws.value(weighted_ratio(np.zeros(50), np.zeros(50))))


def test_only_the_groups_spoken_about_count():
    groups = [f"g{i // 2}" for i in range(40)]
    draws, own = Bootstrap(groups), np.arange(40) < 4
    low, high = draws.interval(weighted_mean(np.zeros(40), own), where=own)
    assert (low, round(high, 3)) == (0.0, 0.658)  # two groups, not twenty
    alone = np.arange(40) < 2
    assert np.isnan(draws.interval(weighted_mean(np.full(40, 0.3), alone), where=alone)).all()
    sizes = weighted_mean(np.ones(40))
    assert draws.interval(sizes, share=False) == (1.0, 1.0)
