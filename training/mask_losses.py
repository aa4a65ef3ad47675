"""Losses on the mask, logits against coverage: what the recipe adds up, and what was tried."""

from __future__ import annotations

from collections.abc import Mapping

import tensorflow as tf

from training.config import Config

_REACH = 8
DEEPER = "mask_at_"
"""Prefix of the outputs that deep supervision reads; the number after it is their stride."""


def _whole(values: tf.Tensor) -> tf.Tensor:
    """Sum over a slice, (batch,)."""
    return tf.reduce_sum(values, (1, 2, 3))


def present(mask: tf.Tensor) -> tf.Tensor:
    """1 where a slice has more than four pixels of tumour, (batch,) float32."""
    return tf.cast(_whole(mask) > 4.0, tf.float32)


def cross_entropy(mask: tf.Tensor, logits: tf.Tensor, focal: float = 0.0) -> tf.Tensor:
    """Weighted cross-entropy of each slice, (batch,); `focal` is the exponent of a focal loss.

    References
    ----------
    Lin et al., Focal loss for dense object detection, ICCV 2017.
    """
    pixel = tf.nn.sigmoid_cross_entropy_with_logits(mask, logits)
    if focal:
        pixel *= tf.abs(mask - tf.sigmoid(logits)) ** focal
    return tf.reduce_mean(pixel * (1.0 + 2.0 * mask), (1, 2, 3)) * 8.0


def soft_dice(mask: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """One less the soft Dice of each slice, (batch,); zero without a tumour.

    References
    ----------
    Milletari et al., V-Net, 3DV 2016.
    """
    chance = tf.sigmoid(logits)
    total = _whole(chance) + _whole(mask)
    return (1.0 - (2.0 * _whole(chance * mask) + 4.0) / (total + 4.0)) * present(mask)


def signed_distance(mask: tf.Tensor, reach: int = _REACH) -> tf.Tensor:
    """Chessboard distance to the outline in pixels, negative inside, no further than `reach`.

    Counted by growing and shrinking the mask a pixel at a time, which a graph can do.
    """
    inside = tf.cast(mask > 0.5, tf.float32)
    grown, shrunk, distance = inside, inside, tf.zeros_like(inside)
    for _ in range(reach):
        distance += (1.0 - grown) - shrunk
        grown = tf.nn.max_pool2d(grown, 3, 1, "SAME")
        shrunk = 1.0 - tf.nn.max_pool2d(1.0 - shrunk, 3, 1, "SAME")
    return distance


def boundary(mask: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """How far what is drawn lies from the outline, (batch,); zero without a tumour.

    References
    ----------
    Kervadec et al., Boundary loss for highly unbalanced segmentation, MIDL 2019.
    """
    distance = signed_distance(mask) / _REACH
    return tf.reduce_mean(tf.sigmoid(logits) * distance, (1, 2, 3)) * 8.0 * present(mask)


def mask_loss(outputs: Mapping[str, tf.Tensor], mask: tf.Tensor, config: Config) -> tf.Tensor:
    """Each slice's loss on the mask, (batch,), as the configuration weighs it.

    References
    ----------
    Lee et al., Deeply-supervised nets, AISTATS 2015.
    """

    def one(target: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
        return cross_entropy(target, logits, config.focal) + soft_dice(target, logits)

    loss = one(mask, outputs["mask"])
    if config.boundary:
        loss += config.boundary * boundary(mask, outputs["mask"])
    for name in sorted(name for name in outputs if name.startswith(DEEPER)):
        factor = mask.shape[1] // outputs[name].shape[1]
        coarse = tf.nn.avg_pool2d(mask, factor, factor, "VALID")
        loss += config.deep * one(coarse, outputs[name])
    return loss
