"""Who runs the network: this process, or a server it is asked of."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Protocol

import numpy as np

from appliance.core.errors import ModelError
from appliance.kserve import KServeNetwork
from appliance.package import Package
from appliance.replay import against_shipped, probes_of, told
from appliance.runtime import Network
from appliance.tuning import Tuning


class Answering(Protocol):
    """What the pipeline asks of a network, wherever it runs."""

    device: str
    requests: int
    input_shape: tuple[int, ...]

    def infer(self, array: np.ndarray) -> Mapping[str, np.ndarray]:
        """Outputs by name for a batch, (n, rows, columns, 1) float32."""

    def infer_many(
        self, arrays: Iterable[np.ndarray], cancelled: Callable[[], bool] | None = None
    ) -> Iterator[Mapping[str, np.ndarray]]:
        """Outputs in order for a stream of single slices."""


def open_network(
    package: Package,
    precision: str = "INT8",
    *,
    device: str = "AUTO",
    hint: str = "LATENCY",
    cache: Path | None = None,
    tuning: Tuning | None = None,
    backend: str = "",
) -> Answering:
    """A package's network, compiled here from verified bytes, or served elsewhere.

    Parameters
    ----------
    backend : str
        Empty for this process, or ``kserve://HOST:PORT[/MODEL[/VERSION]]``.

    Raises
    ------
    Unavailable
        When the device or the server is not there.
    ModelError
        When the network is unusable, or the server runs another one.
    BadRequest
        When the backend's address has another form.
    """
    if not backend:
        return Network(
            package.network(precision),
            package.manifest.outputs,
            device=device,
            hint=hint,
            cache=cache,
            tuning=tuning,
        )
    size = package.manifest.preprocessing.size
    network = KServeNetwork(
        backend, package.name, package.manifest.outputs, input_shape=(1, size, size, 1)
    )
    _demand_same(network, package, precision)
    return network


def _demand_same(network: Answering, package: Package, precision: str) -> None:
    """Ask for the package's probes: a server may run another network of the same shape."""
    probes = probes_of(package)
    said = told(network, probes.prepared, package)
    expected = probes.expected.get(precision)
    if expected is None:
        return
    row = against_shipped(said, expected, package, 0.0)
    if row["failures"]:
        raise ModelError(
            f"{network.device} runs another network than {package.name} {package.version} "
            f"{precision}: {'; '.join(row['failures'])}; export this package with "
            "`python -m optimize export-ovms` and load it there"
        )
