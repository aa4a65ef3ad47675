"""Slices to batches: a tf.data pipeline around `augment`, and one without for validation."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
import tensorflow as tf

from appliance.core.types import LABELS
from training.augment import augment
from training.config import Config
from training.data import Slices
from training.painting import Painter

_HEALTHY = LABELS.index("no_tumor")
Example = tuple[np.ndarray, np.ndarray, int, int]
"""Picture, mask, label, plane (-1 where unknown)."""


def _order(slices: Slices, config: Config, rng: np.random.Generator) -> np.ndarray:
    """One epoch's indices: tumour slices once, healthy ones `healthy_repeat` times."""
    tumour = np.flatnonzero(slices.labels != _HEALTHY)
    healthy = np.flatnonzero(slices.labels == _HEALTHY)
    extra = int(round(len(healthy) * (config.healthy_repeat - 1)))
    chosen = rng.choice(healthy, extra, replace=extra > len(healthy)) if extra > 0 else healthy[:0]
    return rng.permutation(np.concatenate([tumour, healthy, chosen]))


def steps_per_epoch(slices: Slices, config: Config, workers: int = 1) -> int:
    """Batches of one training epoch that each worker gets."""
    return len(_order(slices, config, np.random.default_rng(0))) // (config.batch * workers)


def mask_target(mask: np.ndarray, side: int) -> np.ndarray:
    """Coverage on the mask output's grid, (side, side, 1) float32."""
    return cv2.resize(mask, (side, side), interpolation=cv2.INTER_AREA)[..., None]


def training_batches(
    slices: Slices,
    painter: Painter,
    config: Config,
    epoch: int,
    workers: int = 1,
    worker: int = 0,
) -> tf.data.Dataset:
    """Augmented batches of one epoch; the same epoch and worker give the same batches."""

    def examples() -> Iterator[Example]:
        order = _order(slices, config, np.random.default_rng((config.seed, epoch)))
        rng = np.random.default_rng((config.seed, epoch, worker))
        for index in order[worker::workers]:
            array, mask, label = augment(slices, int(index), config.augmentation, painter, rng)
            yield array, mask_target(mask, config.mask_side), label, slices.plane(int(index))

    return _batches(examples, slices, config, drop=True)


def plain_batches(slices: Slices, config: Config) -> tf.data.Dataset:
    """The prepared slices as they are, in order."""

    def examples() -> Iterator[Example]:
        for index, (array, mask) in enumerate(zip(slices.arrays, slices.masks, strict=True)):
            soft = mask.astype(np.float32) / 255.0
            target = mask_target(soft, config.mask_side)
            yield array, target, int(slices.labels[index]), slices.plane(index)

    return _batches(examples, slices, config, drop=False)


def _batches(examples, slices: Slices, config: Config, drop: bool) -> tf.data.Dataset:
    size, side = config.preprocessing.size, config.mask_side
    signature = (
        tf.TensorSpec((size, size, 1), tf.float32),
        tf.TensorSpec((side, side, 1), tf.float32),
        tf.TensorSpec((), tf.int64),
        tf.TensorSpec((), tf.int64),
    )
    dataset = tf.data.Dataset.from_generator(examples, output_signature=signature)
    return dataset.batch(config.batch, drop_remainder=drop).prefetch(4)
