"""A `Graph` to a Keras network, a SavedModel and LiteRT files.

Run as ``python -m benchmarks.peers.tensorflow_convert GRAPH CALIBRATION FOLDER``. The network has
the convolution's biases where training has batch normalisation: what TensorFlow's own graph
optimisation would make of it, to the peers' advantage.

References
----------
https://ai.google.dev/edge/litert/conversion/tensorflow/quantization/post_training_quantization
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import numpy as np
import tensorflow as tf
from tensorflow import keras

from benchmarks.graph import Graph


def _padded(x: Any, layer: dict, kernel: tuple[int, int], name: str) -> tuple[Any, str]:
    """The tensor and Keras's word for its padding; zeros are put around where there is none."""
    before, after = layer["before"], layer["after"]
    if not any((*before, *after)):
        return x, "valid"
    same = []
    for side, stride, width in zip(x.shape[1:3], layer["strides"], kernel, strict=True):
        total = max((-(-side // stride) - 1) * stride + width - side, 0)
        same.append((total // 2, total - total // 2))
    if same == list(zip(before, after, strict=True)):
        return x, "same"
    around = tuple(zip(before, after, strict=True))
    return keras.layers.ZeroPadding2D(around, name=f"{name}_pad")(x), "valid"


def _convolution(graph: Graph, layer: dict, x: Any) -> Any:
    name, weights = layer["name"], graph.arrays[f"{layer['name']}.weights"]
    kernel = weights.shape[:2]
    x, padding = _padded(x, layer, kernel, name)
    if layer["op"] == "conv":
        made = keras.layers.Conv2D(weights.shape[3], kernel, layer["strides"], padding, name=name)
    else:
        weights = weights[..., None]
        made = keras.layers.DepthwiseConv2D(kernel, layer["strides"], padding, name=name)
    result = made(x)
    made.set_weights([weights, graph.arrays[f"{name}.bias"]])
    return result


def _combine(op: str, a: Any, b: Any, name: str) -> Any:
    whole = keras.backend.is_keras_tensor(a) and keras.backend.is_keras_tensor(b)
    if op == "add" and whole and a.shape == b.shape:
        return keras.layers.Add(name=name)([a, b])
    return {
        "add": lambda: a + b,
        "subtract": lambda: a - b,
        "multiply": lambda: a * b,
        "divide": lambda: a / b,
    }[op]()


def _layer(graph: Graph, layer: dict, inputs: list[Any]) -> Any:
    op, name = layer["op"], layer["name"]
    x = inputs[0] if inputs else None
    layers = keras.layers
    if op in ("conv", "depthwise"):
        return _convolution(graph, layer, x)
    if op in ("add", "subtract", "multiply", "divide"):
        return _combine(op, *inputs, name)
    if op == "const":
        return tf.constant(graph.arrays[f"{name}.value"])
    if op == "clamp" and layer["low"] == 0.0:
        return layers.ReLU(layer["high"], name=name)(x)
    if op == "dense":
        weights = graph.arrays[f"{name}.weights"]
        made = layers.Dense(weights.shape[1], use_bias=False, name=name)
        result = made(x)
        made.set_weights([weights])
        return result
    return {
        "clamp": lambda: tf.clip_by_value(x, layer["low"], layer["high"]),
        "relu": lambda: layers.ReLU(name=name)(x),
        "sigmoid": lambda: layers.Activation("sigmoid", name=name)(x),
        "concat": lambda: layers.Concatenate(name=name)(inputs),
        "resize": lambda: _resized(x, layer, name),
        "shuffle": lambda: tf.nn.depth_to_space(x, layer["block"]),
        "mean": lambda: layers.GlobalAveragePooling2D(keepdims=layer["keep"], name=name)(x),
        "sum": lambda: tf.reduce_sum(x, (1, 2), keepdims=layer["keep"]),
        "mean_channels": lambda: tf.reduce_mean(x, 1, keepdims=True),
        "average": lambda: layers.AveragePooling2D(tuple(layer["factor"]), name=name)(x),
        "flatten": lambda: layers.Flatten(name=name)(x),
        "pad_channels": lambda: tf.pad(x, ((0, 0), (0, layer["after"]))),
    }[op]()


def _resized(x: Any, layer: dict, name: str) -> Any:
    rows, columns = layer["size"]
    factors = rows // x.shape[1], columns // x.shape[2]
    if (x.shape[1] * factors[0], x.shape[2] * factors[1]) != (rows, columns):
        return tf.image.resize(x, (rows, columns))
    return keras.layers.UpSampling2D(factors, interpolation="bilinear", name=name)(x)


def build(graph: Graph) -> keras.Model:
    """The network in Keras, with its weights."""
    image = keras.Input(graph.shape[1:], name="image")
    known = {"image": image}
    for layer in graph.layers:
        known[layer["name"]] = _layer(graph, layer, [known[i] for i in layer["inputs"]])
    outputs = {  # named layers, because the converter to LiteRT names outputs by their layers
        name: keras.layers.Activation("linear", name=name)(known[layer])
        for name, layer in graph.outputs.items()
    }
    return keras.Model(image, outputs)


def _lite(model: keras.Model, slices: np.ndarray | None) -> bytes:
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    if slices is not None:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = lambda: ([one[None]] for one in slices)
        converter.target_spec.supported_ops = [
            tf.lite.OpsSet.TFLITE_BUILTINS_INT8,
            tf.lite.OpsSet.TFLITE_BUILTINS,
        ]
    return converter.convert()


def main(graph: str, calibration: str, folder: str) -> int:
    """Write ``network.keras``, ``FP32.tflite`` and ``INT8.tflite``; what is there is kept."""
    place = Path(folder)
    made = ("network.keras", "FP32.tflite", "INT8.tflite")
    if all((place / name).exists() for name in made):
        return 0
    model = build(Graph.load(Path(graph)))
    if not (place / "network.keras").is_file():
        draft = place / "draft.keras"
        model.save(draft, save_format="keras")
        draft.replace(place / "network.keras")
    for name, slices in (("FP32.tflite", None), ("INT8.tflite", np.load(calibration))):
        draft = place / f"{name}.part"
        draft.write_bytes(_lite(model, slices))
        draft.replace(place / name)
    shutil.rmtree(place / "draft", ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
