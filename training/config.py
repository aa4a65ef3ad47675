"""The training configuration: a frozen value, written by the files in ``training/configs``."""

from __future__ import annotations

import importlib
from dataclasses import dataclass, field, replace

from appliance.core.errors import NotFound
from appliance.core.preprocess import Preprocessing


@dataclass(frozen=True)
class Augmentation:
    """Probabilities and ranges of `training.augment.augment`; intensities are 0 to 1."""

    paint: float = 0.35
    """Share of healthy slices that get a tumour painted in, against the source confound."""
    paint_heads: float = 0.35
    """The same of generated heads."""
    artefact: float = 0.25
    """Share of all slices that get the same blending artefact without meaning."""
    heal: float = 0.0
    """Share of meningiomas and pituitary tumours that are covered with healthy tissue."""
    strip: float = 0.0
    """Share of slices that lose skin, fat and skull, as research volumes do."""
    borrow: float = 0.0
    """Share of slices that take over another slice's histogram."""
    curve: float = 0.6
    bias: float = 0.4
    down_sample: float = 0.3
    jpeg: float = 0.3
    noise: float = 0.35
    blur: float = 0.2
    ghost: float = 0.0
    motion: float = 0.0
    cut_out: float = 0.0
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
        Side of the network's mask output; it follows from the input's side and the decoder.
    decoder : str
        A key of `training.networks.DECODERS`.
    healthy_repeat : float
        How often a healthy slice is drawn an epoch, against once for a tumour slice.
    attention : bool
        Read the tumour type also from the features under the mask.
    second_reader : bool
        Train on the mean of both readers' masks where there are two.
    heads : int
        Generated healthy heads added to the training slices.
    settling : int
        Epochs after `epochs`, at `settling_rate`; when there are any, the heads are seen in these
        alone, and the mean of the weights before and after them is kept.
    patience : int
        Stop, before a settling too, after so many epochs without a better validation figure; 0
        runs them all, which a cross-validation with a frozen recipe wants.
    look_every : int
        Epochs from one look at the held-out slices to the next, an eighth of an epoch each; the
        last epoch always ends with one, and every epoch does where `patience` asks for it.
    focal : float
        Exponent of a focal loss in place of the mask's cross-entropy; 0 leaves that as it is.
    boundary, deep : float
        Weights of a boundary loss, and of mask losses at the decoder's coarser steps.
    plane_weight : float
        Weight of telling the plane of the slices whose plane the case list names.
    warm_up : int
        Epochs, before all others, of filling in what was cut out of the slices.
    teachers : tuple of str
        Configurations whose finished runs, beside this one, give a part of the target.
    taught : float
        That part, 0 to 1.
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
    decoder: str = "separable"
    epochs: int = 14
    settling: int = 0
    settling_rate: float = 1.5e-4
    batch: int = 16
    learning_rate: float = 6e-4
    encoder_rate: float = 0.5
    weight_decay: float = 2e-5
    label_smoothing: float = 0.05
    dropout: float = 0.25
    mask_weight: float = 1.5
    presence_weight: float = 0.25
    focal: float = 0.0
    boundary: float = 0.0
    deep: float = 0.0
    plane_weight: float = 0.0
    warm_up: int = 0
    teachers: tuple[str, ...] = ()
    taught: float = 0.5
    attention: bool = False
    second_reader: bool = False
    heads: int = 0
    healthy_repeat: float = 1.4
    ema: float = 0.997
    patience: int = 0
    look_every: int = 4
    seed: int = 7

    @property
    def epochs_in_all(self) -> int:
        """Epochs of the whole run."""
        return self.epochs + self.settling

    def looks_after(self, epoch: int) -> bool:
        """Whether the held-out slices are read after this epoch, the first being 1.

        >>> config = Config("x", "X", epochs=6, look_every=4)
        >>> [epoch for epoch in range(1, 7) if config.looks_after(epoch)]
        [4, 6]
        """
        due = epoch % self.look_every == 0 or epoch == self.epochs_in_all
        return due or bool(self.patience)


FOLDS = (1, 2, 3, 4)


def held_out(config: Config, fold: int | None) -> Config:
    """The same recipe with a fold held out, or trained on all folds with None.

    >>> held_out(Config("x", "X"), 2).train_folds
    (1, 3, 4)

    Raises
    ------
    NotFound
        When there is no such fold.
    """
    if fold is not None and fold not in FOLDS:
        raise NotFound(f"folds are {FOLDS}, found {fold}")
    rest = tuple(number for number in FOLDS if number != fold)
    return replace(config, train_folds=rest, validation_folds=() if fold is None else (fold,))


def load_config(name: str) -> Config:
    """The ``CONFIG`` of ``training/configs/<name>.py``; ``trials.<name>`` is one of its trials.

    Raises
    ------
    NotFound
        When there is no such configuration.
    """
    file, _, key = name.partition(".")
    try:
        module = importlib.import_module(f"training.configs.{file}")
        return module.TRIALS[key] if key else module.CONFIG
    except (ModuleNotFoundError, AttributeError, KeyError) as error:
        raise NotFound(f"no configuration {name!r} in training/configs") from error
