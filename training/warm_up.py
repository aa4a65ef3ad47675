"""Self-supervised warm-up: fill in what was cut out of a slice, before the first label is seen."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable

import numpy as np
import tensorflow as tf
from tensorflow import keras
from tqdm import tqdm

from appliance.core.errors import BadRequest
from training.config import Config

logger = logging.getLogger(__name__)
_CELL = 16
_KEPT = 0.6


def with_holes(image: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """The pictures with two in five cells of 16 x 16 pixels grey, and where (1) those are."""
    batch, side = tf.shape(image)[0], image.shape[1]
    cells = tf.random.uniform((batch, side // _CELL, side // _CELL, 1)) > _KEPT
    holes = tf.repeat(tf.repeat(tf.cast(cells, tf.float32), _CELL, 1), _CELL, 2)
    return image * (1.0 - holes), holes


def _make_step(model: keras.Model, optimizer: keras.optimizers.Optimizer) -> Callable:
    """The compiled step ``image -> mean squared error in the holes``."""
    variables = model.trainable_variables

    @tf.function
    def step(image):
        seen, holes = with_holes(image)
        with tf.GradientTape() as tape:
            error = tf.square(model(seen, training=True)["mask"] - image) * holes
            loss = tf.reduce_sum(error) / (tf.reduce_sum(holes) + 1.0)
        gradients = tape.gradient(loss, variables)
        pairs = [(g, v) for g, v in zip(gradients, variables, strict=True) if g is not None]
        optimizer.apply_gradients(pairs)
        return loss

    return step


def warm_up(
    model: keras.Model, config: Config, batches: Callable[[int], Iterable], steps: int
) -> list[float]:
    """Train encoder and decoder to fill in holes; the layer that draws starts anew afterwards.

    Parameters
    ----------
    batches : callable
        Epoch number to batches whose first member is the pictures, (batch, size, size, 1).

    Returns
    -------
    list of float
        Mean loss of each epoch.

    Raises
    ------
    BadRequest
        When masks are smaller than pictures.

    References
    ----------
    Pathak et al., Context encoders, CVPR 2016; He et al., Masked autoencoders, CVPR 2022.
    """
    if config.mask_side != config.preprocessing.size:
        raise BadRequest(
            f"a warm-up draws whole pictures; expected mask_side {config.preprocessing.size}, "
            f"found {config.mask_side}"
        )
    drawing = model.get_layer("subpixels")  # the dense decoder: no other draws so large
    untouched = drawing.get_weights()
    total = max(1, steps * config.warm_up)
    rate = keras.optimizers.schedules.CosineDecay(config.learning_rate, total)
    step = _make_step(model, keras.optimizers.AdamW(rate, weight_decay=config.weight_decay))
    means = []
    for epoch in range(config.warm_up):
        bar = tqdm(batches(epoch), f"warm-up {epoch + 1}/{config.warm_up}", steps, disable=None)
        means.append(float(np.mean([float(step(image)) for image, *_ in bar])))
        logger.info("warm-up %d: error %.4f", epoch + 1, means[-1])
    drawing.set_weights(untouched)
    return means
