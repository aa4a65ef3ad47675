"""LiteRT (TensorFlow Lite) with XNNPACK, as its interpreter comes."""

from __future__ import annotations

import importlib.metadata
import queue
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from benchmarks.peers.peer import NetworkPeer, Outputs


class _Network:
    """One interpreter: for one caller at a time."""

    def __init__(self, model: Path, threads: int) -> None:
        self._interpreter = Interpreter(model_path=str(model), num_threads=threads)
        self._interpreter.allocate_tensors()
        self._input = self._interpreter.get_input_details()[0]["index"]
        named = self._interpreter.get_signature_runner().get_output_details()
        self._outputs = {name: one["index"] for name, one in named.items()}

    def run(self, arrays: np.ndarray) -> Outputs:
        self._interpreter.set_tensor(self._input, arrays)
        self._interpreter.invoke()
        return {name: self._interpreter.get_tensor(i) for name, i in self._outputs.items()}


def open_peer(config: Mapping[str, Any]) -> NetworkPeer:
    """A peer of a ``.tflite`` file; ``model``, ``samples`` and ``threads`` say which."""
    model, threads = Path(config["model"]), int(config["threads"])
    single = _Network(model, threads)
    free: queue.SimpleQueue[_Network] = queue.SimpleQueue()
    made: list[_Network] = []

    def many(arrays: np.ndarray) -> Outputs:
        if len(made) < threads:
            made.append(_Network(model, 1))
            free.put(made[-1])
        network = free.get()
        try:
            return network.run(arrays)
        finally:
            free.put(network)

    return NetworkPeer(
        samples=np.load(config["samples"]),
        single=single.run,
        many=many,
        callers=threads,
        batch=1,
        device="CPU",
        versions={
            "ai-edge-litert": importlib.metadata.version("ai-edge-litert"),
            "numpy": np.__version__,
        },
        size_mb=model.stat().st_size / 1e6,
        hints=(f"{threads} threads, XNNPACK", f"{threads} callers, 1 thread each, XNNPACK"),
    )
