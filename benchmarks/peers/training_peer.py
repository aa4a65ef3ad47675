"""A training step of the same network: forwards, backwards and Adam, with or without ITEX."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.peers import tensorflow_peer as served  # sets TensorFlow's switches first

import numpy as np  # isort: skip
import tensorflow as tf  # isort: skip

from benchmarks.peers.peer import Way

_BATCH, _STEPS, _RATE = 8, 3, 1e-4


class TrainingPeer:
    """``ways`` has one scenario, ``train-step``; `results` are the losses of the first steps."""

    device = "CPU"

    def __init__(self, config: Mapping[str, Any]) -> None:
        self._threads = int(config["threads"])
        served.prepare(self._threads, bool(config.get("itex")))
        self._path = config["model"]
        self.versions, self.size_mb = served.versions(), served.size_mb(self._path)
        samples = np.load(config["samples"])
        samples = np.concatenate([samples] * -(-_BATCH // len(samples)))[:_BATCH]
        self._images = tf.constant(samples)
        self._labels = tf.constant(np.arange(_BATCH) % 4)
        self._masks = (samples > np.quantile(samples, 0.9)).astype(np.float32)
        self._step = self._made()

    def _made(self) -> Any:
        """A step on a fresh copy of the network."""
        model = tf.keras.models.load_model(self._path, compile=False)
        model.trainable = True
        grid = model(self._images)["mask"].shape[1:3]
        masks = tf.image.resize(self._masks, grid, "nearest")
        adam = tf.keras.optimizers.Adam(_RATE)
        adam.build(model.trainable_variables)

        @tf.function(reduce_retracing=True)
        def step() -> tf.Tensor:
            with tf.GradientTape() as tape:
                out = model(self._images, training=True)
                kind = tf.nn.sparse_softmax_cross_entropy_with_logits(self._labels, out["logits"])
                drawn = tf.clip_by_value(out["mask"], 1e-6, 1.0 - 1e-6)
                place = tf.keras.losses.binary_crossentropy(masks, drawn)
                loss = tf.reduce_mean(kind) + tf.reduce_mean(place)
            gradients = tape.gradient(loss, model.trainable_variables)
            adam.apply_gradients(
                (g, v) for g, v in zip(gradients, model.trainable_variables, strict=True)
                if g is not None
            )  # fmt: skip
            return loss

        return step

    def ways(self) -> dict[str, Way]:
        hint = f"{self._threads} threads, batch {_BATCH}, Adam"
        return {"train-step": Way(lambda _: float(self._step()), 1, _BATCH, hint)}

    def latency(self) -> Way:
        return self.ways()["train-step"]

    throughput = latency

    def results(self) -> dict[str, np.ndarray]:
        step = self._made()
        return {"values": np.array([float(step()) for _ in range(_STEPS)])}

    def close(self) -> None:
        """Nothing is kept."""


def open_peer(config: Mapping[str, Any]) -> TrainingPeer:
    """``model``, ``samples``, ``threads``; ``itex`` as for `tensorflow_peer`."""
    return TrainingPeer(config)
