"""Good, doubtful or failed: one fitted decision over the evidence, and bounds on the plausible.

The numbers in ``limits.json`` were fitted by ``python -m training registration``; it says on what.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import numpy as np

from appliance.core.errors import ManifestError
from appliance.registration.evidence import DECIDING, vector

GOOD, DOUBTFUL, FAILED = "good", "doubtful", "failed"
SCHEMA = "neuralscan/registration-limits/2"
_SCALE, _STRETCH = (0.5, 2.0), 0.25
_INVERSE = 0.1
PICTURES, VOLUMES = "pictures", "volumes"
"""The parts of ``limits.json``: what is strong evidence for a picture is not for a volume."""
_TEXT = {
    "peak": "the inside fits as well after a shift",
    "blocks": "parts of the inside would rather lie elsewhere",
    "mirror": "the mirror image fits about as well",
    "rival": "another position fits about as well",
    "margin": "it fits hardly better than when turned or shifted",
    "recovery": "a known shift is not found again",
    "halves": "the halves of the head would rather lie elsewhere",
}


@dataclass(frozen=True)
class Limits:
    """A logistic model over standardised evidence and its two cuts.

    Attributes
    ----------
    mean, spread, weights : (len(DECIDING),) float64
    good, failed : float
        Probability of being right from which on it is good, below which it failed.
    """

    mean: np.ndarray
    spread: np.ndarray
    weights: np.ndarray
    intercept: float
    good: float
    failed: float

    @classmethod
    def from_json(cls, document: Mapping[str, Any], part: str = PICTURES) -> Limits:
        """Parse and check; raises ManifestError for another schema, order or shape."""
        try:
            found = document[part]
            arrays = [np.array(found[k], np.float64) for k in ("mean", "spread", "weights")]
            numbers = [float(found[k]) for k in ("intercept", "good", "failed")]
            fits = document["schema"] == SCHEMA and tuple(document["names"]) == DECIDING
        except (KeyError, TypeError, ValueError) as error:
            raise ManifestError(f"the limits of registration are damaged: {error}") from error
        if not fits or any(a.shape != (len(DECIDING),) for a in arrays):
            raise ManifestError("the limits of registration belong to another version; fit again")
        return cls(*arrays, *numbers)

    def contributions(self, evidence: Mapping[str, float]) -> np.ndarray:
        """What each piece of evidence adds to the log odds of being right."""
        values = (vector(evidence) - self.mean) / self.spread
        return self.weights * np.clip(values, -4.0, 4.0)

    def probability(self, evidence: Mapping[str, float]) -> float:
        """Of being right, among pairs as they were fitted on."""
        odds = self.intercept + float(self.contributions(evidence).sum())
        return float(1.0 / (1.0 + np.exp(-odds)))


@cache
def shipped(part: str = PICTURES) -> Limits:
    """The limits that come with the code, for `PICTURES` or `VOLUMES`."""
    text = resources.files("appliance.registration").joinpath("limits.json").read_text("utf-8")
    return Limits.from_json(json.loads(text), part)


def judge(
    evidence: Mapping[str, float], shape: Mapping[str, float], limits: Limits
) -> tuple[str, list[str], float]:
    """Verdict, its reasons, and the probability of being right.

    Parameters
    ----------
    shape : mapping
        `appliance.core.transforms.parts` of the transform.
    """
    probability = limits.probability(evidence)
    impossible = _impossible(shape, evidence)
    if impossible:
        return FAILED, impossible, probability
    if probability >= limits.good:
        return GOOD, [], probability
    order = np.argsort(limits.contributions(evidence))
    added = limits.contributions(evidence)
    reasons = [_TEXT[DECIDING[i]] for i in order[:3] if added[i] < 0]
    verdict = FAILED if probability < limits.failed else DOUBTFUL
    return verdict, reasons or ["the evidence is weak altogether"], probability


def _impossible(shape: Mapping[str, float], evidence: Mapping[str, float]) -> list[str]:
    """What no pair of pictures of one head can need."""
    found = []
    if shape["mirrored"]:
        found.append("the transform mirrors")
    if not _SCALE[0] <= shape["scale"] <= _SCALE[1]:
        found.append(f"a scale of {shape['scale']:.2f} is implausible")
    if shape["stretch"] > 1.0 + _STRETCH:
        found.append(f"a stretch of {shape['stretch']:.2f} is implausible")
    if evidence["inverse"] > _INVERSE:
        found.append("the way back does not lead to the start")
    return found
