"""Scored rows as columns: what each slice is, and what the appliance made of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from appliance.core.types import LABELS

HEALTHY = LABELS.index("no_tumor")


@dataclass(frozen=True)
class Scored:
    """Rows as columns.

    Attributes
    ----------
    truth, guess : (n,) int
        Index of the class; guess is -1 for a refused slice.
    chances : (n, 4) float
        Final probabilities; nan for a refused slice.
    """

    rows: tuple[Mapping[str, Any], ...]
    truth: np.ndarray
    guess: np.ndarray
    chances: np.ndarray
    verdict: np.ndarray

    @classmethod
    def of(cls, rows: Sequence[Mapping[str, Any]]) -> Scored:
        nothing = dict.fromkeys(LABELS, np.nan)
        chances = [[(row["probabilities"] or nothing)[k] for k in LABELS] for row in rows]
        return cls(
            tuple(rows),
            np.array([LABELS.index(row["truth"]) for row in rows], int),
            np.array([LABELS.index(row["label"]) if row["label"] else -1 for row in rows], int),
            np.array(chances, float).reshape(-1, len(LABELS)),
            np.array([row["verdict"] for row in rows], str),
        )

    def column(self, key: str) -> np.ndarray:
        """A numeric column; None becomes nan."""
        return np.array([np.nan if row[key] is None else row[key] for row in self.rows], float)

    @property
    def tumour(self) -> np.ndarray:
        return self.truth != HEALTHY

    @property
    def read(self) -> np.ndarray:
        return self.guess >= 0

    @property
    def presence(self) -> np.ndarray:
        """Probability of a tumour, (n,) float."""
        return 1.0 - self.chances[:, HEALTHY]

    @property
    def contradicts(self) -> np.ndarray:
        """Classifier and mask say different things, (n,) bool."""
        pairs = [row["witnesses"] or {"classifier": 0, "outline": 0} for row in self.rows]
        return np.array([(p["classifier"] >= 0.5) != (p["outline"] >= 0.5) for p in pairs], bool)

    @property
    def covered(self) -> np.ndarray:
        """The truth is in the prediction set, (n,) bool."""
        return np.array([row["truth"] in (row["prediction_set"] or ()) for row in self.rows], bool)

    @property
    def set_size(self) -> np.ndarray:
        return np.array([len(row["prediction_set"] or ()) for row in self.rows], float)
