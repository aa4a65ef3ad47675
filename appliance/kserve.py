"""A network that runs in another process or machine, behind the KServe protocol, version 2.

Tensors travel as raw bytes behind the JSON (the protocol's binary extension); a server that does
not know it is asked with plain JSON. Only prepared slices are sent, never names or headers.
"""

from __future__ import annotations

import json
import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np

from appliance.core.errors import Busy, ModelError, Unavailable
from appliance.kserve_wire import Connections, Refused, answers, parse_address, request

logger = logging.getLogger(__name__)
TIMEOUT_S = 30.0
REQUESTS = 4
"""Requests under way at once, each on a connection that is kept."""


class KServeNetwork:
    """The interface of `appliance.runtime.Network`, answered by a server.

    Parameters
    ----------
    address : str
        ``kserve://HOST:PORT[/MODEL[/VERSION]]``.
    model : str
        The model's name where the address has none.
    outputs : mapping
        Reading name to the server's output name.
    input_shape : tuple of int
        What the network takes.
    timeout_s : float
        How long one answer may take.

    Raises
    ------
    Unavailable
        When the server cannot be reached, or answers too slowly.
    ModelError
        When it does not serve such a model.
    BadRequest
        When the address has another form.
    """

    precision = "as served"

    def __init__(
        self,
        address: str,
        model: str,
        outputs: Mapping[str, str],
        *,
        input_shape: tuple[int, ...],
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        host, port, self._path = parse_address(address, model)
        self._outputs = dict(outputs)
        self._server = Connections(host, port, REQUESTS, timeout_s)
        self.device = self._server.name
        self.input_shape, self.requests = tuple(input_shape), REQUESTS
        self._input = self._demand_model()
        self._binary = self._speaks_binary()

    def _demand_model(self) -> str:
        """The name of the model's input; raises when it is another model."""
        try:
            data, _ = self._server.call("GET", self._path)
            card = json.loads(data)
            (source,) = card["inputs"]
            names = {output["name"] for output in card["outputs"]}
            shape = [int(n) for n in source["shape"]]
            name, kind = str(source["name"]), str(source["datatype"])
        except Refused as error:
            raise ModelError(
                f"{self.device} does not serve {self._path.removeprefix('/v2/models/')} "
                f"({error.status}: {error.text}); load the package there "
                "(`python -m optimize export-ovms`) or name the model in --backend"
            ) from error
        except (ValueError, KeyError, TypeError) as error:
            raise ModelError(
                f"{self.device} answers otherwise than the KServe protocol, version 2 ({error})"
            ) from error
        fits = len(shape) == len(self.input_shape) and all(
            found in (-1, wanted) for found, wanted in zip(shape, self.input_shape, strict=True)
        )
        if not fits or kind != "FP32":
            raise ModelError(
                f"{self.device} serves a model that takes {kind} {shape}, expected FP32 "
                f"{list(self.input_shape)}: another network"
            )
        if missing := set(self._outputs.values()) - names:
            raise ModelError(
                f"{self.device} serves a model without the outputs {sorted(missing)}, it has "
                f"{sorted(names)}"
            )
        return name

    def _speaks_binary(self) -> bool:
        """Try the binary extension; a server that refuses it is asked with JSON."""
        blank = np.zeros(self.input_shape, np.float32)
        try:
            self._ask(blank, binary=True)
            return True
        except (Refused, ModelError) as error:
            logger.info("no binary tensors at %s: %s", self.device, error)
        self._answer(blank, binary=False)
        return False

    def _ask(self, array: np.ndarray, binary: bool) -> dict[str, np.ndarray]:
        body, headers = request(self._input, array, self._outputs.values(), binary)
        data, head = self._server.call("POST", f"{self._path}/infer", body, headers)
        try:
            found = answers(data, head)
            wanted = {key: found[name] for key, name in self._outputs.items()}
        except (ValueError, KeyError, TypeError) as error:
            raise ModelError(
                f"{self.device} gives an answer that cannot be read ({error})"
            ) from error
        if any(not a.ndim or len(a) != len(array) for a in wanted.values()):
            raise ModelError(f"{self.device} answers for another number of slices than it was sent")
        if not all(np.isfinite(a).all() for a in wanted.values()):
            raise ModelError(f"{self.device} answers with values that are no numbers")
        return wanted

    def _answer(self, array: np.ndarray, binary: bool) -> dict[str, np.ndarray]:
        try:
            return self._ask(array, binary)
        except Refused as error:
            text = f"{self.device} refuses a slice ({error.status}: {error.text})"
            if error.status in (429, 503):
                raise Busy(f"{text}; try again in a moment") from error
            raise (Unavailable if error.status >= 500 else ModelError)(text) from error

    def infer(self, array: np.ndarray) -> dict[str, np.ndarray]:
        """Outputs by name for a batch.

        Parameters
        ----------
        array : (n, rows, columns, 1) float32

        Returns
        -------
        dict of (n, ...) float32 arrays

        Raises
        ------
        Unavailable, Busy, ModelError
        """
        array = np.ascontiguousarray(array, np.float32)
        if array.shape == self.input_shape:
            return self._answer(array, self._binary)
        if array.shape[1:] != self.input_shape[1:]:
            raise ModelError(f"a slice of shape {array.shape[1:]}, expected {self.input_shape[1:]}")
        parts = list(self.infer_many(array[i : i + 1] for i in range(len(array))))
        return {key: np.concatenate([part[key] for part in parts]) for key in self._outputs}

    def infer_many(
        self, arrays: Iterable[np.ndarray], cancelled: Callable[[], bool] | None = None
    ) -> Iterator[dict[str, np.ndarray]]:
        """Outputs in order for a stream of single slices, several under way at once."""
        running: deque[Future[dict[str, np.ndarray]]] = deque()
        with ThreadPoolExecutor(self.requests, thread_name_prefix="kserve") as pool:
            try:
                for array in arrays:
                    if cancelled is not None and cancelled():
                        return
                    running.append(pool.submit(self.infer, np.array(array, np.float32)))
                    if len(running) > self.requests:
                        yield running.popleft().result()
                while running:
                    yield running.popleft().result()
            finally:
                for future in running:
                    future.cancel()

    def close(self) -> None:
        """Let go of the connections."""
        self._server.close()
