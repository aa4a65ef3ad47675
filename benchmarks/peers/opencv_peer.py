"""OpenCV's own network module, on the ONNX file: what stands in every imaging toolbox."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from benchmarks.peers.peer import NetworkPeer, Outputs

_READINGS = ("logits", "mask", "cam", "embedding")


def open_peer(config: Mapping[str, Any]) -> NetworkPeer:
    """A peer of an ONNX file; ``model``, ``samples`` and ``threads`` say which."""
    model, threads = Path(config["model"]), int(config["threads"])
    cv2.setNumThreads(threads)
    try:
        network = cv2.dnn.readNetFromONNX(str(model))
    except cv2.error as error:
        raise RuntimeError(f"OpenCV cannot read the network: {error}") from error

    def run(arrays: np.ndarray) -> Outputs:
        network.setInput(arrays, "image")
        answers = network.forward(list(_READINGS))
        return dict(zip(_READINGS, answers, strict=True))

    return NetworkPeer(
        samples=np.load(config["samples"]),
        single=run,
        many=run,
        callers=1,
        batch=1,
        device="CPU",
        versions={"opencv": cv2.__version__, "numpy": np.__version__},
        size_mb=model.stat().st_size / 1e6,
        hints=(f"{threads} threads", f"{threads} threads"),
    )
