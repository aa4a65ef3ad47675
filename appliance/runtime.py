"""The only importer of OpenVINO in the appliance: compile once, lend each caller a request.

One ``CompiledModel`` called from several threads returns other callers' outputs; one
``InferRequest`` per borrower does not. Hence the pool. Precision is always set explicitly,
because CPUs with BF16 silently default to it.
"""

from __future__ import annotations

import hashlib
import logging
import platform
import queue
import shutil
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np

# Slices are too small to share: OpenCV's threads would wait for more of them a millisecond each
# time, on the cores that the network runs on. Many slices are shared among callers instead.
cv2.setNumThreads(1)
# Nothing leaves this machine: without its telemetry package OpenVINO (and NNCF) report nothing.
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]

from appliance.core.errors import Busy, ModelError, Unavailable, WrongImportOrder  # noqa: E402

try:
    from appliance import onedal  # noqa: F401  isort: skip (oneDAL before OpenVINO, see there)
except ImportError as error:
    if "openvino" in sys.modules:
        raise WrongImportOrder(
            "scikit-learn-intelex cannot be loaded after OpenVINO, which was imported already; "
            "import appliance.runtime before openvino or nncf"
        ) from error
    raise
import openvino as ov  # noqa: E402

from appliance.ir import Ir  # noqa: E402
from appliance.tuning import Tuning  # noqa: E402

logger = logging.getLogger(__name__)
_WAIT_S = 30.0
_WAITING = 2
"""Infer requests for each that can be computed at once: while Python takes the answers of one and
fills the next, another waits in line, so that no core does (8 % more slices a second)."""


def devices(core: ov.Core | None = None) -> list[str]:
    """Device names OpenVINO sees here, ``CPU`` first."""
    found = (core or ov.Core()).available_devices
    return sorted(found, key=lambda name: (name != "CPU", name))


def versions() -> dict[str, str]:
    """OpenVINO and oneDAL versions."""
    import importlib.metadata

    names = ("openvino", "scikit-learn-intelex", "numpy", "opencv-python-headless")
    found = {"python": platform.python_version()}
    for name in names:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def _cpu_flags() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("flags"):
                return line
    except OSError:
        pass
    return platform.processor()


def _cache_folder(root: Path, digest: str, device: str, settings: Mapping[str, object]) -> Path:
    """Compiled-model cache, keyed by network, OpenVINO, device, settings and CPU instructions."""
    chosen = ",".join(f"{name}={value}" for name, value in sorted(settings.items()))
    key = "|".join((digest, ov.get_version(), device, chosen, _cpu_flags()))
    return root / hashlib.sha256(key.encode()).hexdigest()[:24]


class Network:
    """A compiled IR: `infer` for one slice, `infer_many` for a stream of them.

    Parameters
    ----------
    model : Ir or Path
        The network's bytes, as `Package.network` verified them; or ``model.xml`` with its ``.bin``
        beside it. Either way what is compiled are bytes in memory: no file is opened again.
    outputs : mapping
        Reading name to IR output name.
    device : str
        OpenVINO device, ``AUTO`` by default.
    hint : str
        ``LATENCY`` or ``THROUGHPUT``.
    precision : str
        ``INFERENCE_PRECISION_HINT``; f32 leaves INT8 layers INT8 and everything else exact.
    cache : Path, optional
        Folder for compiled models; a corrupt entry is dropped and compiled anew.
    tuning : Tuning, optional
        How the CPU's cores are used; its device does not count here.

    Raises
    ------
    Unavailable
        When the device does not exist here; the message names those that do.
    ModelError
        When the IR cannot be read or compiled, or lacks an output.
    """

    def __init__(
        self,
        model: Ir | Path,
        outputs: Mapping[str, str],
        *,
        device: str = "AUTO",
        hint: str = "LATENCY",
        precision: str = "f32",
        cache: Path | None = None,
        core: ov.Core | None = None,
        tuning: Tuning | None = None,
    ) -> None:
        self.requested_device, self.hint, self.precision = device, hint, precision
        core = core or ov.Core()
        self._check_device(core, device)
        settings = {"PERFORMANCE_HINT": hint, "INFERENCE_PRECISION_HINT": precision}
        if tuning is not None and device == "CPU":
            settings |= tuning.properties()
        ir = model if isinstance(model, Ir) else Ir.read(model)
        self._compiled = self._compile(core, ir, device, settings, cache)
        names = {name for port in self._compiled.outputs for name in port.get_names()}
        if missing := set(outputs.values()) - names:
            raise ModelError(
                f"the network lacks the outputs {sorted(missing)}, it has {sorted(names)}"
            )
        self._ports = {key: self._compiled.output(name) for key, name in outputs.items()}
        self.input_shape = tuple(int(d) for d in self._compiled.input(0).get_shape())
        try:
            self.device = ",".join(self._compiled.get_property("EXECUTION_DEVICES"))
        except RuntimeError:
            self.device = device
        best = int(self._compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS"))
        self.requests = _WAITING * best
        self._pool: queue.LifoQueue[ov.InferRequest] = queue.LifoQueue()
        for _ in range(self.requests):
            self._pool.put(self._compiled.create_infer_request())

    @staticmethod
    def _check_device(core: ov.Core, device: str) -> None:
        found = devices(core)
        wanted = device.split(":", 1)[1] if ":" in device else device
        for name in wanted.split(","):
            name = name.strip()
            if name == "AUTO" or name in found or name.split(".")[0] in found:
                continue
            raise Unavailable(
                f"device {name!r} is not available here; found {', '.join(found) or 'none'}. "
                "Use --device AUTO or CPU, or install the device's driver (see `neuralscan doctor`)"
            )

    @staticmethod
    def _compile(core, ir: Ir, device: str, settings: dict, cache: Path | None):
        def build(extra: dict) -> ov.CompiledModel:
            return core.compile_model(ir.xml, device, {**settings, **extra}, weights=ir.weights)

        if cache is None:
            folder = None
        else:
            folder = _cache_folder(cache, ir.digest, device, settings)
        try:
            if folder is not None:
                try:
                    folder.mkdir(parents=True, exist_ok=True)
                    return build({"CACHE_DIR": str(folder)})
                except (OSError, RuntimeError) as error:
                    logger.warning("compiled-model cache dropped: %s", type(error).__name__)
                    shutil.rmtree(folder, ignore_errors=True)
            return build({})
        except RuntimeError as error:
            raise ModelError(f"the network does not compile for {device}: {error}") from error

    @contextmanager
    def _request(self) -> Iterator[ov.InferRequest]:
        try:
            request = self._pool.get(timeout=_WAIT_S)
        except queue.Empty as error:
            raise Busy("all infer requests are taken; try again in a moment") from error
        try:
            yield request
        finally:
            self._pool.put(request)

    def _collect(self, request: ov.InferRequest) -> dict[str, np.ndarray]:
        """Outputs copied out of the request's own memory before it is lent again."""
        return {key: np.array(request.get_tensor(port).data) for key, port in self._ports.items()}

    def infer(self, array: np.ndarray) -> dict[str, np.ndarray]:
        """Outputs by name for a batch.

        Parameters
        ----------
        array : (n, rows, columns, 1) float32

        Returns
        -------
        dict of (n, ...) arrays owned by the caller

        Raises
        ------
        Busy
            When no request came free in time.
        """
        array = np.ascontiguousarray(array, np.float32)
        if array.shape != self.input_shape:
            parts = list(self.infer_many(array[i : i + 1] for i in range(len(array))))
            return {key: np.concatenate([part[key] for part in parts]) for key in self._ports}
        with self._request() as request:
            request.infer({0: array}, share_inputs=True)
            return self._collect(request)

    def infer_many(
        self, arrays: Iterable[np.ndarray], cancelled: Callable[[], bool] | None = None
    ) -> Iterator[dict[str, np.ndarray]]:
        """Outputs in order for a stream of single slices, asynchronously through the pool.

        The next slice is prepared (by the iterable) while the previous ones are inferred.
        """
        running: deque[tuple[ov.InferRequest, np.ndarray]] = deque()
        try:
            for array in arrays:
                if cancelled is not None and cancelled():
                    return
                array = np.ascontiguousarray(array, np.float32)
                outputs = None
                try:
                    request = (
                        self._pool.get_nowait() if running else self._pool.get(timeout=_WAIT_S)
                    )
                except queue.Empty as error:
                    if not running:
                        raise Busy("all infer requests are taken; try again in a moment") from error
                    request, _ = running.popleft()
                    outputs = self._finish(request)
                request.start_async({0: array}, share_inputs=True)
                running.append((request, array))  # the array must outlive the request
                if outputs is not None:
                    yield outputs
            while running:
                request, _ = running.popleft()
                try:
                    outputs = self._finish(request)
                finally:
                    self._pool.put(request)
                yield outputs
        finally:
            for request, _ in running:
                request.wait()
                self._pool.put(request)

    def _finish(self, request: ov.InferRequest) -> dict[str, np.ndarray]:
        request.wait()
        return self._collect(request)
