"""Trains one classifier under a protocol: resumable, and blind to the fold it is scored on."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow import keras
from tqdm import tqdm

from appliance.core.types import LABELS
from training.data import Slices
from training.loader import steps_per_epoch, training_batches
from training.painting import Painter
from training.processes import write_json
from training.protocol import Protocol

logger = logging.getLogger(__name__)


def make_step(
    model: keras.Model,
    average: keras.Model,
    optimizer: keras.optimizers.Optimizer,
    protocol: Protocol,
) -> Callable[..., tuple[tf.Tensor, tf.Tensor]]:
    """The compiled step; returns the loss and how many of the batch were right."""

    @tf.function
    def step(image, label, decay):
        target = tf.one_hot(label, len(LABELS))
        with tf.GradientTape() as tape:
            logits = model(image, training=True)
            loss = tf.reduce_mean(
                keras.losses.categorical_crossentropy(
                    target, logits, from_logits=True, label_smoothing=protocol.label_smoothing
                )
            )
        gradients = tape.gradient(loss, model.trainable_variables)
        gradients, _ = tf.clip_by_global_norm(gradients, protocol.clip)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables))  # noqa: B905
        for mean, variable in zip(average.variables, model.variables):  # noqa: B905
            mean.assign(mean * decay + variable * (1.0 - decay))
        right = tf.reduce_sum(tf.cast(tf.argmax(logits, 1) == label, tf.float32))
        return loss, right

    return step


class Run:
    """One training run in a folder: networks, optimiser, counters and their checkpoints.

    Parameters
    ----------
    make : callable
        Builds the network; called twice, for the weights and for their average.
    out : Path
        Holds ``checkpoints/`` and ``history.json``.
    """

    def __init__(
        self,
        make: Callable[[], keras.Model],
        slices: Slices,
        painter: Painter | None,
        protocol: Protocol,
        out: Path,
        title: str,
    ) -> None:
        self.slices, self.painter, self.protocol = slices, painter, protocol
        self.out, self.title = out, title
        out.mkdir(parents=True, exist_ok=True)
        self.model, self.average = make(), make()
        self.average.set_weights(self.model.get_weights())
        self.optimizer = keras.optimizers.AdamW(
            protocol.learning_rate, weight_decay=protocol.weight_decay
        )
        self.optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta", "table"])
        self.optimizer.build(self.model.trainable_variables)
        self.steps = protocol.steps or steps_per_epoch(slices, protocol.config())
        counters = ("epochs", "steps")
        self.done = {name: tf.Variable(0, dtype=tf.int64, name=name) for name in counters}
        self.seconds = tf.Variable(0.0, dtype=tf.float64, name="seconds")
        self._checkpoints()

    def _checkpoints(self) -> None:
        checkpoint = tf.train.Checkpoint(
            model=self.model,
            average=self.average,
            optimizer=self.optimizer,
            seconds=self.seconds,
            **self.done,
        )
        self.manager = tf.train.CheckpointManager(
            checkpoint, str(self.out / "checkpoints"), max_to_keep=1
        )
        self.history: list[dict[str, Any]] = []
        if self.manager.latest_checkpoint:
            checkpoint.restore(self.manager.latest_checkpoint).assert_existing_objects_matched()
            saved = json.loads((self.out / "history.json").read_text())["epochs"]
            self.history = saved[: int(self.done["epochs"])]
            logger.info("%s: resuming after epoch %d", self.title, len(self.history))

    def share(self) -> float:
        """How much of the budget is spent, 0 to 1 and a little over."""
        if self.protocol.epochs is not None:
            return int(self.done["steps"]) / (self.steps * self.protocol.epochs)
        return float(self.seconds) / (60.0 * self.protocol.minutes)

    def finish(self) -> dict[str, Any]:
        """Train until the budget is spent; returns the history, also in ``history.json``."""
        step = make_step(self.model, self.average, self.optimizer, self.protocol)
        while self.share() < 1.0:
            self._epoch(step)
        return self._document()

    def _epoch(self, step: Callable[..., tuple[tf.Tensor, tf.Tensor]]) -> None:
        epoch, started = int(self.done["epochs"]), time.perf_counter()
        before, losses, right = float(self.seconds), [], 0.0
        clock = [started]
        config = self.protocol.config()
        batches = training_batches(self.slices, self.painter, config, epoch).take(self.steps)
        wanted = "" if self.protocol.epochs is None else f"/{self.protocol.epochs}"
        bar = tqdm(batches, self.title, self.steps, disable=None, leave=False, unit="step")
        for image, _, label, _ in bar:
            number = int(self.done["steps"]) + 1
            self.optimizer.learning_rate.assign(self.protocol.rate(self.share()))
            decay = min(self.protocol.ema, (1.0 + number) / (10.0 + number))
            loss, hits = step(image, label, tf.constant(decay, tf.float32))
            losses.append(float(loss))
            right += float(hits)
            self.done["steps"].assign(number)
            clock.append(time.perf_counter())
            self.seconds.assign(before + clock[-1] - started)
            bar.set_postfix_str(f"epoch {epoch + 1}{wanted}, loss {np.mean(losses[-50:]):.3f}")
            if self.protocol.minutes is not None and self.share() >= 1.0:
                break
        self._record(losses, right, np.diff(clock))

    def _record(self, losses: list[float], right: float, seconds: np.ndarray) -> None:
        if not losses:
            raise ValueError(f"an epoch without a step: {len(self.slices.labels)} slices")
        self.history.append(
            {
                "epoch": len(self.history) + 1,
                "steps": len(losses),
                "seconds": round(float(seconds.sum()), 1),
                "seconds_a_step": round(float(np.median(seconds)), 4),
                "loss": float(np.mean(losses)),
                "training_accuracy": right / (len(losses) * self.protocol.batch),
            }
        )
        self.done["epochs"].assign_add(1)
        write_json(self.out / "history.json", self._document())
        self.manager.save()
        logger.info("%s %s", self.title, json.dumps(self.history[-1]))

    def _document(self) -> dict[str, Any]:
        return {"protocol": self.protocol.to_json(), "epochs": self.history}


def predict(model: keras.Model, arrays: np.ndarray, batch: int = 32) -> np.ndarray:
    """Class logits of prepared slices.

    Parameters
    ----------
    arrays : (n, size, size, 1) float32

    Returns
    -------
    (n, 4) float32
    """
    seen = tf.TensorSpec((None, *arrays.shape[1:]), tf.float32)
    call = tf.function(lambda image: model(image, training=False), input_signature=[seen])
    parts = [call(tf.constant(arrays[i : i + batch])) for i in range(0, len(arrays), batch)]
    return np.concatenate([part.numpy() for part in parts])
