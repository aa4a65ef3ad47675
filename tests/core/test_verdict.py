"""The rule: what may be claimed, and when it must say that it does not know."""

import json

import numpy as np
import pytest

from appliance.core.errors import ManifestError
from appliance.core.verdict import Rule, drawn_planes, mask_evidence, read_slice, sigmoid

RULE = Rule()
YES, NO = np.full((16, 16), 5.0), np.full((16, 16), -5.0)
GLIOMA, HEALTHY = np.array([6.0, 0, 0, 0]), np.array([0.0, 0, 0, 6.0])


def reading(logits, mask):
    return read_slice(logits, mask, RULE)


def test_agreement():
    assert reading(GLIOMA, YES).verdict == "tumor"
    assert reading(HEALTHY, NO).verdict == "no_tumor"


@pytest.mark.parametrize(
    ("logits", "mask", "reason"), [(GLIOMA, NO, "classifier_only"), (HEALTHY, YES, "mask_only")]
)
def test_disagreement_is_uncertain_and_drawn(logits, mask, reason):
    found = reading(logits, mask)
    assert found.verdict == "uncertain"
    assert reason in found.reasons
    assert found.drawn


@pytest.mark.parametrize("seed", range(40))
def test_invariants_for_any_outputs(seed):
    rng = np.random.default_rng(seed)
    rule = Rule(set_thresholds=tuple(rng.uniform(0.01, 0.6, 4)), temperature=rng.uniform(0.3, 3))
    found = read_slice(rng.normal(0, 6, 4), rng.normal(0, 6, (9, 9)), rule)
    assert found.probabilities.sum() == pytest.approx(1.0)
    assert found.label in found.prediction_set
    both = "no_tumor" in found.prediction_set and len(found.prediction_set) > 1
    if both:
        assert found.verdict == "uncertain"
    if found.verdict == "tumor":
        assert found.label != "no_tumor"
    if found.verdict == "no_tumor":
        assert found.label == "no_tumor"
        assert not found.drawn
    assert (found.verdict == "uncertain") == bool(found.reasons)


def test_nothing_is_drawn_on_a_healthy_slice():
    planes = drawn_planes(np.stack([YES, YES]), [reading(HEALTHY, NO), reading(GLIOMA, YES)])
    assert planes[0].max() == 0.0
    assert planes[1].min() == pytest.approx(float(sigmoid(5.0)))


def test_a_rule_survives_json_and_an_older_one_has_a_threshold_for_all_labels():
    rule = Rule(set_thresholds=(0.5, 0.1, 0.4, 0.3), temperature=1.5)
    assert Rule.from_json(json.loads(json.dumps(rule.to_json()))) == rule
    assert Rule.from_json({"set_threshold": 0.2}).set_thresholds == (0.2, 0.2, 0.2, 0.2)
    assert Rule.from_json({}) == Rule()


@pytest.mark.parametrize(
    "document",
    [
        {"x": 1},
        {"temperature": "1"},
        {"offset": float("nan")},
        {"temperature": [1, 1, 1, 1]},
        {"set_thresholds": 0.2},
        {"set_thresholds": [0.2, 0.2, 0.2]},
        {"set_thresholds": [0.2, 0.2, 0.2, "0.2"]},
        {"set_threshold": None},
    ],
)
def test_bad_rules_are_refused(document):
    with pytest.raises(ManifestError):
        Rule.from_json(document)


def test_rule_round_trip():
    assert Rule.from_json(RULE.to_json()) == RULE


@pytest.mark.parametrize("shape", [(224, 224), (112, 112), (9, 7), (3, 3)])
def test_mask_evidence_is_the_mean_of_the_strongest(shape):
    logits = np.random.default_rng(4).normal(size=shape).astype(np.float32)
    strongest = np.sort(logits.ravel())[-24:]
    assert mask_evidence(logits, 24) == pytest.approx(float(strongest.mean()), rel=1e-6)
    flat = np.full(shape, -3.0, np.float32)  # every pixel is as strong as the next
    assert mask_evidence(flat, 24) == pytest.approx(-3.0)
