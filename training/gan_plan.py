"""What a run of the GAN is made of: the settings, without TensorFlow, and the sample sheet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import cv2
import numpy as np

from appliance.core.errors import BadRequest
from appliance.core.intensity import to_unit
from appliance.core.preprocess import Preprocessing
from appliance.core.types import LABELS


@dataclass(frozen=True)
class Plan:
    """Settings of a GAN run.

    Attributes
    ----------
    steps : int
        Updates of both networks.
    every : int
        Steps between checkpoints; each also writes a sample sheet.
    generator_rate, discriminator_rate : float
        Constant until the last fifth of the steps, then falling to a tenth.
    ema : float
        Decay of the generator's moving average, which draws the pictures.
    backend : str
        A name of `training.device.BACKENDS`.
    """

    size: int = 128
    steps: int = 6000
    every: int = 250
    batch: int = 16
    generator_rate: float = 2e-4
    discriminator_rate: float = 4e-4
    ema: float = 0.998
    seed: int = 7
    backend: str = "f32"
    train_folds: tuple[int, ...] = (1, 2, 3)
    held_out_folds: tuple[int, ...] = (4,)

    def __post_init__(self) -> None:
        if self.size not in (32, 64, 128, 256):
            raise BadRequest(f"expected a size of 32, 64, 128 or 256 pixels, found {self.size}")
        if self.steps < 1 or self.every < 1 or self.batch < 2:
            raise BadRequest("expected steps above zero")

    @property
    def preprocessing(self) -> Preprocessing:
        """The product's own, at this size."""
        return Preprocessing(size=self.size)

    def decline(self, step: int) -> float:
        """Factor of both learning rates: 1, and down to 0.1 over the last fifth.

        >>> Plan(steps=100).decline(50), round(Plan(steps=100).decline(100), 3)
        (1.0, 0.1)
        """
        return 1.0 - 0.9 * max(0.0, step / self.steps - 0.8) / 0.2

    def to_json(self) -> dict[str, Any]:
        """A plain mapping."""
        return asdict(self)

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Plan:
        """The inverse of `to_json`.

        >>> Plan.from_json(Plan().to_json()) == Plan()
        True
        """
        folds = ("train_folds", "held_out_folds")
        return cls(**{k: tuple(v) if k in folds else v for k, v in document.items()})


def to_bytes(array: np.ndarray) -> np.ndarray:
    """Prepared or generated pictures in -1 to 1, as uint8; the last axis goes."""
    return np.clip(np.rint(to_unit(array[..., 0]) * 255.0), 0, 255).astype(np.uint8)


def sheet(pictures: np.ndarray, columns: int) -> np.ndarray:
    """Pictures (n, rows, columns) uint8 beside and below each other, with a thin grey line."""
    edged = [cv2.copyMakeBorder(p, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=96) for p in pictures]
    rows = [np.hstack(edged[i : i + columns]) for i in range(0, len(edged), columns)]
    return np.vstack([row for row in rows if row.shape == rows[0].shape])


def shares(labels: np.ndarray, count: int) -> np.ndarray:
    """How many pictures of each class make up `count`, in the proportions of `labels`.

    >>> shares(np.array([0, 0, 1, 2, 3, 3, 3, 3]), 16).tolist()
    [4, 2, 2, 8]
    """
    exact = np.bincount(labels, minlength=len(LABELS)) * count / len(labels)
    whole = np.floor(exact).astype(int)
    rest = np.argsort(whole - exact, kind="stable")[: count - whole.sum()]
    whole[rest] += 1
    return whole
