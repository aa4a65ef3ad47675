"""A `Graph` to ONNX, FP32 and statically quantised: ``python -m benchmarks.peers.onnx_convert``.

Quantisation follows ONNX Runtime's own advice for CPUs with VNNI: QDQ, per-channel signed weights,
unsigned activations, after its shape inference and optimisation step.

References
----------
https://onnxruntime.ai/docs/performance/model-optimizations/quantization.html
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from benchmarks.graph import Graph

_OPSET = 17
_FIRST, _LAST = [0, 3, 1, 2], [0, 2, 3, 1]


class _Writer:
    """Channels-first ONNX nodes, one layer after the other."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self.ranks = {"image": 4}

    def constant(self, name: str, value: np.ndarray) -> str:
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def node(self, kind: str, inputs: list[str], name: str, **attributes: object) -> None:
        self.nodes.append(helper.make_node(kind, inputs, [name], name=name, **attributes))

    def write(self) -> onnx.ModelProto:
        one, rows, columns, channels = self.graph.shape
        image = helper.make_tensor_value_info("image", TensorProto.FLOAT, self.graph.shape)
        flat = np.array([one, channels, rows, columns], np.int64)
        if channels == 1:  # the same numbers in the same order
            self.node("Reshape", ["image", self.constant("first", flat)], "image_first")
        else:
            self.node("Transpose", ["image"], "image_first", perm=_FIRST)
        for layer in self.graph.layers:
            inputs = ["image_first" if i == "image" else i for i in layer["inputs"]]
            self.ranks[layer["name"]] = getattr(self, f"_{layer['op']}")(layer, inputs)
        results = []
        for name, layer in self.graph.outputs.items():
            if self.ranks[layer] == 4:
                self.node("Transpose", [layer], name, perm=_LAST)
            else:
                self.node("Identity", [layer], name)
            rank = [1, *[f"{name}{axis}" for axis in range(1, self.ranks[layer])]]
            results.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, rank))
        graph = helper.make_graph(self.nodes, "network", [image], results, self.constants)
        model = helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=9
        )
        onnx.checker.check_model(model)
        return model

    def _array(self, layer: dict, key: str) -> np.ndarray:
        return self.graph.arrays[f"{layer['name']}.{key}"]

    def _convolve(self, layer: dict, inputs: list[str], weights: np.ndarray, group: int) -> int:
        name = layer["name"]
        given = [self.constant(f"{name}.w", weights), self.constant(f"{name}.b",
                 self._array(layer, "bias"))]  # fmt: skip
        pads = [*layer["before"], *layer["after"]]
        attributes = {"group": group, "strides": layer["strides"], "pads": pads}
        self.node("Conv", [*inputs, *given], name, kernel_shape=weights.shape[2:], **attributes)
        return 4

    def _conv(self, layer: dict, inputs: list[str]) -> int:
        weights = self._array(layer, "weights").transpose(3, 2, 0, 1)
        return self._convolve(layer, inputs, weights, 1)

    def _depthwise(self, layer: dict, inputs: list[str]) -> int:
        weights = self._array(layer, "weights").transpose(2, 0, 1)[:, None]
        return self._convolve(layer, inputs, weights, len(weights))

    def _clamp(self, layer: dict, inputs: list[str]) -> int:
        name = layer["name"]
        limits = [self.constant(f"{name}.{k}", np.float32(layer[k])) for k in ("low", "high")]
        self.node("Clip", [*inputs, *limits], name)
        return self.ranks[layer["inputs"][0]]

    def _simple(kind: str) -> Callable[[_Writer, dict, list[str]], int]:
        def write(self: _Writer, layer: dict, inputs: list[str]) -> int:
            self.node(kind, inputs, layer["name"])
            return max(self.ranks[i] for i in layer["inputs"])

        return write

    _relu, _sigmoid = _simple("Relu"), _simple("Sigmoid")
    _add, _multiply = _simple("Add"), _simple("Mul")
    _subtract, _divide = _simple("Sub"), _simple("Div")

    def _const(self, layer: dict, inputs: list[str]) -> int:
        value = self._array(layer, "value")
        self.constant(layer["name"], value.transpose(_FIRST) if value.ndim == 4 else value)
        return value.ndim

    def _concat(self, layer: dict, inputs: list[str]) -> int:
        self.node("Concat", inputs, layer["name"], axis=1)
        return self.ranks[layer["inputs"][0]]

    def _mean(self, layer: dict, inputs: list[str]) -> int:
        self.node("ReduceMean", inputs, layer["name"], axes=[2, 3], keepdims=int(layer["keep"]))
        return 4 if layer["keep"] else 2

    def _sum(self, layer: dict, inputs: list[str]) -> int:
        axes = self.constant(f"{layer['name']}.axes", np.array([2, 3], np.int64))
        self.node("ReduceSum", [*inputs, axes], layer["name"], keepdims=int(layer["keep"]))
        return 4 if layer["keep"] else 2

    def _mean_channels(self, layer: dict, inputs: list[str]) -> int:
        self.node("ReduceMean", inputs, layer["name"], axes=[1], keepdims=1)
        return 2

    def _average(self, layer: dict, inputs: list[str]) -> int:
        factor = layer["factor"]
        self.node("AveragePool", inputs, layer["name"], kernel_shape=factor, strides=factor)
        return 4

    def _shuffle(self, layer: dict, inputs: list[str]) -> int:
        block = layer["block"]
        self.node("DepthToSpace", inputs, layer["name"], blocksize=block, mode="DCR")
        return 4

    def _resize(self, layer: dict, inputs: list[str]) -> int:
        name, before = layer["name"], self._shape(layer["inputs"][0])
        factors = [a / b for a, b in zip(layer["size"], before, strict=True)]
        scales = self.constant(f"{name}.scales", np.array([1, 1, *factors], np.float32))
        self.node(
            "Resize",
            [*inputs, "", scales],
            name,
            mode="linear",
            coordinate_transformation_mode="half_pixel",
        )
        return 4

    def _shape(self, name: str) -> tuple[int, int]:
        """Rows and columns of a layer, followed back to the input."""
        if name == "image":
            return self.graph.shape[1], self.graph.shape[2]
        layer = next(one for one in self.graph.layers if one["name"] == name)
        if layer["op"] == "resize":
            return tuple(layer["size"])
        rows, columns = self._shape(layer["inputs"][0])
        if layer["op"] == "shuffle":
            return rows * layer["block"], columns * layer["block"]
        if layer["op"] == "average":
            return rows // layer["factor"][0], columns // layer["factor"][1]
        if layer["op"] not in ("conv", "depthwise"):
            return rows, columns
        kernel = self._array(layer, "weights").shape[:2]
        sides = zip(
            (rows, columns), layer["before"], layer["after"], kernel, layer["strides"], strict=True
        )
        return tuple((side + b + a - k) // s + 1 for side, b, a, k, s in sides)

    def _dense(self, layer: dict, inputs: list[str]) -> int:
        weights = self.constant(f"{layer['name']}.w", self._array(layer, "weights"))
        self.node("MatMul", [*inputs, weights], layer["name"])
        return 2

    def _flatten(self, layer: dict, inputs: list[str]) -> int:
        self.node("Flatten", inputs, layer["name"], axis=1)
        return 2

    def _pad_channels(self, layer: dict, inputs: list[str]) -> int:
        pads = self.constant(f"{layer['name']}.pads", np.array([0, 0, 0, layer["after"]], np.int64))
        self.node("Pad", [*inputs, pads], layer["name"])
        return 2


def quantise(source: Path, target: Path, slices: np.ndarray) -> None:
    """ONNX Runtime's static quantisation, calibrated on prepared slices."""
    from onnxruntime.quantization import (
        CalibrationDataReader,
        QuantFormat,
        QuantType,
        quantize_static,
    )
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Reader(CalibrationDataReader):
        def __init__(self) -> None:
            self.left = iter(slices)

        def get_next(self) -> dict[str, np.ndarray] | None:
            one = next(self.left, None)
            return None if one is None else {"image": one[None]}

    with tempfile.TemporaryDirectory() as folder:
        ready = Path(folder) / "ready.onnx"
        quant_pre_process(str(source), str(ready), skip_symbolic_shape=True)
        quantize_static(
            str(ready),
            str(target),
            Reader(),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
        )


def main(graph: str, calibration: str, folder: str) -> int:
    """Write ``FP32.onnx`` and ``INT8.onnx``; what is there already is kept."""
    single, small = Path(folder) / "FP32.onnx", Path(folder) / "INT8.onnx"
    if not single.is_file():
        draft = single.with_suffix(".part")
        onnx.save(_Writer(Graph.load(Path(graph))).write(), str(draft))
        draft.replace(single)
    if not small.is_file():
        draft = small.with_suffix(".part")
        quantise(single, draft, np.load(calibration))
        draft.replace(small)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
