"""What is measured: a package served three ways, each as one callable.

``infer`` is the network alone, ``report`` is bytes of a PNG to report and mask, ``http`` is the
same through the web server on loopback. The picture is the probe picture of `appliance.core.probe`,
enlarged to 512x512: generated, so that everyone measures the same.
"""

from __future__ import annotations

import http.client
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

import cv2
import numpy as np

from appliance.core.errors import ApplianceError
from appliance.core.probe import probe_picture

SIDE = 512
PRECISIONS = ("INT8", "FP16")
HINT = "LATENCY, f32"


@dataclass(frozen=True)
class Target:
    """Something that can be called again and again.

    Attributes
    ----------
    call : callable
        One query; raises when the answer is none.
    device : str
        Where it runs, as the runtime says.
    workers : int
        How many callers keep it busy.
    cold_start_ms : float
        From nothing loaded to the first answer, imports excluded.
    size_mb : float
        Of the network's files, 10^6 bytes.
    """

    name: str
    runtime: str
    precision: str
    device: str
    hint: str
    call: Callable[[], object]
    workers: int
    cold_start_ms: float
    size_mb: float


def picture() -> bytes:
    """The measured input: an 8-bit grey PNG of 512x512 pixels."""
    enlarged = cv2.resize(probe_picture(), (SIDE, SIDE), interpolation=cv2.INTER_LINEAR)
    return cv2.imencode(".png", enlarged)[1].tobytes()


def _model(package: Any, precision: str) -> Path:
    return package.path / ("model.xml" if precision == "INT8" else "fp16/model.xml")


def _size_mb(package: Any, precision: str) -> float:
    model = _model(package, precision)
    return sum(path.stat().st_size for path in (model, model.with_suffix(".bin"))) / 1e6


@contextmanager
def infer(package: Any, device: str, precision: str) -> Iterator[Target]:
    """The network alone, on a prepared array."""
    from appliance.runtime import Network

    size = package.manifest.preprocessing.size
    array = np.zeros((1, size, size, 1), np.float32)
    start = perf_counter()
    network = Network(_model(package, precision), package.manifest.outputs, device=device)
    network.infer(array)
    cold = (perf_counter() - start) * 1e3
    yield Target(
        "infer",
        "openvino",
        precision,
        network.device,
        HINT,
        lambda: network.infer(array),
        network.requests,
        cold,
        _size_mb(package, precision),
    )


@contextmanager
def report(package: Any, device: str, precision: str) -> Iterator[Target]:
    """Bytes to report and mask array."""
    from appliance import ingest
    from appliance.pipeline import Analyzer

    data = picture()
    start = perf_counter()
    analyzer = Analyzer(device, package=package, precision=precision)

    def call() -> object:
        before = perf_counter()
        (series,) = ingest.read_bytes(data, "probe.png").series
        decode_ms = (perf_counter() - before) * 1e3
        return analyzer.analyze(series, decode_ms=decode_ms)

    call()
    cold = (perf_counter() - start) * 1e3
    size = _size_mb(package, precision)
    yield Target("report", "openvino", precision, analyzer.device, HINT, call, 2, cold, size)


def multipart(data: bytes) -> tuple[bytes, dict[str, str]]:
    """Body and headers of an upload with the one part ``file``."""
    boundary = uuid.uuid4().hex
    head = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="probe.png"\r\n'
        "Content-Type: image/png\r\n\r\n"
    )
    body = head.encode() + data + f"\r\n--{boundary}--\r\n".encode()
    return body, {"Content-Type": f"multipart/form-data; boundary={boundary}"}


def post(host: str, port: int, path: str, body: bytes, headers: dict[str, str]) -> bytes:
    """The body of the answer to one POST on a connection of its own.

    Raises
    ------
    RuntimeError
        When the server answers a failure; 422, a refusal, is an answer.
    """
    connection = http.client.HTTPConnection(host, port, timeout=60)
    try:
        connection.request("POST", path, body, headers)
        answer = connection.getresponse()
        content = answer.read()
    finally:
        connection.close()
    if answer.status not in (200, 422):
        raise RuntimeError(f"POST {path} answered {answer.status}: {content[:200]!r}")
    return content


@contextmanager
def http_target(package: Any, device: str, precision: str) -> Iterator[Target]:
    """Bytes to report and mask through the web server, a new connection for each call."""
    from appliance.pipeline import Analyzer
    from appliance.serve import Server
    from appliance.settings import Settings

    body, headers = multipart(picture())
    start = perf_counter()
    analyzer = Analyzer(device, package=package, precision=precision)
    with TemporaryDirectory(prefix="neuralscan-benchmark-") as folder:
        settings = Settings(data=Path(folder), port=0, device=device)
        server = Server(settings, analyzer)
        server.start()
        try:

            def call() -> object:
                return post(settings.host, server.port, "/api/v1/analyze", body, headers)

            call()
            cold = (perf_counter() - start) * 1e3
            size = _size_mb(package, precision)
            yield Target("http", "openvino", precision, analyzer.device, HINT, call, 2, cold, size)
        finally:
            server.stop()


BUILDERS = {"infer": infer, "report": report, "http": http_target}
Unusable = (ApplianceError, OSError, RuntimeError, ImportError)
"""What turns a measurement into a row that says why there is none."""
