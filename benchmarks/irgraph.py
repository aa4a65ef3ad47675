"""A package's IR as layers and weights, so that other frameworks can run the same network.

The peers have to run the same network, and all that a user has is the package. So its FP16 IR is
read, OpenVINO's channels-first layout is dropped, and what is left is a `Graph`. The weights are
the IR's own: a peer in FP32 differs from the IR by rounding alone, and every row says by how much.

References
----------
OpenVINO operation specifications, opset 13: Convolution-1, DepthToSpace-1, GroupConvolution-1,
Interpolate-11.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from appliance.core.errors import ModelError
from benchmarks.graph import Graph

_ELEMENTWISE = {"Add": "add", "Multiply": "multiply", "Subtract": "subtract", "Divide": "divide"}
_TO_FIRST, _TO_LAST = [0, 3, 1, 2], [0, 2, 3, 1]


@dataclass(frozen=True)
class _Value:
    """What an IR port became: a layer, and whether the IR holds it channels first."""

    layer: str
    first: bool
    rank: int


class _Reader:
    """Walks an IR in order; each handler turns one node into no layer or one."""

    def __init__(self, model: Any) -> None:
        self.graph = Graph(tuple(int(d) for d in model.input(0).get_shape()))
        self.values: dict[tuple[str, int], _Value] = {}
        self.names: set[str] = set()

    def run(self, model: Any) -> Graph:
        for node in model.get_ordered_ops():
            kind = node.get_type_name()
            if kind in ("Constant", "Result") or self._constant_of(node) is not None:
                continue
            if kind == "Parameter":
                self._keep(node, _Value("image", False, 4))
                continue
            handler: Callable | None = getattr(self, f"_{kind.lower()}", None)
            if kind in _ELEMENTWISE:
                handler = self._elementwise
            if handler is None:
                raise ModelError(
                    f"the network has the operation {kind}, which benchmarks.graph cannot hand to "
                    "other frameworks yet"
                )
            handler(node)
        for output in model.outputs:
            value = self._value(output.node, 0)
            if value.rank == 4 and value.first:
                raise ModelError(f"output {output.any_name} is channels first; NHWC was expected")
            self.graph.outputs[output.any_name] = value.layer
        return self.graph

    # what a port holds

    def _constant_of(self, node: Any) -> np.ndarray | None:
        """Value of a constant, also of one stored in half precision."""
        if node.get_type_name() == "Convert":
            node = node.input_value(0).get_node()
        if node.get_type_name() != "Constant":
            return None
        return np.array(node.get_data())

    def _given(self, node: Any, index: int) -> np.ndarray | None:
        return self._constant_of(node.input_value(index).get_node())

    def _value(self, node: Any, index: int) -> _Value:
        source = node.input_value(index)
        return self.values[source.get_node().get_friendly_name(), source.get_index()]

    def _keep(self, node: Any, value: _Value) -> None:
        self.values[node.get_friendly_name(), 0] = value

    def _layer(
        self, node: Any, op: str, inputs: list[str], first: bool, rank: int, **attributes: Any
    ) -> None:
        name = f"n{len(self.graph.layers)}_{op}"
        for key in [k for k, v in attributes.items() if isinstance(v, np.ndarray)]:
            self.graph.arrays[f"{name}.{key}"] = attributes.pop(key).astype(np.float32)
        self.graph.layers.append({"op": op, "name": name, "inputs": inputs, **attributes})
        self._keep(node, _Value(name, first, rank))

    # operations

    def _convolution(self, node: Any) -> None:
        weights = np.asarray(self._given(node, 1)).transpose(2, 3, 1, 0)
        self._convolve(node, "conv", weights)

    def _groupconvolution(self, node: Any) -> None:
        weights = np.asarray(self._given(node, 1))  # groups, out, in, rows, columns
        if weights.shape[1:3] != (1, 1):
            raise ModelError("a grouped convolution that is not depthwise cannot be handed over")
        self._convolve(node, "depthwise", weights[:, 0, 0].transpose(1, 2, 0))

    def _convolve(self, node: Any, op: str, weights: np.ndarray) -> None:
        value, given = self._value(node, 0), node.get_attributes()
        if not value.first or set(given["dilations"]) != {1}:
            raise ModelError(f"{node.get_friendly_name()}: only plain channels-first convolutions")
        before, after = self._padding(node, given, weights.shape[:2])
        self._layer(
            node,
            op,
            [value.layer],
            True,
            4,
            weights=weights,
            bias=np.zeros(weights.shape[-1], np.float32),
            strides=[int(s) for s in given["strides"]],
            before=before,
            after=after,
        )

    @staticmethod
    def _padding(node: Any, given: dict, kernel: tuple[int, ...]) -> tuple[list[int], list[int]]:
        kind = str(given.get("auto_pad", "explicit")).lower()
        if kind == "valid":
            return [0, 0], [0, 0]
        if kind == "explicit":
            return [int(p) for p in given["pads_begin"]], [int(p) for p in given["pads_end"]]
        sides = [int(s) for s in node.input_value(0).get_shape()][2:]
        before, after = [], []
        for side, stride, width in zip(sides, given["strides"], kernel, strict=True):
            total = max((-(-side // stride) - 1) * stride + width - side, 0)
            less, more = total // 2, total - total // 2
            before.append(less if kind == "same_upper" else more)
            after.append(more if kind == "same_upper" else less)
        return before, after

    def _elementwise(self, node: Any) -> None:
        op = _ELEMENTWISE[node.get_type_name()]
        shape = node.output(0).get_shape()
        rank = len(shape)
        given = [self._given(node, 0), self._given(node, 1)]
        values = [None if g is not None else self._value(node, i) for i, g in enumerate(given)]
        first = next(value.first for value in values if value is not None)
        if op == "add" and self._becomes_bias(node, given, values):
            return
        names = [
            value.layer if value is not None else self._constant(constant, rank, first)
            for value, constant in zip(values, given, strict=True)
        ]
        self._layer(node, op, names, first, rank)

    def _becomes_bias(self, node: Any, given: list, values: list) -> bool:
        """Take a constant that is added to a convolution's channels into the convolution."""
        constant, value = (given[0], values[1]) if given[1] is None else (given[1], values[0])
        if constant is None or value is None or self._read_by(node, constant, value) != 1:
            return False
        layer = next((n for n in self.graph.layers if n["name"] == value.layer), None)
        if layer is None or layer["op"] not in ("conv", "depthwise"):
            return False
        bias = self.graph.arrays[f"{layer['name']}.bias"]
        if constant.size != bias.size or max(constant.shape, default=1) != constant.size:
            return False
        self.graph.arrays[f"{layer['name']}.bias"] = bias + constant.astype(np.float32).ravel()
        self._keep(node, value)
        return True

    def _read_by(self, node: Any, constant: np.ndarray, value: _Value) -> int:
        """How many nodes read the convolution that a bias would go into."""
        for port in (node.input_value(0), node.input_value(1)):
            key = (port.get_node().get_friendly_name(), port.get_index())
            if self.values.get(key) == value:
                return len(port.get_target_inputs())
        return 0

    def _constant(self, value: np.ndarray, rank: int, first: bool) -> str:
        array = value.astype(np.float32)
        if array.ndim and rank == 4:
            array = array.reshape((1,) * (4 - array.ndim) + array.shape)
            array = array.transpose(_TO_LAST) if first else array
        name = f"n{len(self.graph.layers)}_const"
        self.graph.arrays[f"{name}.value"] = array
        self.graph.layers.append({"op": "const", "name": name, "inputs": []})
        return name

    def _clamp(self, node: Any) -> None:
        given, value = node.get_attributes(), self._value(node, 0)
        low, high = float(given["min"]), float(given["max"])
        self._layer(node, "clamp", [value.layer], value.first, value.rank, low=low, high=high)

    def _relu(self, node: Any) -> None:
        value = self._value(node, 0)
        self._layer(node, "relu", [value.layer], value.first, value.rank)

    def _sigmoid(self, node: Any) -> None:
        value = self._value(node, 0)
        self._layer(node, "sigmoid", [value.layer], value.first, value.rank)

    def _transpose(self, node: Any) -> None:
        """No layer: only what the axes are called changes."""
        value, order = self._value(node, 0), self._given(node, 1).tolist()
        if value.rank != 4 or order != (_TO_LAST if value.first else _TO_FIRST):
            raise ModelError(f"{node.get_friendly_name()}: a transposition of another kind")
        self._keep(node, _Value(value.layer, not value.first, 4))

    def _reshape(self, node: Any) -> None:
        """A transposition where one channel makes both the same, or the loss of single axes."""
        value = self._value(node, 0)
        before = [int(d) for d in node.input_value(0).get_shape()]
        after = [int(d) for d in node.output(0).get_shape()]
        if value.rank == 4 and len(after) == 4 and 1 in (before[1], before[3]):
            order = _TO_LAST if value.first else _TO_FIRST
            if [before[i] for i in order] == after:
                self._keep(node, _Value(value.layer, not value.first, 4))
                return
        if [d for d in before if d != 1] == [d for d in after if d != 1] and len(after) == 2:
            self._layer(node, "flatten", [value.layer], False, 2)
            return
        raise ModelError(f"{node.get_friendly_name()}: reshape {before} to {after} has no meaning")

    def _concat(self, node: Any) -> None:
        values = [self._value(node, i) for i in range(node.get_input_size())]
        axis = int(node.get_attributes()["axis"]) % values[0].rank
        last = 1 if values[0].rank == 2 or values[0].first else 3
        if axis != last:
            raise ModelError(f"{node.get_friendly_name()}: joined along an axis of space")
        names = [value.layer for value in values]
        self._layer(node, "concat", names, values[0].first, values[0].rank)

    def _reducemean(self, node: Any) -> None:
        self._reduce(node, "mean")

    def _reducesum(self, node: Any) -> None:
        self._reduce(node, "sum")

    def _reduce(self, node: Any, op: str) -> None:
        value = self._value(node, 0)
        axes = sorted(int(a) % value.rank for a in np.ravel(self._given(node, 1)))
        keep = bool(node.get_attributes()["keep_dims"])
        if value.rank == 2 and axes == [1] and keep:
            self._layer(node, f"{op}_channels", [value.layer], False, 2)
        elif value.rank == 4 and axes == ([2, 3] if value.first else [1, 2]):
            rank = 4 if keep else 2
            self._layer(node, op, [value.layer], value.first and keep, rank, keep=keep)
        else:
            raise ModelError(f"{node.get_friendly_name()}: reduced over other axes than space")

    def _avgpool(self, node: Any) -> None:
        given, value = node.get_attributes(), self._value(node, 0)
        factor = [int(k) for k in given["kernel"]]
        if factor != [int(s) for s in given["strides"]] or any(given["pads_begin"]):
            raise ModelError(f"{node.get_friendly_name()}: only averages of whole blocks")
        self._layer(node, "average", [value.layer], True, 4, factor=factor)

    def _depthtospace(self, node: Any) -> None:
        given, value = node.get_attributes(), self._value(node, 0)
        if given["mode"] != "blocks_first" or not value.first:
            raise ModelError(f"{node.get_friendly_name()}: only blocks first, channels first")
        self._layer(node, "shuffle", [value.layer], True, 4, block=int(given["block_size"]))

    def _interpolate(self, node: Any) -> None:
        given, value = node.get_attributes(), self._value(node, 0)
        shape = [int(d) for d in node.output(0).get_shape()]
        plain = given["mode"] in ("linear", "linear_onnx")
        if not plain or given["coordinate_transformation_mode"] != "half_pixel":
            raise ModelError(f"{node.get_friendly_name()}: only bilinear with half pixels")
        size = shape[2:] if value.first else shape[1:3]
        self._layer(node, "resize", [value.layer], value.first, 4, size=size)

    def _matmul(self, node: Any) -> None:
        weights, value = self._given(node, 1), self._value(node, 0)
        if weights is None or value.rank != 2 or node.get_attributes()["transpose_a"]:
            raise ModelError(f"{node.get_friendly_name()}: only a matrix of weights")
        matrix = weights.T if node.get_attributes()["transpose_b"] else weights
        self._layer(node, "dense", [value.layer], False, 2, weights=np.ascontiguousarray(matrix))

    def _pad(self, node: Any) -> None:
        value = self._value(node, 0)
        before, after = (self._given(node, i).tolist() for i in (1, 2))
        if value.rank != 2 or before != [0, 0] or after[0]:
            raise ModelError(f"{node.get_friendly_name()}: only channels after the last")
        self._layer(node, "pad_channels", [value.layer], False, 2, after=int(after[1]))


def read_ir(model: Path) -> Graph:
    """The layers of an IR with one NHWC input.

    Raises
    ------
    ModelError
        When it cannot be read or has an operation with no counterpart here.
    """
    from appliance import runtime  # noqa: F401  isort: skip (oneDAL before OpenVINO)
    import openvino as ov  # isort: skip

    try:
        network = ov.Core().read_model(model)
    except RuntimeError as error:
        raise ModelError(f"{model.name} cannot be read: {error}") from error
    return _Reader(network).run(network)
