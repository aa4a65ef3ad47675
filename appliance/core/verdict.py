"""The one rule that turns classifier and mask into probabilities and a verdict.

Evaluation and serving both call it, so a figure in a model card is a figure of what is served.
The classifier sees the slice as a whole, the mask looks at every place; either alone fails: a
classifier used as a gate hides real tumours from scanners it has not seen, a mask alone draws
something on many healthy slices. Their evidence is combined into one probability of presence,
and where the two contradict each other the verdict is ``uncertain`` and says so.

References
----------
Guo et al., On calibration of modern neural networks (temperature scaling), ICML 2017.
Vovk, Gammerman & Shafer, Algorithmic learning in a random world (conformal prediction), 2005.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from appliance.core.rule import Rule
from appliance.core.types import LABELS

TUMOUR, NO_TUMOUR, UNCERTAIN, REFUSED = "tumor", "no_tumor", "uncertain", "refused"
_HEALTHY = LABELS.index("no_tumor")
_TUMOURS = slice(0, _HEALTHY)
STRONGEST = 24 / 112**2
"""Share of a mask's pixels that speak for the whole slice, in training and in fitting a rule."""


@dataclass(frozen=True)
class SliceReading:
    """One slice as read.

    Attributes
    ----------
    probabilities : (4,) float64
        Final and calibrated, in the order of `LABELS`.
    drawn : bool
        Whether its mask may be drawn.
    reasons : tuple of str
        Why the verdict is ``uncertain``: ``classifier_only``, ``mask_only``, ``set_holds_both``.
    classifier, outline : float
        What each witness says by itself, 0 to 1, rescaled so that 0.5 is where it says tumour.
    """

    probabilities: np.ndarray
    prediction_set: tuple[str, ...]
    verdict: str
    drawn: bool
    reasons: tuple[str, ...] = ()
    classifier: float = 0.0
    outline: float = 0.0

    @property
    def label(self) -> str:
        return LABELS[int(self.probabilities.argmax())]

    @property
    def presence(self) -> float:
        """Probability that there is a tumour."""
        return float(1.0 - self.probabilities[_HEALTHY])


_GROUP = 8
_BLUR, _LEAST_BLUR = 1.0, 0.2
"""Pixels of a mask of 224; below the second, in pixels of the mask at hand, nothing changes."""


def softmax(logits: np.ndarray) -> np.ndarray:
    """Probabilities along the last axis.

    >>> softmax(np.array([0.0, 0.0])).tolist()
    [0.5, 0.5]
    """
    shifted = np.exp(logits - logits.max(-1, keepdims=True))
    return shifted / shifted.sum(-1, keepdims=True)


def sigmoid(x: np.ndarray | float) -> np.ndarray:
    """``1 / (1 + exp(-x))``, without overflow.

    >>> float(sigmoid(0.0)), float(sigmoid(-1e4))
    (0.5, 0.0)
    """
    x = np.asarray(x, np.float64)
    small = np.exp(-np.abs(x))
    return np.where(x >= 0, 1.0 / (1.0 + small), small / (1.0 + small))


def chance(log_odds: float) -> float:
    """`sigmoid` of one number, in a tenth of its time.

    >>> chance(0.0), chance(-1e4)
    (0.5, 0.0)
    """
    small = math.exp(-abs(log_odds))
    return (1.0 if log_odds >= 0 else small) / (1.0 + small)


def mask_evidence(mask_logits: np.ndarray, top_pixels: int) -> float:
    """Mean of the strongest mask logits.

    >>> mask_evidence(np.array([[0.0, 4.0], [2.0, -9.0]]), 2)
    3.0
    """
    flat = np.asarray(mask_logits, np.float32).ravel()
    count = min(top_pixels, flat.size)
    groups = flat[: flat.size // _GROUP * _GROUP].reshape(_GROUP, -1)
    if groups.shape[1] > count:  # a tenth of the time: few pixels reach the strongest groups' best
        flat = flat[flat >= np.partition(groups.max(0), -count)[-count]]
    return float(np.partition(flat, flat.size - count)[flat.size - count :].mean())


def class_log_odds(logits: np.ndarray, temperature: float) -> float:
    """Calibrated log-odds of tumour against no tumour, from the class logits alone."""
    tumours = [float(logit) / temperature for logit in logits]
    healthy = tumours.pop(_HEALTHY)
    top = max(tumours)
    return top + math.log(sum(math.exp(logit - top) for logit in tumours)) - healthy


def prediction_set(probabilities: np.ndarray, thresholds: Sequence[float]) -> tuple[str, ...]:
    """Labels whose probability reaches their threshold; the most probable one is always in.

    >>> prediction_set(np.array([0.05, 0.8, 0.1, 0.05]), [0.5, 0.3, 0.1, 0.5])
    ('meningioma', 'pituitary')
    """
    likeliest = int(probabilities.argmax())
    chances = zip(LABELS, probabilities.tolist(), thresholds, strict=True)
    return tuple(k for i, (k, v, least) in enumerate(chances) if v >= least or i == likeliest)


def read_slice(logits: np.ndarray, mask_logits: np.ndarray, rule: Rule) -> SliceReading:
    """The reading of one slice.

    Parameters
    ----------
    logits : (4,) float, in the order of `LABELS`
    mask_logits : (side, side) float

    Examples
    --------
    >>> sure = np.full((8, 8), 6.0)
    >>> read_slice(np.array([6.0, 0.0, 0.0, 0.0]), sure, Rule()).verdict
    'tumor'
    >>> read_slice(np.array([0.0, 0.0, 0.0, 6.0]), -sure, Rule()).verdict
    'no_tumor'
    >>> reading = read_slice(np.array([0.0, 0.0, 0.0, 6.0]), sure, Rule())
    >>> reading.verdict, reading.drawn, reading.reasons[0]
    ('uncertain', True, 'mask_only')
    """
    odds = class_log_odds(logits, rule.temperature)
    evidence = mask_evidence(mask_logits, rule.top_pixels)
    combined = rule.offset + rule.weight_classifier * odds + rule.weight_mask * evidence
    presence = chance(combined)
    probabilities = np.empty(len(LABELS))
    probabilities[_TUMOURS] = presence * softmax(np.float64(logits)[_TUMOURS] / rule.temperature)
    probabilities[_HEALTHY] = 1.0 - presence
    labels = prediction_set(probabilities, rule.set_thresholds)

    classifier_says = chance(odds) >= rule.classifier_threshold
    mask_says = evidence >= rule.mask_threshold
    reasons = []
    if classifier_says != mask_says:
        reasons.append("classifier_only" if classifier_says else "mask_only")
    if "no_tumor" in labels and len(labels) > 1:
        reasons.append("set_holds_both")
    if reasons:
        verdict = UNCERTAIN
    elif classifier_says and labels != ("no_tumor",):
        verdict = TUMOUR
    elif not classifier_says and labels == ("no_tumor",):
        verdict = NO_TUMOUR
    else:  # both parts agree, their calibrated combination does not: never claimed as sure
        verdict, reasons = UNCERTAIN, ["set_holds_both"]
    # A faint outline is shown when a tumour is likelier than not, or when the outline itself is
    # the reason to doubt; never on the strength of the classifier's doubt alone.
    drawn = verdict == TUMOUR or (verdict == UNCERTAIN and (mask_says or presence >= 0.5))
    turning = math.log(rule.classifier_threshold / (1.0 - rule.classifier_threshold))
    return SliceReading(
        probabilities,
        labels,
        verdict,
        drawn,
        tuple(reasons),
        classifier=chance(odds - turning),
        outline=chance(evidence - rule.mask_threshold),
    )


def mask_probabilities(mask_logits: np.ndarray) -> np.ndarray:
    """Probability of each pixel of one slice, from logits weighed with their neighbours'.

    A Gaussian of one pixel of 224: a single pixel above the threshold is no lesion of its own
    (parts of an outline on held-out tumour slices 1.13 for 1.48, Dice unchanged).

    Parameters
    ----------
    mask_logits : (side, side) float

    Returns
    -------
    (side, side) float32

    Examples
    --------
    >>> speck = np.full((224, 224), -6.0)
    >>> speck[100, 100] = 3.0
    >>> bool((sigmoid(speck) > 0.5).any()), bool((mask_probabilities(speck) > 0.5).any())
    (True, False)
    """
    logits = np.maximum(np.asarray(mask_logits, np.float32), np.float32(-80.0))  # no overflow
    width = _BLUR * len(logits) / 224
    smooth = cv2.GaussianBlur(logits, (5, 5), width) if width > _LEAST_BLUR else logits
    return 1.0 / (1.0 + np.exp(-smooth))


def drawn_planes(mask_logits: np.ndarray, readings: Sequence[SliceReading | None]) -> np.ndarray:
    """Mask probabilities, zero on slices whose mask may not be drawn.

    Parameters
    ----------
    mask_logits : (slices, side, side) float32

    Returns
    -------
    (slices, side, side) float32
    """
    planes = np.zeros(np.shape(mask_logits), np.float32)
    for plane, logits, reading in zip(planes, mask_logits, readings, strict=True):
        if reading is not None and reading.drawn:
            plane[:] = mask_probabilities(logits)
    return planes
