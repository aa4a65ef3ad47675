"""The loop: multi-task loss, cosine rate, averaged weights, resumable checkpoints."""

from __future__ import annotations

import json
import logging
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import tensorflow as tf
from tensorflow import keras
from tqdm import tqdm

from appliance.core.types import LABELS
from training import data
from training.augment import Painter
from training.config import Config
from training.loader import plain_batches, steps_per_epoch, training_batches
from training.networks import build, load_imagenet
from training.weights import efficientnet_lite0

logger = logging.getLogger(__name__)
_HEALTHY = LABELS.index("no_tumor")


def loss_parts(
    outputs: dict[str, tf.Tensor], mask: tf.Tensor, label: tf.Tensor, config: Config
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Class loss, mask loss (cross-entropy and Dice), and presence by the mask's strongest pixels.

    The last one asks a healthy slice's most suspicious pixels to be calm, and a tumour slice's to
    be sure: without it, a segmenter draws something on most healthy slices.

    References
    ----------
    Milletari et al., V-Net (soft Dice), 3DV 2016.
    """
    target = tf.one_hot(label, len(LABELS))
    classes = keras.losses.categorical_crossentropy(
        target, outputs["logits"], from_logits=True, label_smoothing=config.label_smoothing
    )
    logits = outputs["mask"]
    present = tf.cast(tf.reduce_sum(mask, (1, 2, 3)) > 4.0, tf.float32)
    pixel = tf.nn.sigmoid_cross_entropy_with_logits(mask, logits)
    pixel = tf.reduce_mean(pixel * (1.0 + 2.0 * mask), (1, 2, 3)) * 8.0
    chance = tf.sigmoid(logits)
    overlap = tf.reduce_sum(chance * mask, (1, 2, 3))
    total = tf.reduce_sum(chance, (1, 2, 3)) + tf.reduce_sum(mask, (1, 2, 3))
    dice = (1.0 - (2.0 * overlap + 4.0) / (total + 4.0)) * present
    flat = tf.reshape(logits, (tf.shape(logits)[0], -1))
    strongest = tf.reduce_mean(tf.math.top_k(flat, 24, sorted=False).values, 1)
    presence = tf.nn.sigmoid_cross_entropy_with_logits(present, strongest)
    return tf.reduce_mean(classes), tf.reduce_mean(pixel + dice), tf.reduce_mean(presence)


def make_step(
    model: keras.Model, average: keras.Model, optimizer: keras.optimizers.Optimizer, config: Config
):
    """The compiled training step; returns the three loss parts."""
    encoder = {
        v.ref()
        for layer in model.layers
        if layer.name.startswith(("block", "conv_stem", "bn0", "conv_head", "bn_head"))
        for v in layer.trainable_variables
    }
    rates = [config.encoder_rate if v.ref() in encoder else 1.0 for v in model.trainable_variables]

    @tf.function
    def step(image, mask, label, decay):
        with tf.GradientTape() as tape:
            parts = loss_parts(model(image, training=True), mask, label, config)
            loss = parts[0] + config.mask_weight * parts[1] + config.presence_weight * parts[2]
        gradients = tape.gradient(loss, model.trainable_variables)
        gradients, _ = tf.clip_by_global_norm(gradients, 5.0)
        before = [tf.identity(v) for v in model.trainable_variables]
        optimizer.apply_gradients(zip(gradients, model.trainable_variables))  # noqa: B905
        for variable, old, rate in zip(model.trainable_variables, before, rates):  # noqa: B905
            if rate != 1.0:
                variable.assign(old + (variable - old) * rate)
        for mean, variable in zip(average.variables, model.variables):  # noqa: B905
            mean.assign(mean * decay + variable * (1.0 - decay))
        return parts

    return step


def predict(model: keras.Model, slices: data.Slices, config: Config) -> dict[str, np.ndarray]:
    """All outputs of the model for prepared slices, in order."""
    call = tf.function(lambda image: model(image, training=False))
    collected: dict[str, list[np.ndarray]] = {}
    for image, _, _ in plain_batches(slices, config):
        for name, value in call(image).items():
            collected.setdefault(name, []).append(value.numpy())
    return {name: np.concatenate(values) for name, values in collected.items()}


def figures(outputs: dict[str, np.ndarray], slices: data.Slices) -> dict[str, float]:
    """Quick validation figures on the network's grid, classifier and mask each for itself."""
    labels = slices.labels
    guess = outputs["logits"].argmax(1)
    tumour = labels != _HEALTHY
    probability = 1.0 / (1.0 + np.exp(-outputs["mask"][..., 0]))
    size = slices.masks.shape[1]
    dice, area = [], []
    for plane, mask in zip(probability, slices.masks, strict=True):
        drawn = cv2.resize(plane, (size, size), interpolation=cv2.INTER_LINEAR) > 0.5
        truth = mask > 127
        area.append(int(drawn.sum()))
        if truth.any():
            dice.append(2.0 * (drawn & truth).sum() / (drawn.sum() + truth.sum()))
    area = np.array(area)
    result = {
        "accuracy": float((guess == labels).mean()),
        "types": float((guess == labels)[tumour].mean()),
        "tumour_found_classifier": float((guess != _HEALTHY)[tumour].mean()),
        "tumour_found_mask": float((area > 40)[tumour].mean()),
        "dice": float(np.mean(dice)) if dice else float("nan"),
    }
    if (~tumour).any():
        result["healthy_alarmed_classifier"] = float((guess != _HEALTHY)[~tumour].mean())
        result["healthy_alarmed_mask"] = float((area > 40)[~tumour].mean())
    return result


def train(config: Config, root: Path, out: Path, backend: dict[str, str]) -> dict[str, Any]:
    """Train, resuming from the last checkpoint in `out` when there is one.

    Returns
    -------
    dict
        The history; also in ``history.json``. The averaged weights are in ``average.weights.h5``.
    """
    cv2.setNumThreads(1)
    out.mkdir(parents=True, exist_ok=True)
    cases = data.tumour_cases(root) + data.healthy_cases(root)
    spec = config.preprocessing
    training = data.load(
        data.split(cases, config.train_folds, apart_from=config.validation_folds), spec, "training"
    )
    validation = data.load(
        data.split(cases, config.validation_folds, apart_from=config.train_folds),
        spec,
        "validation",
    )
    others = data.load(data.other_source_cases(root), spec, "other sources")
    painter = Painter(training)

    model, average = build(spec.size, config.dropout), build(spec.size, config.dropout)
    load_imagenet(model, efficientnet_lite0())
    average.set_weights(model.get_weights())
    steps = steps_per_epoch(training, config)
    total = steps * config.epochs
    schedule = keras.optimizers.schedules.CosineDecay(
        config.learning_rate / 20,
        total,
        0.01,
        None,
        config.learning_rate,
        min(2 * steps, total // 4),
    )
    optimizer = keras.optimizers.AdamW(schedule, weight_decay=config.weight_decay)
    done = tf.Variable(0, dtype=tf.int64, name="epochs_done")
    checkpoint = tf.train.Checkpoint(model=model, average=average, optimizer=optimizer, done=done)
    manager = tf.train.CheckpointManager(checkpoint, str(out / "checkpoints"), max_to_keep=2)
    history: list[dict[str, Any]] = []
    if manager.latest_checkpoint:
        checkpoint.restore(manager.latest_checkpoint)
        history = json.loads((out / "history.json").read_text())["epochs"][: int(done)]
        logger.info("resuming after epoch %d", int(done))
    step = make_step(model, average, optimizer, config)

    for epoch in range(int(done), config.epochs):
        started = time.perf_counter()
        sums = np.zeros(3)
        batches = training_batches(training, painter, config, epoch)
        bar = tqdm(batches, total=steps, desc=f"epoch {epoch + 1}/{config.epochs}", disable=None)
        for count, (image, mask, label) in enumerate(bar, 1):
            decay = min(config.ema, (1.0 + epoch * steps + count) / (10.0 + epoch * steps + count))
            parts = step(image, mask, label, tf.constant(decay, tf.float32))
            sums += [float(part) for part in parts]
        entry = {
            "epoch": epoch + 1,
            "seconds": round(time.perf_counter() - started, 1),
            "loss_class": sums[0] / steps,
            "loss_mask": sums[1] / steps,
            "loss_presence": sums[2] / steps,
            "validation": figures(predict(average, validation, config), validation),
            "other_sources": figures(predict(average, others, config), others),
        }
        history.append(entry)
        done.assign_add(1)
        document = {"config": asdict(config), "backend": backend, "epochs": history}
        partial = out / "history.json.part"
        partial.write_text(json.dumps(document, indent=1))
        partial.replace(out / "history.json")
        manager.save()
        logger.info("%s", json.dumps(entry))
    average.save_weights(str(out / "average.weights.h5"))
    return {"config": asdict(config), "backend": backend, "epochs": history}
