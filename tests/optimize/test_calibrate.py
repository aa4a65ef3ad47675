"""Calibration recovers what was put in, and never claims more than it saw."""

import numpy as np
import pytest

from appliance.core.errors import NotFound
from appliance.core.metrics import calibration_error
from appliance.core.types import LABELS
from appliance.core.verdict import softmax
from optimize.answers import PIXEL_THRESHOLDS, Answers, pooled
from optimize.calibrate import _set_thresholds, fit_presence, fit_rule, fit_temperature


@pytest.mark.parametrize("true_temperature", [0.7, 2.0])
def test_temperature_is_recovered(true_temperature):
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 3, (6000, 4))
    chances = softmax(logits / true_temperature)
    labels = np.array([rng.choice(4, p=p) for p in chances])
    nothing = np.zeros((1, 1))
    found = fit_temperature(Answers(logits, nothing[None], nothing, labels, nothing))
    assert found == pytest.approx(true_temperature, rel=0.1)
    after = softmax(logits / found)
    assert calibration_error(after.max(1), after.argmax(1) == labels) < 0.02


def test_both_witnesses_keep_a_say():
    rng = np.random.default_rng(1)
    tumour = rng.random(600) < 0.7
    odds = np.where(tumour, 8.0, -8.0) + rng.normal(0, 1, 600)
    evidence = np.where(tumour, 3.0, -3.0) + rng.normal(0, 3, 600)
    classifier, mask, _ = fit_presence(odds, evidence, tumour)
    assert classifier > 0.2
    assert mask > 0.1


def test_the_set_covers_every_class():
    rng = np.random.default_rng(2)
    labels = rng.integers(0, 4, 4000)
    gain = np.array([2.0, 1.0, 2.0, 2.0])  # one class is harder to tell
    chances = softmax(rng.normal(0, 1, (4000, 4)) + (gain * np.eye(4))[labels])
    thresholds = _set_thresholds(chances[:2000], labels[:2000], 0.95)
    assert thresholds[1] < min(thresholds[0], thresholds[2])
    assert thresholds[LABELS.index("no_tumor")] <= 0.1
    for index in range(len(LABELS)):
        own = chances[2000:][labels[2000:] == index, index]
        assert (own >= thresholds[index]).mean() > 0.92
        assert (own >= thresholds[index]).mean() < 0.98 or LABELS[index] == "no_tumor"


def make_answers(seed: int, n: int = 400) -> Answers:
    """Answers of a network that is right most of the time."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 4, n)
    tumour = labels != LABELS.index("no_tumor")
    mask = rng.normal(-6, 1, (n, 8, 8)) + 12.0 * tumour[:, None, None]
    overlaps = np.where(tumour[:, None], 0.8, np.nan) - 0.1 * np.abs(
        np.array(PIXEL_THRESHOLDS) - 0.4
    )
    logits = rng.normal(0, 1, (n, 4)) + 4.0 * np.eye(4)[labels]
    return Answers(logits, mask, rng.normal(size=(n, 6)), labels, overlaps)


def test_the_rule_takes_the_best_pixel_threshold_and_keeps_quiet():
    answers = make_answers(3)
    rule = fit_rule(answers)
    assert rule.pixel_threshold == 0.4
    healthy = answers.labels == LABELS.index("no_tumor")
    evidence = np.sort(answers.mask.reshape(len(healthy), -1), axis=1)[:, -rule.top_pixels :].mean(
        1
    )
    assert (evidence[healthy] >= rule.mask_threshold).mean() <= 0.03


def test_answers_pool_and_survive_bytes():
    parts = [make_answers(seed, 20) for seed in (1, 2)]
    whole = pooled(parts)
    assert len(whole.labels) == len(whole.mask) == 40
    assert whole.embedding.size == 0  # embeddings of two networks have nothing in common
    again = Answers.from_bytes(parts[0].to_bytes())
    assert (again.embedding == parts[0].embedding).all()
    assert np.array_equal(again.overlaps, parts[0].overlaps, equal_nan=True)


def test_a_missing_class_is_said():
    answers = make_answers(3)
    labels = np.where(answers.labels == 2, 1, answers.labels)
    with pytest.raises(NotFound, match="pituitary"):
        fit_rule(Answers(answers.logits, answers.mask, answers.embedding, labels, answers.overlaps))
