"""A run whose FP32 network finds bright spots by way of convolutions and an inverted residual."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from appliance import runtime  # noqa: F401  isort: skip (oneDAL before OpenVINO)
import openvino as ov
from openvino import opset13 as ops

from tests.tiny import SIZE
from tests.tiny_runs import write_run

CHANNELS, INNER = 8, 48


def _constant(array: np.ndarray) -> ov.Node:
    return ops.constant(np.ascontiguousarray(array, np.float32))


def _convolution(node: ov.Node, weights: np.ndarray, step: int = 1, pad: int = 0) -> ov.Node:
    return ops.convolution(node, _constant(weights), [step] * 2, [pad] * 2, [pad] * 2, [1, 1])


def _biased(node: ov.Node, channels: int, value: float = 0.0) -> ov.Node:
    return ops.add(node, _constant(np.full((1, channels, 1, 1), value)))


def _inverted_residual(node: ov.Node, rng: np.random.Generator, dead: int) -> ov.Node:
    """Gives back what it gets; its last `dead` inner channels are constant and add nothing new."""
    expand = rng.uniform(0.05, 0.4, (INNER, CHANNELS))
    expand[INNER - dead :] = 0
    project = np.linalg.pinv(expand)
    project[:, INNER - dead :] = 0.01
    bias = np.zeros((1, INNER, 1, 1))
    bias[0, INNER - dead :] = 0.5
    inner = ops.clamp(
        ops.add(_convolution(node, expand[:, :, None, None]), _constant(bias)), 0.0, 6.0
    )
    filters = np.zeros((INNER, 1, 1, 3, 3))
    filters[..., 1, 1] = 1.0
    deep = ops.group_convolution(inner, _constant(filters), [1, 1], [1, 1], [1, 1], [1, 1])
    inner = ops.clamp(_biased(deep, INNER), 0.0, 6.0)
    shift = -float(project[0, INNER - dead :].sum() * 0.5)
    return _biased(_convolution(inner, project[:, :, None, None]), CHANNELS, shift)


def convolution_model(dead: int = 8) -> ov.Model:
    """Mask logits rise with brightness, as in `tests.tiny.bright_spot_model`.

    The mask is joined from a bounded input (the blocks' end) and an unbounded one, a hundred times
    larger, which adds nothing: what one scale for both cannot serve.
    """
    rng = np.random.default_rng(3)
    image = ops.parameter([1, SIZE, SIZE, 1], np.float32, name="image")
    image.output(0).get_tensor().set_names({"image"})
    planes = ops.transpose(image, ops.constant(np.array([0, 3, 1, 2])))
    first = (
        np.full((CHANNELS, 1, 2, 2), 0.25) * np.linspace(0.5, 1.0, CHANNELS)[:, None, None, None]
    )
    stem = ops.clamp(_biased(_convolution(planes, first, 2), CHANNELS), 0.0, 6.0)
    body = _inverted_residual(_inverted_residual(stem, rng, dead), rng, dead)
    loud = _biased(_convolution(stem, np.full((CHANNELS, CHANNELS, 1, 1), 25.0)), CHANNELS)
    joined = ops.concat([body, loud], axis=1)
    joined.set_friendly_name("join")
    ends = np.concatenate([np.full(CHANNELS, 40 / 6.0), np.zeros(CHANNELS)])[None, :, None, None]
    mask = ops.add(_convolution(joined, ends), _constant(np.full((1, 1, 1, 1), -24.0)))
    spots = ops.avg_pool(mask, [4, 4], [0, 0], [0, 0], [4, 4], exclude_pad=True)
    peak = ops.reduce_max(spots, ops.constant(np.array([2, 3])), keep_dims=True)
    zero = ops.multiply(peak, ops.constant(np.float32(0)))
    column = ops.concat([peak, zero, zero, ops.negative(peak)], axis=1)
    pooled = ops.avg_pool(planes, [16, 16], [0, 0], [0, 0], [16, 16], exclude_pad=True)
    channels_last = ops.constant(np.array([0, 2, 3, 1]))
    named = {
        "logits": ops.reshape(column, ops.constant(np.array([1, 4])), False),
        "mask": ops.transpose(mask, channels_last),
        "cam": ops.transpose(ops.add(spots, column), channels_last),
        "embedding": ops.reshape(pooled, ops.constant(np.array([1, 16])), False),
    }
    results = []
    for name, node in named.items():
        node.output(0).get_tensor().set_names({name})
        results.append(ops.result(node))
    return ov.Model(results, [image], "convolutions")


def write_convolution_run(folder: Path, root: Path) -> Path:
    """A run on folds 1 to 3 whose networks are all `convolution_model`."""
    write_run(folder, root, (1, 2, 3))
    for precision in ("fp32", "fp16", "int8"):
        path = folder / "networks" / precision / "model.xml"
        ov.save_model(convolution_model(), str(path), compress_to_fp16=False)
    return folder
