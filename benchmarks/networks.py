"""The one network in everybody's format, made from the package and kept by its digest."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np

from appliance.core.errors import Unavailable
from appliance.package import Package
from benchmarks import environments
from benchmarks.irgraph import read_ir

_LIMIT_S = 1800
_RECIPE = 2
"""Changes when a converter does, so that what an older one made is not used."""


class Networks:
    """Files by what `benchmarks.plan` calls them; made when first asked for.

    Parameters
    ----------
    package : Package
    calibration : (n, side, side, 1) float32
        Prepared slices for the peers' own quantisation.
    cache : Path
    build : bool
        Whether environments that do not stand may be built for it.
    """

    def __init__(
        self, package: Package, calibration: np.ndarray, cache: Path, build: bool = True
    ) -> None:
        self._package, self._cache, self._build = package, cache, build
        given = f"{_RECIPE}{package.sha256}".encode() + calibration.tobytes()
        key = hashlib.sha256(given).hexdigest()[:16]
        self.folder = cache / "networks" / key
        self.folder.mkdir(parents=True, exist_ok=True)
        self._calibration = self.folder / "calibration.npy"
        if not self._calibration.is_file():
            draft = self.folder / "calibration.part.npy"
            np.save(draft, calibration)
            draft.replace(self._calibration)

    def path(self, name: str) -> Path:
        """The file of a network.

        Raises
        ------
        Unavailable, ModelError
            When it cannot be made; the message says why.
        """
        kind, precision = name.split("/")
        makers: dict[str, Callable[[str], Path]] = {
            "ir": self._ir,
            "onnx": lambda p: self._converted("onnxruntime", "onnx_convert", f"{p}.onnx"),
            "tflite": lambda p: self._converted("tensorflow", "tensorflow_convert", f"{p}.tflite"),
            "keras": lambda _: self._converted("tensorflow", "tensorflow_convert", "network.keras"),
        }
        return makers[kind](precision)

    def _ir(self, precision: str) -> Path:
        if precision == "INT8":
            return self._package.path / "model.xml"
        reference = self._package.path / "fp16" / "model.xml"
        if precision == "FP16":
            return reference
        target = self.folder / "FP32.xml"
        if not target.is_file():
            _save_f32(reference, target)
        return target

    def _graph(self) -> Path:
        path = self.folder / "network.npz"
        if not path.is_file():
            read_ir(self._package.path / "fp16" / "model.xml").save(path)
        return path

    def _converted(self, environment: str, module: str, name: str) -> Path:
        path = self.folder / name
        if path.is_file():
            return path
        python = environments.interpreter(environment, self._cache, self._build)
        done = subprocess.run(
            [str(python), "-m", f"benchmarks.peers.{module}", str(self._graph()),
             str(self._calibration), str(self.folder)],
            capture_output=True,
            text=True,
            timeout=_LIMIT_S,
            env=environments.variables(()),
            cwd=environments.ROOT,
            check=False,
        )  # fmt: skip
        if done.returncode or not path.is_file():
            reason = (done.stderr.strip().splitlines() or ["no message"])[-1]
            raise Unavailable(f"{module} made no {name}: {reason[:300]}")
        return path


def _save_f32(reference: Path, target: Path) -> None:
    """The same values stored as 32-bit numbers."""
    from appliance import runtime  # noqa: F401  isort: skip (oneDAL before OpenVINO)
    import openvino as ov
    from openvino import opset13 as ops

    model = ov.Core().read_model(reference)
    for node in model.get_ordered_ops():
        if node.get_type_name() != "Convert":
            continue
        source = node.input_value(0).get_node()
        if source.get_type_name() == "Constant":
            value = ops.constant(source.get_data().astype(np.float32))
            node.output(0).replace(value.output(0))
    draft = target.with_name("draft.xml")
    ov.save_model(model, str(draft), compress_to_fp16=False)
    draft.with_suffix(".bin").replace(target.with_suffix(".bin"))
    draft.replace(target)
