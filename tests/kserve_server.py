"""A server of the KServe protocol, version 2, in a thread: REST with and without binary tensors.

Written from the protocol's text, not from the client: it takes any order of inputs and outputs,
answers in JSON unless asked otherwise, and closes nothing on its own account. What runs is the IR,
by OpenVINO. `Trouble` makes it misbehave.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np

from appliance.ir import Ir
from appliance.runtime import Network

LENGTH = "Inference-Header-Content-Length"


@dataclass
class Trouble:
    """What goes wrong on purpose.

    Attributes
    ----------
    binary : bool
        Whether the server knows binary tensors.
    status : int
        Answer every inference with this error.
    delay_s : float
        Wait before every inference.
    hang_up : bool
        Close the connection after each answer without saying so.
    card : dict
        Changes to the model's metadata.
    body : bytes, optional
        Answer every inference with this instead.
    """

    binary: bool = True
    status: int = 0
    delay_s: float = 0.0
    hang_up: bool = False
    card: dict[str, Any] | None = None
    body: bytes | None = None


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Any

    def log_message(self, *_: Any) -> None:
        pass

    def _send(self, body: bytes, status: int = 200, head: int | None = None) -> None:
        self.send_response(status)
        kind = "application/json" if head is None else "application/octet-stream"
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        if head is not None:
            self.send_header(LENGTH, str(head))
        self.end_headers()
        self.wfile.write(body)
        if self.server.trouble.hang_up:
            self.close_connection = True

    def _error(self, status: int, text: str) -> None:
        self._send(json.dumps({"error": text}).encode(), status)

    def _known(self) -> bool:
        parts = self.path.strip("/").split("/")
        return parts[:3] == ["v2", "models", self.server.name] and (
            parts[3:4] != ["versions"] or parts[4] == "1"
        )

    def do_GET(self) -> None:
        if self.path in ("/v2/health/live", "/v2/health/ready"):
            return self._send(b"")
        if self.path == "/v2":
            known = ["binary_tensor_data"] if self.server.trouble.binary else []
            return self._send(json.dumps({"name": "test", "extensions": known}).encode())
        if not self._known():
            return self._error(404, f"Model with requested name is not found: {self.path}")
        return self._send(json.dumps(self.server.card | (self.server.trouble.card or {})).encode())

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        trouble = self.server.trouble
        time.sleep(trouble.delay_s)
        if trouble.status:
            return self._error(trouble.status, "out of order")
        if not self._known() or not self.path.endswith("/infer"):
            return self._error(404, f"nothing at {self.path}")
        if trouble.body is not None:
            return self._send(trouble.body)
        head = self.headers.get(LENGTH)
        if head is not None and not trouble.binary:
            return self._error(400, "Unrecognized content")
        try:
            return self._infer(body, None if head is None else int(head))
        except (ValueError, KeyError, TypeError) as error:
            return self._error(400, f"{type(error).__name__}: {error}")

    def _infer(self, body: bytes, head: int | None) -> None:
        request = json.loads(body if head is None else body[:head])
        (sent,) = request["inputs"]
        if sent["name"] != "image" or sent["datatype"] != "FP32":
            raise ValueError(f"no input {sent['name']} of {sent['datatype']}")
        size = sent.get("parameters", {}).get("binary_data_size")
        if size is None:
            array = np.array(sent["data"], np.float32).reshape(sent["shape"])
        else:
            if len(body) != head + size:
                raise ValueError(f"{len(body) - head} bytes for a tensor of {size}")
            array = np.frombuffer(body[head:], "<f4").reshape(sent["shape"])
        if list(array.shape) != self.server.card["inputs"][0]["shape"]:
            raise ValueError(f"shape {list(array.shape)}")
        self.server.seen.append(array.copy())
        found = self.server.network.infer(array)
        listed, tail = [], b""
        for wanted in request.get("outputs", [{"name": name} for name in found]):
            value = found[wanted["name"]].astype("<f4")
            entry = {"name": wanted["name"], "shape": list(value.shape), "datatype": "FP32"}
            if wanted.get("parameters", {}).get("binary_data"):
                tail += value.tobytes()
                entry["parameters"] = {"binary_data_size": value.nbytes}
            else:
                entry["data"] = value.ravel().tolist()
            listed.append(entry)
        text = json.dumps({"model_name": self.server.name, "outputs": listed}).encode()
        self._send(text + tail, head=len(text) if tail else None)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 32

    def handle_error(self, *_: Any) -> None:
        pass  # a client that left is no fault of the server


@contextmanager
def serving(ir: Ir, name: str = "tiny", trouble: Trouble | None = None) -> Iterator[_Server]:
    """A server on a free port; ``address``, ``seen`` (arrays it was sent) and ``trouble`` on it."""
    keys = ("logits", "mask", "cam", "embedding")
    server = _Server(("127.0.0.1", 0), _Handler)
    server.network = Network(ir, {key: key for key in keys}, device="CPU")
    blank = server.network.infer(np.zeros(server.network.input_shape, np.float32))
    server.name, server.trouble, server.seen = name, trouble or Trouble(), []
    server.card = {
        "name": name,
        "versions": ["1"],
        "platform": "OpenVINO",
        "inputs": [
            {"name": "image", "datatype": "FP32", "shape": list(server.network.input_shape)}
        ],
        "outputs": [
            {"name": key, "datatype": "FP32", "shape": list(blank[key].shape)} for key in keys
        ],
    }
    server.address = f"kserve://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
