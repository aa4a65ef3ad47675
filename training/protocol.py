"""One protocol for networks that are to be compared: data, augmentation, optimiser, budget."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from appliance.core.errors import BadRequest
from appliance.core.preprocess import Preprocessing
from training.config import Augmentation, Config


@dataclass(frozen=True)
class Protocol:
    """What every network of a comparison gets alike. Nothing in it was tuned for one of them.

    Attributes
    ----------
    epochs, minutes : int or float, optional
        The budget: one of the two. ``minutes`` is wall time spent in training steps.
    steps : int, optional
        Steps of an epoch; by default all slices once (healthy ones 1.4 times).
    learning_rate : float
        Peak of a cosine with a linear warm-up over the first `warm_up` of the budget.
    weight_decay : float
        AdamW; not on biases and normalisation.
    ema : float
        Decay of the weights' moving average, which is what is scored.
    """

    input: int = 128
    scale: str = "reduced"
    epochs: int | None = 18
    minutes: float | None = None
    steps: int | None = None
    batch: int = 16
    learning_rate: float = 1e-3
    warm_up: float = 0.05
    weight_decay: float = 0.01
    label_smoothing: float = 0.05
    clip: float = 5.0
    ema: float = 0.997
    seed: int = 7
    train_folds: tuple[int, ...] = (1, 2, 3)
    score_folds: tuple[int, ...] = (4,)
    augmentation: Augmentation = field(default_factory=Augmentation)

    def __post_init__(self) -> None:
        if (self.epochs is None) == (self.minutes is None):
            raise BadRequest("expected a budget in epochs or in minutes, one of the two")
        if self.input % 32 or self.input < 32:
            raise BadRequest(f"expected an input side that is a multiple of 32, found {self.input}")
        given = [v for v in (self.epochs, self.steps, self.minutes) if v is not None]
        if min(given) <= 0:
            raise BadRequest(f"expected a budget above zero, found {min(given)}")

    @property
    def preprocessing(self) -> Preprocessing:
        """The product's own, at this input side."""
        return Preprocessing(size=self.input)

    def config(self) -> Config:
        """The part the training loader asks for."""
        return Config(
            name="comparison",
            title="Comparison",
            train_folds=self.train_folds,
            validation_folds=self.score_folds,
            preprocessing=self.preprocessing,
            augmentation=self.augmentation,
            mask_side=self.input // 4,
            batch=self.batch,
            seed=self.seed,
        )

    def rate(self, share: float) -> float:
        """Learning rate after a share (0 to 1) of the budget.

        >>> protocol = Protocol()
        >>> [round(protocol.rate(share), 5) for share in (0.0, 0.05, 1.0)]
        [5e-05, 0.001, 1e-05]
        """
        share = min(share, 1.0)
        if share < self.warm_up:
            return self.learning_rate * (0.05 + 0.95 * share / self.warm_up)
        turn = (share - self.warm_up) / (1.0 - self.warm_up)
        return self.learning_rate * (0.01 + 0.99 * 0.5 * (1.0 + math.cos(math.pi * turn)))

    def budget(self) -> str:
        """The budget in words."""
        each = "" if self.steps is None else f" of {self.steps} step{'s' * (self.steps > 1)}"
        if self.epochs is not None:
            return f"{self.epochs} epoch{'s' * (self.epochs > 1)}{each}"
        return f"{self.minutes:g} minutes of training"

    def to_json(self) -> dict[str, Any]:
        """A plain mapping."""
        return asdict(self)

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Protocol:
        """The inverse of `to_json`.

        >>> Protocol.from_json(json.loads(json.dumps(Protocol(seed=3).to_json()))).seed
        3
        """
        values = {f.name: document[f.name] for f in fields(cls)}
        given = dict(values["augmentation"])
        given["scale"] = tuple(given["scale"])
        values["augmentation"] = Augmentation(**given)
        for name in ("train_folds", "score_folds"):
            values[name] = tuple(values[name])
        return cls(**values)

    def digest(self) -> str:
        """Twelve hexadecimal digits that change with any part of the protocol."""
        text = json.dumps(self.to_json(), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]


def parse_budget(text: str) -> dict[str, Any]:
    """``20`` is epochs, ``10m`` minutes for each network.

    Raises
    ------
    BadRequest
        For anything else.

    Examples
    --------
    >>> parse_budget("20"), parse_budget("7.5m")
    ({'epochs': 20, 'minutes': None}, {'epochs': None, 'minutes': 7.5})
    """
    if re.fullmatch(r"[1-9]\d*", text):
        return {"epochs": int(text), "minutes": None}
    if re.fullmatch(r"\d+(\.\d+)?m", text) and float(text[:-1]) > 0:
        return {"epochs": None, "minutes": float(text[:-1])}
    raise BadRequest(f"expected a budget like 20 (epochs) or 10m (minutes), found {text!r}")
