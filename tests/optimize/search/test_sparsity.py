"""Pruning removes what it says, and nothing that matters where nothing matters."""

from __future__ import annotations

import numpy as np
import pytest

from optimize.search import layers, sparsity
from tests.optimize.search.convolutions import CHANNELS, INNER, convolution_model
from tests.tiny import SIZE

import openvino as ov  # isort: skip (oneDAL before OpenVINO)


@pytest.fixture(scope="module")
def arrays():
    rng = np.random.default_rng(0)
    return [rng.uniform(0, 1, (1, SIZE, SIZE, 1)).astype(np.float32) for _ in range(4)]


def _answers(model, arrays):
    compiled = ov.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return [np.array(compiled(array)[compiled.output("mask")]) for array in arrays]


def test_half_of_the_weights_of_each_layer_are_zero_the_smallest_ones():
    model, before = convolution_model(dead=0), convolution_model(dead=0)
    sparsity.prune_weights(model, 0.5)
    compared = 0
    for old, new in zip(layers.weighted(before), layers.weighted(model), strict=True):
        was, now = sparsity.constant_of(old, 1), sparsity.constant_of(new, 1)
        if old.get_type_name() == "GroupConvolution":
            np.testing.assert_array_equal(was, now)
            continue
        gone = (now == 0) & (was != 0)
        assert (now == 0).mean() >= 0.5
        if gone.any() and (now != 0).any():
            compared += 1
            assert np.abs(was[gone]).max() <= np.abs(now[now != 0]).min()
    assert compared >= 4


def test_the_share_of_zeros_counts_all_weights():
    model = convolution_model(dead=0)
    said = sparsity.prune_weights(model, 0.5)
    weights = [sparsity.constant_of(node, 1) for node in layers.weighted(model)]
    flat = np.concatenate([w.ravel() for w in weights])
    assert said == pytest.approx((flat == 0).mean(), abs=1e-3)


def test_the_inverted_residuals_are_found():
    found = sparsity.blocks(convolution_model())
    assert len(found) == 2
    shapes = [sparsity.constant_of(block.project, 1).shape for block in found]
    assert shapes == [(CHANNELS, INNER, 1, 1)] * 2


def test_channels_that_say_nothing_go_without_a_trace(arrays):
    """Eight constant channels: their mean, folded into the bias, is all they said."""
    model = convolution_model(dead=8)
    before = _answers(model, arrays)
    done = sparsity.prune_channels(model, 8 / INNER, arrays)
    assert done == {"blocks": 2, "before": 2 * INNER, "after": 2 * (INNER - 8)}
    depth = [n for n in layers.weighted(model) if n.get_type_name() == "GroupConvolution"]
    assert [tuple(n.get_output_shape(0))[1] for n in depth] == [INNER - 8] * 2
    for old, new in zip(before, _answers(model, arrays), strict=True):
        np.testing.assert_allclose(new, old, atol=2e-3)


def test_channels_that_matter_leave_a_mark(arrays):
    model = convolution_model(dead=0)
    before = _answers(model, arrays)
    sparsity.prune_channels(model, 0.7, arrays)
    assert np.abs(_answers(model, arrays)[0] - before[0]).max() > 0.1


def test_small_activations_become_zero_and_large_ones_stay(arrays):
    model = convolution_model(dead=8)
    (clamp, *_) = [n for n in model.get_ordered_ops() if n.get_type_name() == "Clamp"]
    was = sparsity.watch(model, [clamp], arrays)[0][0]
    shares = sparsity.threshold_activations(model, 0.2, arrays)
    assert shares["after"] > shares["before"]
    names = {n.get_friendly_name(): n for n in model.get_ops()}
    cut = names[clamp.get_friendly_name() + "/thresholded"]
    now = sparsity.watch(model, [cut], arrays)[0][0]
    gone = (now == 0) & (was > 0)
    assert gone.sum() / (was > 0).sum() == pytest.approx(0.2, abs=0.03)
    np.testing.assert_array_equal(now[~gone], was[~gone])
    assert was[gone].max() <= now[now > 0].min()
