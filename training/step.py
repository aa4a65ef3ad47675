"""The loss and the compiled training step, on one machine or spread over several."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import tensorflow as tf
from tensorflow import keras

from appliance.core.types import LABELS
from appliance.core.verdict import STRONGEST
from training.config import Config

PARTS = ("class", "mask", "presence")
_ENCODER = ("block", "conv_stem", "bn0", "conv_head", "bn_head")


def loss_parts(
    outputs: dict[str, tf.Tensor], mask: tf.Tensor, label: tf.Tensor, config: Config
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Class loss, mask loss (cross-entropy and Dice), and presence.

    Presence, by the mask's strongest pixels, asks a healthy slice's most suspicious pixels to be
    calm, and a tumour slice's to be sure: without it, a segmenter draws something on most healthy
    slices.

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
    few = max(1, round(flat.shape[1] * STRONGEST))
    strongest = tf.reduce_mean(tf.math.top_k(flat, few, sorted=False).values, 1)
    presence = tf.nn.sigmoid_cross_entropy_with_logits(present, strongest)
    return tf.reduce_mean(classes), tf.reduce_mean(pixel + dice), tf.reduce_mean(presence)


def total_loss(parts: Sequence[tf.Tensor], config: Config) -> tf.Tensor:
    """The weighted sum of `loss_parts`."""
    weights = (1.0, config.mask_weight, config.presence_weight)
    return tf.add_n([part * weight for part, weight in zip(parts, weights)])  # noqa: B905


def slow_variables(model: keras.Model) -> list[tf.Variable]:
    """The encoder's trainable variables: they start from ImageNet and move less."""
    return [
        variable
        for layer in model.layers
        if layer.name.startswith(_ENCODER)
        for variable in layer.trainable_variables
    ]


def make_step(
    model: keras.Model,
    average: keras.Model,
    optimizer: keras.optimizers.Optimizer,
    config: Config,
    strategy: tf.distribute.Strategy | None = None,
) -> Callable[..., tuple[tf.Tensor, ...]]:
    """The compiled step ``(image, mask, label, decay) -> loss parts``.

    Parameters
    ----------
    average : keras.Model
        Holds the moving average of `model`'s variables; ordinary variables, one copy a worker.
    strategy : tf.distribute.Strategy, optional
        Spreads a step over replicas; gradients are summed, so each replica's loss is divided by
        their number.
    """
    strategy = strategy or tf.distribute.get_strategy()
    replicas = strategy.num_replicas_in_sync
    slow = slow_variables(model) if config.encoder_rate != 1.0 else []

    def replica(image: tf.Tensor, mask: tf.Tensor, label: tf.Tensor) -> tuple[tf.Tensor, ...]:
        with tf.GradientTape() as tape:
            parts = loss_parts(model(image, training=True), mask, label, config)
            loss = total_loss(parts, config) / replicas
        gradients = tape.gradient(loss, model.trainable_variables)
        gradients, _ = tf.clip_by_global_norm(gradients, 5.0)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables))  # noqa: B905
        return parts

    @tf.function
    def step(image, mask, label, decay):
        before = [tf.identity(variable) for variable in slow]
        parts = strategy.run(replica, args=(image, mask, label))
        for variable, old in zip(slow, before):  # noqa: B905
            variable.assign(old + (variable - old) * config.encoder_rate)
        for mean, variable in zip(average.variables, model.variables):  # noqa: B905
            mean.assign(mean * decay + variable * (1.0 - decay))
        return tuple(strategy.reduce("MEAN", part, axis=None) for part in parts)

    return step
