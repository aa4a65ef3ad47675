"""The comparison sees what was put in: shifts, flips, lost accuracy, lost outlines."""

from __future__ import annotations

import math

import numpy as np
import pytest

from appliance.core.parity import Bounds, compare, failures, mcnemar, table, tell
from appliance.core.types import LABELS
from appliance.core.verdict import Rule

N, SIDE = 40, 16
RULE = Rule(top_pixels=8)
GLIOMA, HEALTHY = LABELS.index("glioma"), LABELS.index("no_tumor")


def outputs(tumour: np.ndarray) -> dict[str, np.ndarray]:
    """Clear answers: a glioma with a square outline, or nothing."""
    logits = np.zeros((len(tumour), 4), np.float32)
    logits[np.arange(len(tumour)), np.where(tumour, GLIOMA, HEALTHY)] = 9
    mask = np.full((len(tumour), SIDE, SIDE, 1), -6, np.float32)
    mask[tumour, 4:12, 4:12] = 6
    return {"logits": logits, "mask": mask, "embedding": logits @ np.ones((4, 3), np.float32)}


@pytest.fixture
def tumour():
    return np.arange(N) % 2 == 0


@pytest.fixture
def truth(tumour):
    return np.where(tumour, GLIOMA, HEALTHY)


def test_a_network_agrees_with_itself(tumour, truth):
    told = tell(outputs(tumour), RULE, overlaps=np.where(tumour, 0.8, np.nan))
    row = compare(told, told, truth)
    assert set(row["max_difference"].values()) == {0.0}
    assert (row["label_flips"], row["class_flips"], row["verdict_flips"]) == (0, 0, 0)
    assert row["mask_dice"] == 1.0
    assert row["accuracy"] == [1.0, 1.0]
    assert row["dice"] == [pytest.approx(0.8)] * 2
    assert row["mcnemar"] == {"only_reference_right": 0, "only_candidate_right": 0, "p": 1.0}
    assert not failures(row, Bounds(difference=0.0))


def test_flips_and_lost_accuracy_are_counted(tumour, truth):
    other = outputs(tumour)
    other["logits"][:4] = other["logits"][[1, 0, 3, 2]]
    other["mask"][:4] = other["mask"][[1, 0, 3, 2]]
    row = compare(tell(outputs(tumour), RULE), tell(other, RULE), truth)
    assert row["label_flips"] == row["class_flips"] == row["verdict_flips"] == 4 / N
    assert row["accuracy"] == [1.0, 1 - 4 / N]
    assert row["mcnemar"]["only_reference_right"] == 4
    assert row["mcnemar"]["p"] == pytest.approx(2 * 0.5**4)
    assert row["mask_dice"] < 1
    missed = failures(row, Bounds())
    assert len(missed) == 2
    assert "10.00%" in missed[0]
    assert "accuracy" in missed[1]


def test_a_gain_is_no_failure(tumour, truth):
    worse, better = outputs(tumour), outputs(tumour)
    worse["logits"][:1] = worse["logits"][1]
    row = compare(tell(worse, RULE), tell(better, RULE), truth)
    assert not failures(row, Bounds(flips=1.0))


def test_a_moved_outline_shows_in_masks_and_dice(tumour, truth):
    other = outputs(tumour)
    other["mask"] = np.roll(other["mask"], 4, axis=2)
    one = tell(outputs(tumour), RULE, overlaps=np.where(tumour, 1.0, np.nan))
    row = compare(one, tell(other, RULE, overlaps=np.where(tumour, 0.5, np.nan)), truth)
    assert row["mask_dice"] == pytest.approx(0.5)
    assert row["label_flips"] == 0
    assert any("Dice" in text for text in failures(row, Bounds()))


def test_a_difference_of_any_output_can_be_bounded(tumour):
    other = outputs(tumour)
    other["embedding"][3] += 0.01
    row = compare(tell(outputs(tumour), RULE), tell(other, RULE))
    assert row["max_difference"]["embedding"] == pytest.approx(0.01, rel=1e-3)
    assert failures(row, Bounds(difference=2e-3))
    assert not failures(row, Bounds())


def test_refusals_are_counted_apart(tumour, truth):
    scores = np.zeros(N)
    scores[:3] = 2.0
    one, other = tell(outputs(tumour), RULE, scores=np.zeros(N)), tell(
        outputs(tumour), RULE, scores=scores
    )  # fmt: skip
    row = compare(one, other, truth, limit=1.0)
    assert row["refusal_flips"] == row["served_flips"] == 3 / N
    assert row["label_flips"] == 0
    assert not failures(row, Bounds())


def test_slices_without_any_outline_have_no_mask_dice():
    healthy = np.zeros(4, bool)
    told = tell(outputs(healthy), RULE)
    assert compare(told, told)["mask_dice"] is None


@pytest.mark.parametrize("pair", [(0, 5), (2, 7), (6, 1)])
def test_mcnemar_is_the_two_sided_binomial_test(pair):
    n = sum(pair)
    weights = [math.comb(n, k) / 2**n for k in range(n + 1)]
    wanted = sum(w for k, w in enumerate(weights) if min(k, n - k) <= min(pair))
    assert mcnemar(*pair) == pytest.approx(wanted)


def test_the_table_names_the_pair_and_what_was_missed(tumour, truth):
    row = compare(tell(outputs(tumour), RULE), tell(outputs(~tumour), RULE), truth)
    row |= {"device": "CPU", "reference": "FP32", "candidate": "INT8", "gated": True}
    text = table([{**row, "failures": failures(row, Bounds())}])
    assert "FP32 > INT8" in text
    assert "MISSED" in text
    assert "CPU FP32 > INT8: labels differ on 100.00%" in text
    assert "refusals" not in text.splitlines()[0]
