"""A network of a few layers that answers as ours does: for tests of what surrounds a network."""

from __future__ import annotations

from typing import TYPE_CHECKING

from training.config import Config

if TYPE_CHECKING:
    from tensorflow import keras


def build_small(config: Config) -> keras.Model:
    """In place of `training.networks.build_for`; the drawing layer has the dense decoder's name."""
    import tensorflow as tf
    from tensorflow.keras import layers

    side = config.preprocessing.size
    image = layers.Input((side, side, 1), name="image")
    x = layers.Conv2D(8, 3, 4, "same", use_bias=False, name="conv_stem")(image)
    x = layers.ReLU()(layers.BatchNormalization(name="bn0")(x))
    factor = config.mask_side * 4 // side
    drawn = layers.Conv2D(factor**2, 1, name="subpixels")(x)
    cam = layers.Conv2D(4, 1, name="cam")(layers.AveragePooling2D(8)(x))
    outputs = {
        "logits": layers.GlobalAveragePooling2D(name="logits")(cam),
        "mask": tf.nn.depth_to_space(drawn, factor, name="mask"),
        "cam": cam,
        "embedding": layers.GlobalAveragePooling2D(name="embedding")(x),
    }
    return tf.keras.Model(image, outputs, name="small")
