"""OpenVINO as the appliance uses it: `appliance.runtime.Network`, one request for each caller."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from appliance.runtime import Network, versions
from benchmarks.peers.peer import NetworkPeer, Outputs, Way

_READINGS = ("logits", "mask")


class OpenVinoPeer(NetworkPeer):
    """Throughput is measured as volumes are read: one stream through the asynchronous pool."""

    def throughput(self) -> Way:
        way = super().throughput()
        return Way(way.call, 1, way.items, way.hint)


def open_peer(config: Mapping[str, Any]) -> OpenVinoPeer:
    """A peer of an IR.

    Parameters
    ----------
    config : mapping
        ``model`` (path of the XML), ``outputs``, ``samples`` (path), ``device``, ``precision``
        (``INFERENCE_PRECISION_HINT``), ``batch``.
    """
    model, outputs = Path(config["model"]), config["outputs"]
    device, precision = config.get("device", "CPU"), config["precision"]

    def compiled(hint: str) -> Network:
        return Network(model, outputs, device=device, hint=hint, precision=precision)

    single = compiled("LATENCY")
    streams: list[Network] = []

    def many(arrays: np.ndarray) -> Outputs:
        if not streams:
            streams.append(compiled("THROUGHPUT"))
        answers = deque(streams[0].infer_many(arrays[i : i + 1] for i in range(len(arrays))))
        return {key: np.concatenate([one[key] for one in answers]) for key in _READINGS}

    return OpenVinoPeer(
        samples=np.load(config["samples"]),
        single=single.infer,
        many=many,
        callers=1,
        batch=int(config.get("batch", 16)),
        device=single.device,
        versions=versions(),
        size_mb=sum(p.stat().st_size for p in (model, model.with_suffix(".bin"))) / 1e6,
        hints=(f"LATENCY, {precision}", f"THROUGHPUT, {precision}, stream of slices"),
    )
