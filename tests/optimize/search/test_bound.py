"""The metric of the accuracy control is the larger loss, in units of its bound."""

from __future__ import annotations

import numpy as np
import pytest

from appliance.core.parity import Bounds
from appliance.runtime import Network
from optimize.search.bound import Steering
from tests.optimize.search.convolutions import convolution_model

import openvino as ov  # isort: skip (oneDAL before OpenVINO)


@pytest.fixture(scope="module")
def steering(plan):
    items, reference = plan._part(steers=True)
    names = plan.run.draft["outputs"]
    return Steering(plan.steering, items, plan.rule, reference, names, Bounds())


def _compiled(model):
    return ov.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})


def test_fp32_itself_uses_up_nothing(steering):
    value, worth = steering.metric(_compiled(convolution_model()), range(len(steering)))
    assert value == pytest.approx(1.0, abs=1e-6)
    assert len(worth) == len(steering)


def test_a_lost_mask_and_a_lost_label_are_both_over_the_bound(steering, plan):
    marks = steering._reference.copy()
    indices = list(range(len(steering)))
    worse = marks.copy()
    worse[:, 1] -= 0.02
    assert steering.used(indices, worse) == pytest.approx(2.0)
    worse = marks.copy()
    right = int(np.flatnonzero(marks[:, 0] == 1.0)[0])
    worse[right, 0] = 0.0
    assert steering.used(indices, worse) == pytest.approx(1 / len(steering) / 0.005)


def test_a_part_of_the_slices_is_held_against_the_same_part_of_fp32(steering, plan):
    """Ranking asks about few slices: a loss elsewhere must not show."""
    network = Network(plan.run.network("FP32"), plan.run.draft["outputs"], device="CPU")
    answers = [network.infer(item.array[None]) for item in plan.items[: len(steering)]]
    spoilt = 0
    marks = []
    for index, answer in enumerate(answers):
        plane = -answer["mask"][0, ..., 0] if index == spoilt else answer["mask"][0, ..., 0]
        marks.append(steering.mark(index, answer["logits"][0], plane))
    others = [index for index in range(len(answers)) if index != spoilt]
    assert steering.used(others, np.array(marks)[others]) == pytest.approx(0.0, abs=1e-6)


def test_what_was_asked_is_kept(steering):
    steering.asked.clear()
    steering.metric(_compiled(convolution_model()), [1])
    steering.metric(_compiled(convolution_model()), range(len(steering)))
    assert [count for count, _ in steering.asked] == [1, len(steering)]


def test_nncf_gets_numbers_to_ask_about_and_arrays_to_infer(steering, plan):
    dataset = steering.dataset()
    assert list(dataset.get_data([2, 0])) == [2, 0]
    (array,) = list(dataset.get_inference_data([1]))
    np.testing.assert_array_equal(array, plan.items[1].array[None])
