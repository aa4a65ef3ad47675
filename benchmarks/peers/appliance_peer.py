"""The whole appliance: a file, an upload or a DICOM volume, until the report is there.

``report`` stays in one process, ``http`` goes through the web server on loopback over a kept
connection, ``cli`` starts ``neuralscan analyze`` anew for each file, ``dicom`` reads a zip with a
series. Stages are the report's own clocks; what the caller waits beside them is ``wait``.
"""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

import numpy as np

from appliance.runtime import versions
from benchmarks.peers.peer import Way

STAGES = ("decode", "prepare", "infer", "interpret")
_LIMIT_S = 120


def multipart(data: bytes, name: str = "slice.png") -> tuple[bytes, dict[str, str]]:
    """Body and headers of an upload with the one part ``file``."""
    boundary = uuid.uuid4().hex
    head = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    )
    body = head.encode() + data + f"\r\n--{boundary}--\r\n".encode()
    return body, {"Content-Type": f"multipart/form-data; boundary={boundary}"}


def post(
    connection: http.client.HTTPConnection, path: str, body: bytes, headers: Mapping[str, str]
) -> bytes:
    """The body of the answer to one POST.

    Raises
    ------
    RuntimeError
        When the server answers a failure; 422, a refusal, is an answer.
    """
    connection.request("POST", path, body, dict(headers))
    answer = connection.getresponse()
    content = answer.read()
    if answer.status not in (200, 422):
        raise RuntimeError(f"POST {path} answered {answer.status}: {content[:200]!r}")
    return content


def _timed(document: Mapping[str, Any], render_ms: float, whole_ms: float) -> dict[str, float]:
    spent = document.get("report", document)["timings_ms"]
    stages = {name: float(spent[name]) for name in STAGES}
    stages["render"] = render_ms
    stages["wait"] = max(whole_ms - sum(stages.values()), 0.0)
    return stages


class AppliancePeer:
    """One of the four ways in.

    Parameters
    ----------
    config : mapping
        ``kind``, ``package`` (folder), ``device``, ``precision``, ``files`` (paths), ``threads``.
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        from appliance.pipeline import Analyzer
        from appliance.registry import open_package

        self._kind, self._files = config["kind"], [Path(path) for path in config["files"]]
        self._folder = TemporaryDirectory(prefix="neuralscan-benchmark-")
        self._server: Any = None
        package = open_package(Path(config["package"]))
        self.versions = versions()
        names = ["model.xml", "model.bin"]
        prefix = "" if config["precision"] == "INT8" else "fp16/"
        self.size_mb = sum((package.path / f"{prefix}{n}").stat().st_size for n in names) / 1e6
        self._callers = int(config["threads"])
        self._environment = {**os.environ, "NEURALSCAN_MODELS": str(package.path.parent)}
        self._slices = int(config.get("slices", 1))
        if self._kind == "cli":
            self.device = config["device"]
            return
        self._analyzer = Analyzer(config["device"], package=package, precision=config["precision"])
        self.device = self._analyzer.device
        if self._kind == "http":
            self._serve(config)

    def _serve(self, config: Mapping[str, Any]) -> None:
        from appliance.serve import Server
        from appliance.settings import Settings

        settings = Settings(data=Path(self._folder.name), port=0, device=config["device"])
        self._server = Server(settings, self._analyzer)
        self._server.start()
        self._address = settings.host, self._server.port
        self._idle: list[http.client.HTTPConnection] = []
        self._bodies = [multipart(path.read_bytes(), path.name) for path in self._files]

    def _report(self, i: int) -> dict[str, float]:
        from appliance import export, ingest
        from appliance.report import to_json

        start = perf_counter()
        path = self._files[i % len(self._files)]
        (series,) = ingest.read_path(path).series
        decode_ms = (perf_counter() - start) * 1e3
        report = self._analyzer.analyze(series, decode_ms=decode_ms)
        before = perf_counter()
        text = to_json(report)
        if report.label_map is not None:
            image = export.is_picture(series)
            (export.mask_png if image else lambda m: export.mask_nifti(series, m))(report.label_map)
        now = perf_counter()
        return _timed(json.loads(text), (now - before) * 1e3, (now - start) * 1e3)

    def _http(self, i: int) -> dict[str, float]:
        start = perf_counter()
        try:
            connection = self._idle.pop()
        except IndexError:
            connection = http.client.HTTPConnection(*self._address, timeout=_LIMIT_S)
        content = post(connection, "/api/v1/analyze", *self._bodies[i % len(self._bodies)])
        self._idle.append(connection)
        return _timed(json.loads(content), 0.0, (perf_counter() - start) * 1e3)

    def _cli(self, i: int) -> dict[str, float]:
        path = self._files[i % len(self._files)]
        start = perf_counter()
        done = subprocess.run(
            [sys.executable, "-m", "appliance.cli", "analyze", str(path), "--json",
             "--device", self.device, "--out", self._folder.name],
            capture_output=True,
            text=True,
            timeout=_LIMIT_S,
            env=self._environment,
            check=False,
        )  # fmt: skip
        whole_ms = (perf_counter() - start) * 1e3
        if done.returncode not in (0, 3):
            raise RuntimeError(f"neuralscan analyze ended with {done.returncode}: {done.stderr}")
        return _timed(json.loads(done.stdout.splitlines()[0]), 0.0, whole_ms)

    def _way(self, callers: int, hint: str) -> Way:
        calls: dict[str, Callable[[int], dict[str, float]]] = {
            "report": self._report,
            "dicom": self._report,
            "http": self._http,
            "cli": self._cli,
        }
        return Way(calls[self._kind], callers, self._slices, hint, lambda stages: stages)

    def latency(self) -> Way:
        return self._way(1, "LATENCY, f32" if self._slices == 1 else "THROUGHPUT, f32")

    def throughput(self) -> Way:
        hint = "LATENCY, f32" if self._slices == 1 else "THROUGHPUT, f32"
        return self._way(self._callers, f"{hint}, {self._callers} callers")

    serving = throughput

    def answer(self, arrays: np.ndarray) -> Any:
        """The network's outputs, which the whole shares with ``infer``."""
        raise RuntimeError("the appliance is scored through the network it serves")

    def close(self) -> None:
        if self._server is not None:
            self._server.stop()
        self._folder.cleanup()


def open_peer(config: Mapping[str, Any]) -> AppliancePeer:
    return AppliancePeer(config)
