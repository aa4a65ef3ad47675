"""Fitting the verdict of a registration: pairs with known truth, folds by head, honest figures."""

import argparse
import json

import numpy as np
import pytest

from appliance.core.transforms import about, corners, moved, target_errors
from appliance.registration.evidence import NAMES
from appliance.registration.verdict import PICTURES, VOLUMES, Limits
from training import registration, registration_pairs, registration_volumes


def row(number: int, right: bool, source: str = "generated") -> dict:
    """Evidence that tells right from wrong, with some noise."""
    rng = np.random.default_rng(number)
    shown = {name: float(rng.normal(1.0 if right else 0.0, 0.25)) for name in NAMES}
    shown["recovery"] = float(abs(rng.normal(0.0 if right else 0.3, 0.02)))
    shown["halves"] = float(abs(rng.normal(0.0 if right else 0.03, 0.002)))
    kind = "right" if right else "mirrored"
    error = 0.004 if right else None
    return {
        "source": source, "k": number, "seed": 0, "kind": kind, "group": f"g{number // 2}",
        "error": error, "error_px": None if error is None else 0.6, "blank": False, **shown,
    }  # fmt: skip


ROWS = [row(k, k % 3 != 0) for k in range(60)]


def test_logistic_weights_point_at_what_tells_them_apart():
    rng = np.random.default_rng(0)
    y = rng.random(300) < 0.2
    X = np.column_stack([y + 0.3 * rng.standard_normal(300), rng.standard_normal(300)])
    weights, intercept = registration.logistic(X, y)
    assert weights[0] > 1.0
    assert abs(weights[1]) < 0.2 * weights[0]
    assert ((X @ weights + intercept > 0) == y).mean() > 0.9


def test_a_head_is_in_one_fold_only():
    groups = [f"g{k // 3}" for k in range(30)]
    folds = registration._folds(groups)
    assert {len(set(folds[np.array(groups) == g])) for g in groups} == {1}
    assert len(set(folds.tolist())) == 5


def test_fitted_limits_are_read_and_tell_right_from_wrong():
    document, report = registration.fitted_limits([*ROWS, row(900, True, "ct_mr")], ROWS)
    document = json.loads(json.dumps(document))
    for part in (PICTURES, VOLUMES):
        limits = Limits.from_json(document, part)
        assert limits.failed <= limits.good
        assert limits.probability(row(901, True)) > 0.5 > limits.probability(row(902, False))
    held = report[PICTURES]["held_out"]
    assert held["generated: right, found"]["good"] >= 0.9
    assert held["generated: mirrored"]["good"] <= 0.1
    assert report[PICTURES]["judged"]["ct_mr: right, found"]["n"] == 1
    assert document[PICTURES]["n"]["right"] == sum(r["kind"] == "right" for r in ROWS)


def test_good_begins_a_third_into_a_gap_and_no_cut_passes_the_other():
    right = np.array([True] * 20 + [False] * 20)
    apart = np.array([0.9] * 20 + [0.1] * 20)
    assert registration._cuts(apart, right) == pytest.approx((1 / (1 + 9 ** (1 / 3)), 0.1))
    mixed = np.linspace(0.1, 0.9, 40)
    good, failed = registration._cuts(mixed, right)
    assert failed == good < 0.2


def test_figures_count_a_missed_pair_apart():
    missed = {**row(3, True), "error": 0.2, "error_px": 30.0}
    _, report = registration.fit([*ROWS, missed])
    assert report["generated: right, missed"]["n"] == 1
    assert report["generated: error_px"]["median"] == 0.6


def test_an_interrupted_measurement_goes_on(tmp_path, monkeypatch):
    made = {**row(0, True), "k": 0}
    (tmp_path / "rows.jsonl").write_text(json.dumps(made) + "\n")
    arguments = argparse.Namespace(out=tmp_path, seed=0, workers=1)
    assert registration.measured([("generated", 0)], tmp_path, arguments) == [made]


def test_a_displaced_point_is_found_where_the_truth_says():
    picture = np.zeros((64, 64), np.float32)
    picture[20:23, 40:43] = 1.0
    truth = about((31.5, 31.5), np.eye(2) * 1.1, (5.0, -7.0))
    shifted = registration_pairs.displaced(picture, truth)
    found = np.array(np.nonzero(shifted > 0.5)).mean(1)
    assert found == pytest.approx(moved(truth, np.array([[21.0, 41.0]]))[0], abs=0.6)


@pytest.mark.parametrize("k", [0, 1])
def test_a_generated_pair_is_repeated_exactly_and_broken_ones_have_no_truth(k):
    one, two = (registration_pairs.generated(k, seed=1) for _ in range(2))
    assert (one.moving == two.moving).all()
    assert one.fixed.shape == one.moving.shape == (256, 256)
    assert (one.truth is not None) == (one.kind == registration_pairs.RIGHT) == (k == 0)
    assert np.isfinite(one.moving).all()


def test_known_transforms_stay_within_what_is_promised():
    rng = np.random.default_rng(0)
    middle = np.full((1, 2), 127.5)
    for _ in range(50):
        shift = moved(registration_pairs.known(rng), middle)[0] - middle[0]
        assert np.abs(shift).max() <= 20.0


def test_bending_moves_by_a_few_pixels_at_most():
    rng = np.random.default_rng(0)
    ramp = np.tile(np.arange(128, dtype=np.float32), (128, 1))
    for _ in range(10):
        change = registration_pairs._bent(ramp, rng) - ramp
        assert 0.0 < np.abs(change[20:-20, 20:-20]).max() < 10.0


def test_a_pair_of_volumes_is_moved_as_its_truth_says():
    right, broken = (registration_volumes.volumes(k, 2, (6, 24, 24)) for k in (0, 1))
    assert right.kind == registration_pairs.RIGHT
    assert broken.truth is None
    assert right.fixed.shape == right.moving.shape
    points = corners((-60, -60, -60), (60, 60, 60))
    assert 0.0 < target_errors(right.truth, np.eye(4), points).max() < 60.0
