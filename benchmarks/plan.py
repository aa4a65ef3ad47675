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
        Preset("quick", ("single-stream", "offline"), 10, 0.6),
        Preset("standard", ("single-stream", "multi-stream", "server", "offline"), 30, 6.0),
        Preset("mlperf-like", ("single-stream", "multi-stream", "server", "offline"), 1, 600.0, 20),
    )
}
NOT_MLPERF = (
    "Scenarios and rules follow MLPerf Inference; this is not an MLPerf result: the model, the "
    "data and the rules' checks are our own."
)


WHOLE = ("report", "http", "dicom", "cli")
"""Ways into the whole appliance."""


def name_of(target: str, runtime: str, precision: str) -> str:
    """What tables call a row.

    >>> name_of("infer", "litert", "INT8"), name_of("http", "openvino", "INT8")
    ('litert INT8', 'http INT8')
    >>> name_of("svm", "sklearnex", "FP32")
    'svm sklearnex'
    """
    if target in WHOLE:
        return f"{target} {precision}"
    return f"{runtime} {precision}" if target == "infer" else f"{target} {runtime}"


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
        Those of the run it takes part in; empty for all.
    own : tuple of str
        Scenarios that it alone has (``fit``, ``predict``, ``train-step``), in every run.
    share : float
        Of a block's length; for calls so short that less will do.
    visits : int
        Blocks a round, shorter by as much: more of them tell small differences from weather.
    scale : (str, float), optional
        The axis of `benchmarks.scaling` it is a point of, and where.
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
    own: tuple[str, ...] = ()
    share: float = 1.0
    visits: int = 1
    scale: tuple[str, float] | None = None

    @property
    def name(self) -> str:
        """What tables and progress call it."""
        name = name_of(self.target, self.runtime, self.precision)
        return f"{name}, {self.scale[0]} {self.scale[1]:g}" if self.scale else name


def _infer(runtime: str, precision: str, module: str, env: str, model: str, **more: Any):
    return Contender("infer", runtime, precision, runtime, module, env, model, tuple(more.items()))


def _openvino(precision: str, model: str, hint: str) -> Contender:
    settings = (("precision", hint),)
    return Contender(
        "infer", "openvino", precision, "infer", "openvino_peer", "", model, settings, visits=2
    )


def _whole(target: str, *scenarios: str) -> Contender:
    settings = (("kind", target),)
    return Contender(
        target, "openvino", "INT8", target, "appliance_peer", "", "ir/INT8", settings, scenarios
    )


LIBRARIES = ("scikit-learn", "sklearnex", "daal4py")
ALGORITHMS = ("neighbours", "pca", "k-means", "logistic", "svm")


def _estimator(algorithm: str, library: str) -> Contender:
    settings = (("library", library), ("algorithm", algorithm))
    return Contender(
        algorithm, library, "FP32", "onedal", "estimator_peer", settings=settings,
        own=("fit", "predict"), share=0.05,
    )  # fmt: skip


def _step(runtime: str, **more: Any) -> Contender:
    return Contender(
        "train", runtime, "FP32", "train", "training_peer", runtime, "keras/FP32",
        tuple(more.items()), own=("train-step",), share=0.1,
    )  # fmt: skip


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
    *(_estimator(algorithm, library) for algorithm in ALGORITHMS for library in LIBRARIES),
    _step("tensorflow"),
    _step("itex", itex=True),
)  # fmt: skip
OWN_SCENARIOS = tuple(dict.fromkeys(scenario for one in CONTENDERS for scenario in one.own))
GROUPS = tuple(dict.fromkeys(one.group for one in CONTENDERS))

NEVER_HERE = (
    ("openvino", "INT8", "GPU", "no Intel GPU that OpenVINO sees"),
    ("openvino", "INT8", "NPU", "no NPU that OpenVINO sees"),
    ("openvino", "INT8", "AMX", "this CPU has no AMX"),
)
"""Runtime, precision, device and why: rows for what a buyer would ask after."""
