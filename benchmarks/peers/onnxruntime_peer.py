"""ONNX Runtime, CPU: all threads on one call, or one thread for each of as many callers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort

from benchmarks.peers.peer import NetworkPeer, Outputs

_READINGS = ("logits", "mask", "cam", "embedding")


def _session(model: Path, threads: int) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
    return ort.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])


def open_peer(config: Mapping[str, Any]) -> NetworkPeer:
    """A peer of an ONNX file; ``model``, ``samples`` and ``threads`` say which."""
    model, threads = Path(config["model"]), int(config["threads"])
    sessions = {threads: _session(model, threads)}

    def run(session: ort.InferenceSession, arrays: np.ndarray) -> Outputs:
        return dict(zip(_READINGS, session.run(list(_READINGS), {"image": arrays}), strict=True))

    def many(arrays: np.ndarray) -> Outputs:
        if 1 not in sessions:
            sessions[1] = _session(model, 1)
        return run(sessions[1], arrays)

    return NetworkPeer(
        samples=np.load(config["samples"]),
        single=lambda arrays: run(sessions[threads], arrays),
        many=many,
        callers=threads,
        batch=1,
        device="CPU",
        versions={"onnxruntime": ort.__version__, "numpy": np.__version__},
        size_mb=model.stat().st_size / 1e6,
        hints=(f"{threads} threads", f"{threads} callers, 1 thread each"),
    )
