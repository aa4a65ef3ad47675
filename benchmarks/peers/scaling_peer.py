"""OpenVINO with a given number of threads, streams or slices in a batch."""

from __future__ import annotations

import queue
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from appliance.runtime import versions  # oneDAL before OpenVINO
from benchmarks.peers.peer import NetworkPeer, Outputs, Way

import openvino as ov  # isort: skip


class ScalingPeer(NetworkPeer):
    """Every call has the batch it was compiled for."""

    def latency(self) -> Way:
        return self.throughput()


def open_peer(config: Mapping[str, Any]) -> ScalingPeer:
    """A peer of an IR, reshaped and compiled as asked.

    Parameters
    ----------
    config : mapping
        ``model``, ``samples``, ``outputs``, ``device``, ``threads``; ``streams`` (1), each with a
        caller of its own; ``batch`` (1).
    """
    model, outputs = Path(config["model"]), config["outputs"]
    threads, streams = int(config["threads"]), int(config.get("streams", 1))
    batch = int(config.get("batch", 1))
    samples = np.load(config["samples"])
    core = ov.Core()
    network = core.read_model(model)
    if batch > 1:
        network.reshape([batch, *samples.shape[1:]])
    properties: dict[str, Any] = {"INFERENCE_PRECISION_HINT": "f32", "NUM_STREAMS": streams}
    if config["device"] == "CPU":
        properties["INFERENCE_NUM_THREADS"] = threads
    compiled = core.compile_model(network, config["device"], properties)
    ports = {key: compiled.output(name) for key, name in outputs.items()}
    free: queue.SimpleQueue[ov.InferRequest] = queue.SimpleQueue()
    for _ in range(streams):
        free.put(compiled.create_infer_request())

    def run(arrays: np.ndarray) -> Outputs:
        request = free.get()
        try:
            request.infer([arrays], share_inputs=True)
            return {key: np.array(request.get_tensor(port).data) for key, port in ports.items()}
        finally:
            free.put(request)

    what = f"{threads} threads, {streams} streams, batch {batch}, f32"
    return ScalingPeer(
        samples=samples if batch == 1 else np.concatenate([samples] * batch)[: len(samples)],
        single=run,
        many=run,
        callers=streams,
        batch=batch,
        device=config["device"],
        versions=versions(),
        size_mb=sum(p.stat().st_size for p in (model, model.with_suffix(".bin"))) / 1e6,
        hints=(what, what),
    )
