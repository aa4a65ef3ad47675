"""TensorFlow 2.15: a traced function, or ``keras.Model.predict``; with or without ITEX."""

from __future__ import annotations

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
os.environ.setdefault("ITEX_OMP_THREADPOOL", "0")

import contextlib
import importlib.metadata
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from benchmarks.peers.peer import NetworkPeer, Outputs

_ITEX = "intel-extension-for-tensorflow"


def versions() -> dict[str, str]:
    """Of TensorFlow, NumPy and, where it is there, ITEX."""
    found = {"tensorflow": tf.__version__, "numpy": np.__version__}
    with contextlib.suppress(importlib.metadata.PackageNotFoundError):
        found[_ITEX] = importlib.metadata.version(_ITEX)
    return found


def size_mb(path: Path | str) -> float:
    """Of a file, 10^6 bytes."""
    return Path(path).stat().st_size / 1e6


def prepare(threads: int, itex: bool) -> None:
    """Set the threads; raise RuntimeError when ITEX is there and should not be, or the reverse."""
    if (_ITEX in versions()) != itex:
        raise RuntimeError("the environment has the wrong TensorFlow: remove it and run again")
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)


def open_peer(config: Mapping[str, Any]) -> NetworkPeer:
    """A peer of a Keras file.

    Parameters
    ----------
    config : mapping
        ``model``, ``samples``, ``threads``, ``batch``; ``predict`` for ``keras.Model.predict``;
        ``itex``: whether the extension has to be there, or must not be.
    """
    threads, batch = int(config["threads"]), int(config.get("batch", 16))
    prepare(threads, bool(config.get("itex")))
    path = Path(config["model"])
    model = tf.keras.models.load_model(path, compile=False)

    @tf.function(reduce_retracing=True)
    def traced(arrays: tf.Tensor) -> Any:
        return model(arrays, training=False)

    def graph(arrays: np.ndarray) -> Outputs:
        return {name: value.numpy() for name, value in traced(tf.constant(arrays)).items()}

    def predict(arrays: np.ndarray) -> Outputs:
        return model.predict(arrays, batch_size=batch, verbose=0)

    run = predict if config.get("predict") else graph
    return NetworkPeer(
        samples=np.load(config["samples"]),
        single=run,
        many=run,
        callers=1,
        batch=batch,
        device="CPU",
        versions=versions(),
        size_mb=size_mb(path),
        hints=(f"{threads} threads", f"{threads} threads, batch {batch}"),
    )
