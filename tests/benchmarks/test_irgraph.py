"""What is read from an IR computes the same in another framework."""

from __future__ import annotations

import importlib.util
import subprocess
import sys

import numpy as np
import pytest

from appliance import runtime  # noqa: F401  isort: skip (oneDAL before OpenVINO)
import openvino as ov
from openvino import opset13 as ops

from appliance.core.errors import ModelError
from benchmarks import environments
from benchmarks.graph import Graph
from benchmarks.irgraph import read_ir
from benchmarks.process import THIS_PYTHON, Process

SIDE = 16


def _constant(rng: np.random.Generator, *shape: int) -> ov.Node:
    """Stored in half precision with a conversion, as a package stores it."""
    return ops.convert(ops.constant(rng.normal(0, 0.5, shape).astype(np.float16)), "f32")


def _network() -> ov.Model:
    rng = np.random.default_rng(0)
    image = ops.parameter([1, SIDE, SIDE, 1], np.float32, name="image")
    x = ops.transpose(image, ops.constant(np.array([0, 3, 1, 2])))
    x = ops.convolution(x, _constant(rng, 6, 1, 3, 3), [2, 2], [0, 0], [1, 1], [1, 1])
    skip = x = ops.clamp(ops.add(x, _constant(rng, 1, 6, 1, 1)), 0.0, 6.0)
    x = ops.group_convolution(x, _constant(rng, 6, 1, 1, 3, 3), [2, 2], [1, 1], [1, 1], [1, 1])
    x = ops.add(x, _constant(rng, 1, 6, 1, 1))
    x = ops.add(x, ops.sigmoid(x))
    last = ops.transpose(x, ops.constant(np.array([0, 2, 3, 1])))
    last = ops.interpolate(
        last, ops.constant(np.array([8, 8])), "linear_onnx", "sizes",
        coordinate_transformation_mode="half_pixel", axes=ops.constant(np.array([1, 2])),
    )  # fmt: skip
    up = ops.transpose(last, ops.constant(np.array([0, 3, 1, 2])))
    joined = ops.concat([up, skip], axis=1)
    cam = ops.convolution(joined, _constant(rng, 4, 12, 1, 1), [1, 1], [0, 0], [0, 0], [1, 1])
    mask = ops.convolution(joined, _constant(rng, 4, 12, 1, 1), [1, 1], [0, 0], [0, 0], [1, 1])
    mask = ops.depth_to_space(mask, "blocks_first", 2)
    space = ops.constant(np.array([2, 3]))
    named = {
        "logits": ops.reduce_mean(cam, space),
        "mask": ops.reshape(mask, ops.constant(np.array([1, SIDE, SIDE, 1])), False),
        "cam": ops.transpose(cam, ops.constant(np.array([0, 2, 3, 1]))),
        "embedding": ops.reduce_mean(joined, space),
    }
    results = []
    for name, node in named.items():
        node.output(0).get_tensor().set_names({name})
        results.append(ops.result(node))
    return ov.Model(results, [image], "small")


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("ir") / "model.xml"
    ov.save_model(_network(), str(path), compress_to_fp16=False)
    return path


def test_layers_lose_their_layout_and_biases_join_their_convolutions(model, tmp_path):
    graph = read_ir(model)
    assert [layer["op"] for layer in graph.layers].count("conv") == 3
    assert not [layer for layer in graph.layers if layer["op"] == "const"]
    assert set(graph.outputs) == {"logits", "mask", "cam", "embedding"}
    graph.save(tmp_path / "network.npz")
    again = Graph.load(tmp_path / "network.npz")
    assert again.digest == graph.digest
    assert again.shape == (1, SIDE, SIDE, 1)


def test_an_unknown_operation_is_named(tmp_path):
    image = ops.parameter([1, SIDE, SIDE, 1], np.float32, name="image")
    strange = ops.result(ops.cum_sum(image, ops.constant(1)))
    ov.save_model(ov.Model([strange], [image], "strange"), str(tmp_path / "model.xml"))
    with pytest.raises(ModelError, match="CumSum"):
        read_ir(tmp_path / "model.xml")


@pytest.mark.skipif(not importlib.util.find_spec("tensorflow"), reason="TensorFlow is not here")
def test_keras_answers_what_the_ir_answers(model, tmp_path):
    slices = np.random.default_rng(1).random((3, SIDE, SIDE, 1), np.float32)
    np.save(tmp_path / "slices.npy", slices)
    read_ir(model).save(tmp_path / "network.npz")
    code = (
        "import sys; from pathlib import Path; from benchmarks.graph import Graph; "
        "from benchmarks.peers.tensorflow_convert import build; "
        "build(Graph.load(Path(sys.argv[1]))).save(sys.argv[2])"
    )
    files = [str(tmp_path / name) for name in ("network.npz", "network.keras")]
    subprocess.run(
        [sys.executable, "-c", code, *files], env=environments.variables(()), check=True,
        capture_output=True,
    )  # fmt: skip
    process = Process("tensorflow_peer", THIS_PYTHON, ())
    try:
        config = {"model": files[1], "samples": str(tmp_path / "slices.npy"), "threads": 1}
        itex = importlib.util.find_spec("intel_extension_for_tensorflow") is not None
        process.ask(do="open", config={**config, "itex": itex})
        out = tmp_path / "out.npz"
        process.ask(do="answer", slices=str(tmp_path / "slices.npy"), out=str(out))
    finally:
        process.close()
    compiled = ov.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    with np.load(out) as answered:
        for i, one in enumerate(slices):
            expected = compiled(one[None])
            for name in ("logits", "mask"):
                np.testing.assert_allclose(answered[name][i : i + 1], expected[name], atol=1e-4)
