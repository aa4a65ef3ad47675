"""The loss and the compiled training step, on one machine or spread over several."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import tensorflow as tf
from tensorflow import keras

from appliance.core.types import LABELS
from appliance.core.verdict import STRONGEST
from training.config import Config
from training.mask_losses import mask_loss, present
from training.teachers import blend

PARTS = ("class", "mask", "presence", "plane")
_ENCODER = ("block", "conv_stem", "bn0", "conv_head", "bn_head")


def loss_parts(
    outputs: dict[str, tf.Tensor],
    mask: tf.Tensor,
    target: tf.Tensor,
    plane: tf.Tensor,
    config: Config,
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]:
    """Class loss, mask loss (`mask_losses`), presence, and plane.

    Presence, by the mask's strongest pixels, asks a healthy slice's most suspicious pixels to be
    calm, and a tumour slice's to be sure: without it, a segmenter draws something on most healthy
    slices. The plane counts for slices that name one; the rest have -1. The class's target is a
    distribution, (batch, classes).
    """
    classes = keras.losses.categorical_crossentropy(
        target, outputs["logits"], from_logits=True, label_smoothing=config.label_smoothing
    )
    logits = outputs["mask"]
    flat = tf.reshape(logits, (tf.shape(logits)[0], -1))
    few = max(1, round(flat.shape[1] * STRONGEST))
    strongest = tf.reduce_mean(tf.math.top_k(flat, few, sorted=False).values, 1)
    presence = tf.nn.sigmoid_cross_entropy_with_logits(present(mask), strongest)
    parts = (classes, mask_loss(outputs, mask, config), presence, _plane_loss(outputs, plane))
    return tuple(tf.reduce_mean(part) for part in parts)


def _plane_loss(outputs: dict[str, tf.Tensor], plane: tf.Tensor) -> tf.Tensor:
    """Cross-entropy of the plane where known, (batch,); zero for a network that tells none."""
    known = tf.cast(plane >= 0, tf.float32)
    if "plane" not in outputs:
        return tf.zeros_like(known)
    return known * tf.nn.sparse_softmax_cross_entropy_with_logits(
        tf.maximum(plane, 0), outputs["plane"]
    )


def total_loss(parts: Sequence[tf.Tensor], config: Config) -> tf.Tensor:
    """The weighted sum of `loss_parts`."""
    weights = (1.0, config.mask_weight, config.presence_weight, config.plane_weight)
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
    teachers: Sequence[keras.Model] = (),
) -> Callable[..., tuple[tf.Tensor, ...]]:
    """The compiled step ``(image, mask, label, plane, decay) -> loss parts``.

    Parameters
    ----------
    average : keras.Model
        Holds the moving average of `model`'s variables; ordinary variables, one copy a worker.
    strategy : tf.distribute.Strategy, optional
        Spreads a step over replicas; gradients are summed, so each replica's loss is divided by
        their number.
    teachers : sequence of keras.Model
        Finished networks that give a part of the target (`teachers.blend`).
    """
    targets = blend(teachers, config.taught)
    strategy = strategy or tf.distribute.get_strategy()
    replicas = strategy.num_replicas_in_sync
    slow = slow_variables(model) if config.encoder_rate != 1.0 else []

    def replica(image, mask, label, plane) -> tuple[tf.Tensor, ...]:
        mask, classes = targets(image, mask, tf.one_hot(label, len(LABELS)))
        with tf.GradientTape() as tape:
            parts = loss_parts(model(image, training=True), mask, classes, plane, config)
            loss = total_loss(parts, config) / replicas
        gradients = tape.gradient(loss, model.trainable_variables)
        gradients, _ = tf.clip_by_global_norm(gradients, 5.0)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables))  # noqa: B905
        return parts

    @tf.function
    def step(image, mask, label, plane, decay):
        before = [tf.identity(variable) for variable in slow]
        parts = strategy.run(replica, args=(image, mask, label, plane))
        for variable, old in zip(slow, before):  # noqa: B905
            variable.assign(old + (variable - old) * config.encoder_rate)
        for mean, variable in zip(average.variables, model.variables):  # noqa: B905
            mean.assign(mean * decay + variable * (1.0 - decay))
        return tuple(strategy.reduce("MEAN", part, axis=None) for part in parts)

    return step
