"""The loop: epochs, averaged weights, figures after each, resumable checkpoints."""

from __future__ import annotations

import json
import logging
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import tensorflow as tf
from tensorflow import keras
from tqdm import tqdm

from appliance.core.errors import BadRequest
from training import data
from training.config import Config
from training.figures import READINGS, WEIGHTS, Readings, figures, read, save
from training.heads import generated_heads
from training.loader import plain_batches, steps_per_epoch, training_batches
from training.networks import build_for, load_imagenet
from training.painting import Painter
from training.processes import write_json
from training.step import PARTS, make_step
from training.teachers import find_teachers
from training.warm_up import warm_up
from training.weights import efficientnet_lite0
from training.workers import Cluster

logger = logging.getLogger(__name__)
BEFORE = "before_settling.weights.h5"


def forward(model: keras.Model, config: Config) -> Callable[[tf.Tensor], dict[str, tf.Tensor]]:
    """The compiled model for batches of any size; compile it once, its weights may change."""
    size = config.preprocessing.size
    seen = tf.TensorSpec((None, size, size, 1), tf.float32)
    return tf.function(lambda image: model(image, training=False), input_signature=[seen])


def predict(
    ask: Callable[[tf.Tensor], dict[str, tf.Tensor]], slices: data.Slices, config: Config
) -> dict[str, np.ndarray]:
    """All outputs of a `forward` for prepared slices, in order."""
    collected: dict[str, list[np.ndarray]] = {}
    for image, *_ in plain_batches(slices, config):
        for name, value in ask(image).items():
            collected.setdefault(name, []).append(value.numpy())
    return {name: np.concatenate(values) for name, values in collected.items()}


def read_slices(config: Config, root: Path) -> tuple[list[data.Slices], dict[str, data.Slices]]:
    """Training slices before and in the settling, and by name the sets watched every epoch."""
    cases = data.tumour_cases(root) + data.healthy_cases(root)
    spec = config.preprocessing
    chosen, held_out = data.parts(cases, config.train_folds, config.validation_folds)
    reader = root / data.SECOND_READER if config.second_reader else None
    training = data.load(chosen, spec, "training", reader)
    watched = {"validation": held_out, "other_sources": data.other_source_cases(root)}
    settled = training
    if config.heads:
        settled = data.joined(training, generated_heads(config.heads, spec, config.seed))
    stages = [training if config.settling else settled, settled]
    return stages, {name: data.load(part, spec, name) for name, part in watched.items() if part}


class Rate(keras.optimizers.schedules.LearningRateSchedule):
    """A warm-up and a cosine over the epochs, then a second, lower cosine over the settling.

    Parameters
    ----------
    steps, settling_steps : int
        Batches of an epoch, before and in the settling.
    """

    def __init__(self, config: Config, steps: int, settling_steps: int) -> None:
        cosine = keras.optimizers.schedules.CosineDecay
        self.total = steps * config.epochs
        rate = config.learning_rate
        warm_up = min(2 * steps, self.total // 4)
        self.main = cosine(rate / 20, self.total, 0.01, None, rate, warm_up)
        self.late = cosine(config.settling_rate, max(1, settling_steps * config.settling), 0.01)

    def __call__(self, step: tf.Tensor) -> tf.Tensor:
        late = self.late(tf.maximum(tf.cast(step, tf.float32) - self.total, 0.0))
        return tf.where(step < self.total, self.main(step), late)


def make_optimizer(
    config: Config, steps: int, settling_steps: int = 0
) -> keras.optimizers.Optimizer:
    """AdamW at the rate of `Rate`."""
    rate = Rate(config, steps, settling_steps)
    return keras.optimizers.AdamW(rate, weight_decay=config.weight_decay)


def merit(entry: dict[str, Any]) -> float:
    """What early stopping watches: accuracy and Dice of the validation fold, in equal parts."""
    seen = entry["validation"]
    return 0.5 * (seen["accuracy"] + seen["dice"])


def is_stale(history: Sequence[dict[str, Any]], patience: int) -> bool:
    """Whether the last `patience` epochs brought nothing better; never with patience 0.

    >>> seen = [{"validation": {"accuracy": a, "dice": 0.5}} for a in (0.7, 0.9, 0.8, 0.9)]
    >>> is_stale(seen, 2), is_stale(seen, 3), is_stale(seen, 0)
    (True, False, False)
    """
    if not patience or len(history) <= patience or "validation" not in history[-1]:
        return False
    merits = [merit(entry) for entry in history]
    return max(merits[-patience:]) <= max(merits[:-patience])


class _Run:
    """A run's folder: checkpoints, history, readings, logs; only the first worker writes."""

    def __init__(self, out: Path, cluster: Cluster, **tracked: Any) -> None:
        out.mkdir(parents=True, exist_ok=True)
        self.out, self.cluster = out, cluster
        self.done = tf.Variable(0, dtype=tf.int64, name="epochs_done")
        self.checkpoint = tf.train.Checkpoint(done=self.done, **tracked)
        # Saving takes part of every worker; what the others write is thrown away.
        folder = out if cluster.is_chief else Path(tempfile.mkdtemp(prefix="worker-"))
        self.manager = tf.train.CheckpointManager(
            self.checkpoint, str(folder / "checkpoints"), max_to_keep=2
        )
        logs = str(out / "logs")
        self.log = (
            tf.summary.create_file_writer(logs)
            if cluster.is_chief
            else tf.summary.create_noop_writer()
        )
        self.epochs: list[dict[str, Any]] = []

    def resume(self) -> None:
        """Restore the last checkpoint, when there is one."""
        latest = tf.train.latest_checkpoint(str(self.out / "checkpoints"))
        if latest:
            self.checkpoint.restore(latest)
            document = json.loads((self.out / "history.json").read_text())
            self.epochs = document["epochs"][: int(self.done)]
            logger.info("resuming after epoch %d", int(self.done))

    def save(
        self,
        entry: dict[str, Any],
        readings: Mapping[str, Readings],
        config: Config,
        backend: dict[str, Any],
    ) -> None:
        """Add an epoch, and what the averaged network says of each slice after it, if asked."""
        self.epochs.append(entry)
        self.done.assign_add(1)
        if self.cluster.is_chief:
            (self.out / WEIGHTS).unlink(missing_ok=True)  # until it is finished again
            self.write(readings, config, backend)
        self.manager.save()
        with self.log.as_default(step=entry["epoch"]):
            for name, value in entry.items():
                figures_ = value if isinstance(value, dict) else {"": value}
                for key, number in figures_.items():
                    tf.summary.scalar(f"{name}/{key}".rstrip("/"), number)
        self.log.flush()
        logger.info("%s", json.dumps(entry))

    def write(
        self, readings: Mapping[str, Readings], config: Config, backend: dict[str, Any], **more: Any
    ) -> dict[str, Any]:
        """The history and the readings, if any, as files; the history."""
        if readings:
            save(self.out / READINGS, readings)
        document = {"config": asdict(config), "backend": backend, "epochs": self.epochs, **more}
        write_json(self.out / "history.json", document)
        return document


def meet(average: keras.Model, before: Path) -> None:
    """Go back half the way to the weights in a file.

    Fine-tuned weights give up some of what they were robust to; their mean with the ones they
    came from keeps most of both.

    References
    ----------
    Wortsman et al., Robust fine-tuning of zero-shot models, CVPR 2022.
    """
    after = average.get_weights()
    average.load_weights(str(before))
    pairs = zip(average.get_weights(), after, strict=True)
    average.set_weights([0.5 * (one + other) for one, other in pairs])


def train(
    config: Config,
    root: Path,
    out: Path,
    backend: dict[str, Any],
    cluster: Cluster | None = None,
) -> dict[str, Any]:
    """Train, resuming from the last checkpoint in `out` when there is one.

    Returns
    -------
    dict
        The history; also in ``history.json``. A finished run's averaged weights are in
        ``average.weights.h5``, what they say in ``readings.npz``. After a settling they are the
        mean of those before it and those after it, with figures of their own under ``kept``.
    """
    cv2.setNumThreads(1)
    cluster = cluster or Cluster()
    strategy = cluster.strategy()  # before anything else of TensorFlow
    teachers = find_teachers(config, out.resolve().parent)
    stages, watched = read_slices(config, root)
    painters = [Painter(stages[0])]
    painters.append(painters[0] if stages[1] is stages[0] else Painter(stages[1]))
    counts = [steps_per_epoch(slices, config, cluster.count) for slices in stages]
    with strategy.scope():
        model = build_for(config)
        optimizer = make_optimizer(config, *counts)
        optimizer.build(model.trainable_variables)
    average = build_for(config)
    load_imagenet(model, efficientnet_lite0())
    average.set_weights(model.get_weights())
    run = _Run(out, cluster, model=model, average=average, optimizer=optimizer)
    run.resume()
    step = make_step(model, average, optimizer, config, strategy, teachers)

    if config.warm_up and not int(run.done):
        if cluster.count > 1:
            raise BadRequest(f"{config.name} warms up, which several workers cannot; use one")
        warm_up(
            model,
            config,
            lambda epoch: training_batches(stages[0], painters[0], config, epoch).take(counts[0]),
            counts[0],
        )
        average.set_weights(model.get_weights())
    ask = forward(average, config)

    def look() -> dict[str, Readings]:
        return {name: read(predict(ask, part, config), part) for name, part in watched.items()}

    number = int(optimizer.iterations.numpy())
    for epoch in range(int(run.done), config.epochs_in_all):
        if is_stale(run.epochs, config.patience):
            logger.info("stopping early: nothing better in %d epochs", config.patience)
            break
        started = time.perf_counter()
        sums = np.zeros(len(PARTS))
        stage = int(epoch >= config.epochs)
        if epoch == config.epochs and cluster.is_chief:
            average.save_weights(str(out / BEFORE))
        steps = counts[stage]
        batches = training_batches(
            stages[stage], painters[stage], config, epoch, cluster.count, cluster.index
        )
        label = f"epoch {epoch + 1}/{config.epochs_in_all}"
        bar = tqdm(batches.take(steps), total=steps, desc=label, disable=None)
        for batch in bar:
            number += 1
            decay = min(config.ema, (1.0 + number) / (10.0 + number))
            sums += [float(part) for part in step(*batch, tf.constant(decay, tf.float32))]
        entry: dict[str, Any] = {
            "epoch": epoch + 1,
            "seconds": round(time.perf_counter() - started, 1),
            **{f"loss_{name}": value / steps for name, value in zip(PARTS, sums, strict=True)},
        }
        seen = look() if config.looks_after(epoch + 1) else {}
        entry |= {name: figures(readings) for name, readings in seen.items()}
        run.save(entry, seen, config, backend)
    history = {"config": asdict(config), "backend": backend, "epochs": run.epochs}
    if cluster.is_chief:
        if int(run.done) == config.epochs_in_all and (out / BEFORE).is_file():
            meet(average, out / BEFORE)
            seen = look()
            kept = {name: figures(readings) for name, readings in seen.items()}
            history = run.write(seen, config, backend, kept=kept)
        average.save_weights(str(out / WEIGHTS))
    return history
