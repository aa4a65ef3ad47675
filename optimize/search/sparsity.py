"""Pruning inside an IR, without training afterwards: weights, inner channels, activations.

References
----------
Han et al., Learning both weights and connections, NeurIPS 2015 (magnitude pruning). Sandler et
al., MobileNetV2, CVPR 2018 (the inverted residual whose inner channels can go). He et al., Channel
pruning, ICCV 2017. Kurtz et al., Inducing and exploiting activation sparsity, ICML 2020.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from appliance import runtime  # noqa: F401  isort: skip (oneDAL before OpenVINO)
import openvino as ov
from openvino import opset13 as ops

from optimize.search.layers import consumers, source, weighted

_WHOLE = 8
"""Channels go in eights: less would leave the vector units half empty."""
_SAMPLE = 20_000


def constant_of(node: ov.Node, port: int) -> np.ndarray | None:
    """The array behind an input, None where it is computed."""
    found = source(node, port)
    return np.array(found.data) if found.get_type_name() == "Constant" else None


def replace_constant(node: ov.Node, port: int, data: np.ndarray) -> None:
    """Give one input of one node another constant, of any shape."""
    fresh = ops.constant(np.ascontiguousarray(data, np.float32))
    fresh.set_friendly_name(source(node, port).get_friendly_name())
    node.input(port).replace_source_output(fresh.output(0))


def prune_weights(model: ov.Model, share: float) -> float:
    """Set the smallest weights of every layer to zero, depthwise layers left alone.

    Depthwise filters hold few weights for each channel, and few of all.

    Returns
    -------
    float
        Share of zeros among the weights of all layers.
    """
    zeros = total = 0
    for node in weighted(model):
        weights = constant_of(node, 1)
        if weights is None:
            continue
        if node.get_type_name() != "GroupConvolution":
            limit = np.quantile(np.abs(weights), share)
            weights = np.where(np.abs(weights) <= limit, 0.0, weights)
            replace_constant(node, 1, weights)
        zeros, total = zeros + int((weights == 0).sum()), total + weights.size
    return round(zeros / max(total, 1), 4)


@dataclass(frozen=True)
class Block:
    """An inverted residual: 1x1 convolution, bias, clamp, depthwise, bias, clamp, 1x1, bias."""

    expand: ov.Node
    expand_bias: ov.Node
    depth: ov.Node
    depth_bias: ov.Node
    inner: ov.Node
    project: ov.Node
    project_bias: ov.Node


def _next(node: ov.Node, kind: str) -> ov.Node | None:
    """The only consumer, where it is of a kind."""
    found = consumers(node)
    return found[0] if len(found) == 1 and found[0].get_type_name() == kind else None


def _chain(node: ov.Node, kinds: Sequence[str]) -> list[ov.Node] | None:
    chain = [node]
    for kind in kinds:
        found = _next(chain[-1], kind)
        if found is None:
            return None
        chain.append(found)
    return chain


_KINDS = ("Add", "Clamp", "GroupConvolution", "Add", "Clamp", "Convolution", "Add")


def blocks(model: ov.Model) -> list[Block]:
    """The inverted residuals of a network; their inner channels are seen by nothing else."""
    found = []
    for node in model.get_ordered_ops():
        chain = _chain(node, _KINDS) if node.get_type_name() == "Convolution" else None
        if chain is None:
            continue
        expand, expand_bias, _, depth, depth_bias, inner, project, project_bias = chain
        shapes = [constant_of(layer, 1) for layer in (expand, depth, project)]
        biases = [constant_of(layer, 1) for layer in (expand_bias, depth_bias, project_bias)]
        if any(array is None for array in (*shapes, *biases)):
            continue
        first, filters, last = (array.shape for array in shapes)  # type: ignore[union-attr]
        single = filters[1:3] == (1, 1) and filters[0] == first[0] == last[1]
        if first[2:] == (1, 1) and last[2:] == (1, 1) and single:
            found.append(
                Block(expand, expand_bias, depth, depth_bias, inner, project, project_bias)
            )
    return found


def watch(
    model: ov.Model, nodes: Sequence[ov.Node], arrays: Sequence[np.ndarray]
) -> list[list[np.ndarray]]:
    """What nodes of a network give for each input: one list for each input."""
    model = model.clone()
    wanted = {node.get_friendly_name() for node in nodes}
    by_name = {n.get_friendly_name(): n for n in model.get_ops() if n.get_friendly_name() in wanted}
    results = [ops.result(by_name[node.get_friendly_name()]) for node in nodes]
    model.add_results(results)
    settings = {"INFERENCE_PRECISION_HINT": "f32"}
    compiled = ov.Core().compile_model(model, "CPU", settings)
    first = len(compiled.outputs) - len(nodes)
    request = compiled.create_infer_request()
    rows = []
    for array in arrays:
        request.infer({0: array}, share_inputs=True)
        rows.append(
            [np.array(request.get_output_tensor(first + i).data) for i in range(len(nodes))]
        )
    return rows


def _moments(rows: Sequence[Sequence[np.ndarray]], index: int) -> tuple[np.ndarray, np.ndarray]:
    """Mean and spread of each channel over slices and places, (channels,) each."""
    planes = [row[index].astype(np.float64) for row in rows]
    mean = np.mean([plane.mean((0, 2, 3)) for plane in planes], axis=0)
    square = np.mean([(plane**2).mean((0, 2, 3)) for plane in planes], axis=0)
    return mean, np.sqrt(np.maximum(square - mean**2, 0.0))


def prune_channels(
    model: ov.Model, share: float, arrays: Sequence[np.ndarray]
) -> dict[str, int | list[int]]:
    """Remove inner channels of inverted residuals; layers become smaller for good.

    A channel counts by its spread over calibration slices times the length of the weights that
    use it. What is removed leaves its mean behind, in the bias of the layer that used it.

    Returns
    -------
    dict
        ``blocks``, ``before`` and ``after`` (inner channels of all blocks).
    """
    found = blocks(model)
    moments = []
    # One block at a time: the inner planes of all of them would be gigabytes.
    for block in found:
        rows = watch(model, [block.inner], arrays)
        moments.append(_moments(rows, 0))
    before = after = 0
    for block, (mean, spread) in zip(found, moments, strict=True):
        using = constant_of(block.project, 1)[:, :, 0, 0]  # type: ignore[index]
        count = len(mean)
        stay = max(_WHOLE, int(round(count * (1 - share) / _WHOLE)) * _WHOLE)
        before, after = before + count, after + min(stay, count)
        if stay >= count:
            continue
        worth = spread * np.sqrt((using.astype(np.float64) ** 2).sum(0))
        kept = np.sort(np.argsort(-worth, kind="stable")[:stay])
        lost = np.setdiff1d(np.arange(count), kept)
        _shrink(block, kept, using[:, lost] @ mean[lost])
    model.validate_nodes_and_infer_types()
    return {"blocks": len(found), "before": before, "after": after}


def _shrink(block: Block, kept: np.ndarray, left_behind: np.ndarray) -> None:
    for node, axis in (
        (block.expand, 0),
        (block.expand_bias, 1),
        (block.depth, 0),
        (block.depth_bias, 1),
        (block.project, 1),
    ):
        replace_constant(node, 1, np.take(constant_of(node, 1), kept, axis))
    bias = constant_of(block.project_bias, 1)
    replace_constant(block.project_bias, 1, bias + left_behind.reshape(1, -1, 1, 1))


def threshold_activations(
    model: ov.Model, share: float, arrays: Sequence[np.ndarray]
) -> dict[str, float]:
    """After every clamp, set the smallest values above zero to zero.

    Returns
    -------
    dict
        Mean share of zeros after clamps: ``before`` and ``after``.
    """
    clamps = [node for node in model.get_ordered_ops() if node.get_type_name() == "Clamp"]
    before, after = [], []
    for node in clamps:
        values = np.concatenate([_some(row[0]) for row in watch(model, [node], arrays)])
        above = values[values > 0]
        limit = float(np.quantile(above, share)) if len(above) else 0.0
        before.append(float((values == 0).mean()))
        after.append(float((values <= limit).mean()))
        _insert_threshold(node, limit)
    model.validate_nodes_and_infer_types()
    return {"before": round(float(np.mean(before)), 4), "after": round(float(np.mean(after)), 4)}


def _some(plane: np.ndarray) -> np.ndarray:
    flat = plane.ravel()
    return flat[:: max(1, flat.size // _SAMPLE)]


def _insert_threshold(node: ov.Node, limit: float) -> None:
    targets = list(node.output(0).get_target_inputs())
    over = ops.greater(node, ops.constant(np.float32(limit)))
    cut: Any = ops.select(over, node, ops.constant(np.float32(0.0)))
    cut.set_friendly_name(node.get_friendly_name() + "/thresholded")
    for target in targets:
        target.replace_source_output(cut.output(0))
