"""Calibration recovers what was put in, and never claims more than it saw."""

import numpy as np
import pytest

from appliance.core.metrics import calibration_error
from appliance.core.types import LABELS
from appliance.core.verdict import softmax
from optimize.calibrate import Answers, _set_threshold, fit_presence, fit_temperature


@pytest.mark.parametrize("true_temperature", [0.7, 2.0])
def test_temperature_is_recovered(true_temperature):
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 3, (6000, 4))
    chances = softmax(logits / true_temperature)
    labels = np.array([rng.choice(4, p=p) for p in chances])
    found = fit_temperature(Answers(logits, np.zeros((1, 1, 1)), np.zeros((1, 1)), labels))
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
    logits = rng.normal(0, 1, (4000, 4)) + 2.0 * np.eye(4)[labels]
    chances = softmax(logits)
    threshold = _set_threshold(chances[:2000], labels[:2000], 0.95)
    for index in range(len(LABELS)):
        own = chances[2000:][labels[2000:] == index, index]
        assert (own >= threshold).mean() > 0.92
