"""What is measured, how long, and in which environment: plain data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Preset:
    """How long a run lasts.

    Attributes
    ----------
    rounds : int
        Times every row gets its turn; its blocks are what a bootstrap resamples.
    seconds : float
        Of one block.
    cut : int
        Blocks that one turn is cut into afterwards, where turns are long.
    """

    name: str
    scenarios: tuple[str, ...]
    rounds: int
    seconds: float
    cut: int = 1


PRESETS = {
    one.name: one
    for one in (
        Preset("quick", ("single-stream", "offline"), 10, 1.0),
        Preset("standard", ("single-stream", "multi-stream", "server", "offline"), 30, 6.0),
        Preset("mlperf-like", ("single-stream", "multi-stream", "server", "offline"), 1, 600.0, 20),
    )
}
NOT_MLPERF = (
    "Scenarios and rules follow MLPerf Inference; this is not an MLPerf result: the model, the "
    "data and the rules' checks are our own."
)


@dataclass(frozen=True)
class Contender:
    """One configuration.

    Attributes
    ----------
    target : str
        ``infer`` for a network alone; ``report``, ``http``, ``cli``, ``dicom`` for the whole.
    group : str
        What ``--targets`` calls it.
    module : str
        Of `benchmarks.peers`.
    environment : str
        Of `benchmarks.environments`; empty for the one that runs the command.
    model : str
        Which of `benchmarks.networks` it runs.
    settings : tuple
        Further keys of the peer's ``config``.
    scenarios : tuple of str
        Empty for all.
    """

    target: str
    runtime: str
    precision: str
    group: str
    module: str
    environment: str = ""
    model: str = ""
    settings: tuple[tuple[str, Any], ...] = ()
    scenarios: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """What tables and progress call it."""
        what = self.runtime if self.target == "infer" else self.target
        return f"{what} {self.precision}"


def _infer(runtime: str, precision: str, module: str, env: str, model: str, **more: Any):
    return Contender("infer", runtime, precision, runtime, module, env, model, tuple(more.items()))


def _openvino(precision: str, model: str, hint: str) -> Contender:
    settings = (("precision", hint),)
    return Contender("infer", "openvino", precision, "infer", "openvino_peer", "", model, settings)


def _whole(target: str, *scenarios: str) -> Contender:
    settings = (("kind", target),)
    return Contender(
        target, "openvino", "INT8", target, "appliance_peer", "", "ir/INT8", settings, scenarios
    )


CONTENDERS = (
    _openvino("INT8", "ir/INT8", "f32"),
    _openvino("FP16", "ir/FP16", "f32"),
    _openvino("BF16", "ir/FP16", "bf16"),
    _openvino("FP32", "ir/FP32", "f32"),
    Contender(
        "infer", "benchmark_app", "INT8", "benchmark_app", "yardstick_peer", "", "ir/INT8",
        (("precision", "f32"),), ("single-stream", "offline"),
    ),
    _infer("onnxruntime", "FP32", "onnxruntime_peer", "onnxruntime", "onnx/FP32"),
    _infer("onnxruntime", "INT8", "onnxruntime_peer", "onnxruntime", "onnx/INT8"),
    _infer("litert", "FP32", "litert_peer", "litert", "tflite/FP32"),
    _infer("litert", "INT8", "litert_peer", "litert", "tflite/INT8"),
    _infer("tensorflow", "FP32", "tensorflow_peer", "tensorflow", "keras/FP32"),
    _infer("itex", "FP32", "tensorflow_peer", "itex", "keras/FP32", itex=True),
    _infer("keras-predict", "FP32", "tensorflow_peer", "tensorflow", "keras/FP32", predict=True),
    _infer("opencv-dnn", "FP32", "opencv_peer", "", "onnx/FP32"),
    _whole("report"),
    _whole("http"),
    _whole("dicom", "single-stream", "offline"),
    _whole("cli", "single-stream"),
)  # fmt: skip
GROUPS = tuple(dict.fromkeys(one.group for one in CONTENDERS))

NEVER_HERE = (
    ("openvino", "INT8", "GPU", "no Intel GPU that OpenVINO sees"),
    ("openvino", "INT8", "NPU", "no NPU that OpenVINO sees"),
    ("openvino", "INT8", "AMX", "this CPU has no AMX"),
)
"""Runtime, precision, device and why: rows for what a buyer would ask after."""
