"""The wire of KServe's protocol, version 2: kept connections, and tensors as bytes or JSON.

References
----------
KServe, Open Inference Protocol (V2), REST; Binary Tensor Data Extension.
"""

from __future__ import annotations

import http.client
import json
import queue
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import quote, urlsplit

import numpy as np

from appliance.core.errors import BadRequest, Busy, ModelError, Unavailable

SCHEME = "kserve"
LENGTH = "Inference-Header-Content-Length"
_LARGEST = 256 << 20
_PORT = 8000
_TYPES = {
    "FP16": np.dtype("<f2"),
    "FP32": np.dtype("<f4"),
    "FP64": np.dtype("<f8"),
    "INT8": np.dtype("i1"),
    "UINT8": np.dtype("u1"),
    "INT32": np.dtype("<i4"),
    "INT64": np.dtype("<i8"),
}
_REMEDY = "start the server, correct --backend, or leave it out to read on this machine"


class Refused(Exception):
    """The server answered with an error."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status, self.text = status, text


def parse_address(text: str, model: str) -> tuple[str, int, str]:
    """Host, port and the model's path of a backend's address.

    Parameters
    ----------
    model : str
        The model's name where the address has none.

    Examples
    --------
    >>> parse_address("kserve://10.0.0.7:9001", "first")
    ('10.0.0.7', 9001, '/v2/models/first')
    >>> parse_address("kserve://[::1]/second/3", "first")
    ('::1', 8000, '/v2/models/second/versions/3')
    """
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port or _PORT
        names = [part for part in parts.path.split("/") if part]
    except ValueError:
        host, port, names = None, 0, []
    if not host or parts.scheme != SCHEME or len(names) > 2 or parts.query or parts.username:
        raise BadRequest(f"expected --backend kserve://HOST:PORT[/MODEL[/VERSION]], found {text!r}")
    path = f"/v2/models/{quote(names[0] if names else model, safe='')}"
    return host, port, path + (f"/versions/{quote(names[1], safe='')}" if names[1:] else "")


class Connections:
    """A few connections to one server, kept open and lent to one caller each.

    Parameters
    ----------
    count : int
        How many; one more caller waits.
    timeout_s : float
        How long connecting, an answer, or waiting for a connection may take.
    """

    def __init__(self, host: str, port: int, count: int, timeout_s: float) -> None:
        shown = f"[{host}]" if ":" in host else host
        self.name, self._timeout = f"{SCHEME}://{shown}:{port}", timeout_s
        self._pool: queue.LifoQueue[http.client.HTTPConnection] = queue.LifoQueue()
        for _ in range(count):
            self._pool.put(http.client.HTTPConnection(host, port, timeout=timeout_s))

    def call(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[bytes, int | None]:
        """One exchange.

        Returns
        -------
        data : bytes
        head : int or None
            Length of its JSON part, where tensors follow as bytes.

        Raises
        ------
        Refused
            When the server answers with an error.
        Unavailable
            When it cannot be reached, or does not answer in time.
        Busy
            When no connection came free in time.
        """
        try:
            connection = self._pool.get(timeout=self._timeout)
        except queue.Empty as error:
            raise Busy("all connections to the server are taken; try again shortly") from error
        whole = False
        try:
            response = _exchange(connection, method, path, body, dict(headers or {}))
            data = response.read(_LARGEST + 1)
            whole = len(data) <= _LARGEST
        except TimeoutError as error:
            raise Unavailable(
                f"{self.name} did not answer within {self._timeout:g} s; {_REMEDY}"
            ) from error
        except (OSError, http.client.HTTPException) as error:
            reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
            raise Unavailable(f"{self.name} cannot be reached ({reason}); {_REMEDY}") from error
        finally:
            if not whole:
                connection.close()
            self._pool.put(connection)
        if not whole:
            raise ModelError(f"{self.name} answers with more than {_LARGEST >> 20} MiB")
        if response.status != 200:
            raise Refused(response.status, _reason(data))
        length = response.getheader(LENGTH)
        return data, int(length) if length and length.isdecimal() else None

    def close(self) -> None:
        """Let go of the connections that are not lent."""
        with suppress(queue.Empty):
            while True:
                self._pool.get_nowait().close()


def _exchange(
    connection: http.client.HTTPConnection,
    method: str,
    path: str,
    body: bytes | None,
    headers: dict[str, str],
) -> http.client.HTTPResponse:
    kept = connection.sock is not None
    try:
        connection.request(method, path, body, headers)
        return connection.getresponse()
    except (ConnectionError, http.client.CannotSendRequest):
        connection.close()
        if not kept:
            raise
        connection.request(method, path, body, headers)  # the server had closed it meanwhile
        return connection.getresponse()


def _reason(data: bytes) -> str:
    """The server's own words, short and on one line."""
    try:
        text = str(json.loads(data)["error"])
    except (ValueError, KeyError, TypeError):
        text = data[:300].decode("utf-8", "replace")
    return " ".join(text.split())[:300] or "no reason given"


def request(
    name: str, array: np.ndarray, outputs: Iterable[str], binary: bool
) -> tuple[bytes, dict[str, str]]:
    """Body and headers that ask for outputs.

    Parameters
    ----------
    name : str
        Of the input.
    binary : bool
        Tensors as bytes behind the JSON, both ways.
    """
    tensor: dict[str, Any] = {"name": name, "shape": list(array.shape), "datatype": "FP32"}
    wanted: list[dict[str, Any]] = [{"name": output} for output in outputs]
    if not binary:
        tensor["data"] = array.ravel().tolist()
        body = json.dumps({"inputs": [tensor], "outputs": wanted}).encode()
        return body, {"Content-Type": "application/json"}
    raw = np.ascontiguousarray(array, "<f4").tobytes()
    tensor["parameters"] = {"binary_data_size": len(raw)}
    for output in wanted:
        output["parameters"] = {"binary_data": True}
    head = json.dumps({"inputs": [tensor], "outputs": wanted}).encode()
    return head + raw, {"Content-Type": "application/octet-stream", LENGTH: str(len(head))}


def answers(data: bytes, head: int | None) -> dict[str, np.ndarray]:
    """Outputs by name of an answer, float32 arrays; raises ValueError, KeyError or TypeError."""
    document = json.loads(data if head is None else data[:head])
    offset = head or 0
    found: dict[str, np.ndarray] = {}
    for output in document["outputs"]:
        kind, shape = _TYPES[output["datatype"]], [int(d) for d in output["shape"]]
        size = (output.get("parameters") or {}).get("binary_data_size")
        if size is None:
            array = np.asarray(output["data"], kind).reshape(shape)
        elif head is None:
            raise ValueError("bytes are promised, and none follow the JSON")
        else:
            array = np.frombuffer(data[offset : offset + int(size)], kind).reshape(shape)
            offset += int(size)
        found[output["name"]] = np.array(array, np.float32)
    return found
