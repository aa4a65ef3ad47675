"""The training configuration: a frozen value, written by the files in ``training/configs``."""

from __future__ import annotations

import importlib
from dataclasses import dataclass, field

from appliance.core.errors import NotFound
from appliance.core.preprocess import Preprocessing


@dataclass(frozen=True)
class Augmentation:
    """Probabilities and ranges of `training.augment.augment`; intensities are 0 to 1."""

    paint: float = 0.35
    """Share of healthy slices that get a tumour painted in, against the source confound."""
    artefact: float = 0.25
    """Share of all slices that get the same blending artefact without meaning."""
    curve: float = 0.6
    bias: float = 0.4
    down_sample: float = 0.3
    jpeg: float = 0.3
    noise: float = 0.35
    blur: float = 0.2
    geometry: float = 0.85
    rotation_deg: float = 18.0
    scale: tuple[float, float] = (0.85, 1.18)
    shift: float = 0.06


@dataclass(frozen=True)
class Config:
    """Everything that decides a training run.

    Attributes
    ----------
    train_folds, validation_folds : tuple of int
        Disjoint; `training.data.split` refuses anything else.
    mask_side : int
        Side of the network's mask output.
    healthy_repeat : float
        How often a healthy slice is drawn an epoch, against once for a tumour slice.
    ema : float
        Decay of the exponential moving average of the weights that is kept.
    """

    name: str
    title: str
    train_folds: tuple[int, ...] = (1, 2, 3)
    validation_folds: tuple[int, ...] = (4,)
    preprocessing: Preprocessing = field(default_factory=Preprocessing)
    augmentation: Augmentation = field(default_factory=Augmentation)
    mask_side: int = 112
    epochs: int = 14
    batch: int = 16
    learning_rate: float = 6e-4
    encoder_rate: float = 0.5
    weight_decay: float = 2e-5
    label_smoothing: float = 0.05
    dropout: float = 0.25
    mask_weight: float = 1.5
    presence_weight: float = 0.25
    healthy_repeat: float = 1.4
    ema: float = 0.997
    seed: int = 7


def load_config(name: str) -> Config:
    """The ``CONFIG`` of ``training/configs/<name>.py``.

    Raises
    ------
    NotFound
        When there is no such configuration.
    """
    try:
        module = importlib.import_module(f"training.configs.{name}")
    except ModuleNotFoundError as error:
        raise NotFound(f"no configuration {name!r} in training/configs") from error
    return module.CONFIG
