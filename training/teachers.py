"""Distillation: the mean answer of finished networks becomes a part of the target."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import tensorflow as tf
from tensorflow import keras

from appliance.core.errors import BadRequest
from training.config import Config, load_config
from training.figures import WEIGHTS, finished
from training.networks import build_for

Blend = Callable[[tf.Tensor, tf.Tensor, tf.Tensor], tuple[tf.Tensor, tf.Tensor]]
"""``(image, mask, classes) -> (mask, classes)``, both targets.

Pictures (batch, size, size, 1), coverage (batch, side, side, 1), classes (batch, labels), float32.
"""


def _teacher(name: str, config: Config, beside: Path) -> keras.Model:
    """The averaged network of one finished run, which must not know the held-out slices."""
    own = load_config(name)
    run = beside / own.name
    seen = finished(run)["config"]["train_folds"]
    leaked = sorted(set(seen) & set(config.validation_folds))
    if leaked:
        raise BadRequest(f"{run} was trained on folds {leaked}, which {config.name} holds out")
    if own.preprocessing != config.preprocessing or own.mask_side != config.mask_side:
        raise BadRequest(f"{name} sees or draws other sizes than {config.name}")
    model = build_for(own)
    model.load_weights(str(run / WEIGHTS))
    return model


def find_teachers(config: Config, beside: Path) -> list[keras.Model]:
    """The networks a configuration learns from, each in the folder of its name.

    Parameters
    ----------
    beside : Path
        The folder that holds the runs.

    Raises
    ------
    NotFound
        When a run is missing or unfinished.
    BadRequest
        When a teacher has been trained on what is held out, or has other sizes.
    """
    return [_teacher(name, config, beside) for name in config.teachers]


def blend(models: Sequence[keras.Model], share: float) -> Blend:
    """Targets that are, for `share`, the teachers' mean answer to the same augmented picture.

    The mask of a healthy slice stays as it is: that there is nothing, no teacher knows better.

    References
    ----------
    Hinton et al., Distilling the knowledge in a neural network, 2015.
    """

    def targets(image: tf.Tensor, mask: tf.Tensor, classes: tf.Tensor):
        if not models:
            return mask, classes
        answers = [model(image, training=False) for model in models]
        drawn = tf.add_n([tf.sigmoid(one["mask"]) for one in answers]) / len(models)
        named = tf.add_n([tf.nn.softmax(one["logits"]) for one in answers]) / len(models)
        tumour = tf.reduce_max(mask, (1, 2, 3), keepdims=True) > 0.0
        mask = tf.where(tumour, mask + share * (drawn - mask), mask)
        return tf.stop_gradient(mask), tf.stop_gradient(classes + share * (named - classes))

    return targets
