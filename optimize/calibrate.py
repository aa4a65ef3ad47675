"""Fit the verdict rule on what the INT8 network answers to slices it was not trained on.

Which slices those are is the caller's choice and stands in the manifest: the out-of-fold answers
of the other fold models, or, for a single network, its own held-out fold. In the second case the
figures of that fold have thresholds fitted on itself, and are called so.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from appliance.core.errors import NotFound
from appliance.core.types import LABELS
from appliance.core.verdict import (
    STRONGEST,
    Rule,
    class_log_odds,
    mask_evidence,
    read_slice,
    sigmoid,
    softmax,
)
from optimize.answers import PIXEL_THRESHOLDS, Answers

_HEALTHY = LABELS.index("no_tumor")
_DOUBT = 0.1
"""From this probability up, no tumour stays possible, whatever coverage needs: slices of other
scanners look more like tumours than those at hand. At home it changes 2 verdicts of 1,000; of 50
healthy slices of a series from elsewhere 5 are called tumour, with a limit of 0.5 it was 11."""


def fit_temperature(answers: Answers) -> float:
    """The temperature that minimises the log loss of the class logits."""
    candidates = np.geomspace(0.4, 4.0, 73)
    rows = np.arange(len(answers.labels))
    losses = [
        -np.log(softmax(answers.logits / t)[rows, answers.labels] + 1e-12).mean()
        for t in candidates
    ]
    return float(candidates[int(np.argmin(losses))])


def fit_presence(odds: np.ndarray, evidence: np.ndarray, tumour: np.ndarray) -> tuple[float, ...]:
    """Weights of classifier and mask, and the offset, by ridge-penalised logistic regression.

    The penalty pulls both towards an equal say: on slices from the training scanners either is
    almost perfect, and an unpenalised fit would drop the one that travels better.
    """
    X = np.stack([odds, evidence, np.ones_like(odds)], 1)
    y = tumour.astype(np.float64)
    balance = np.where(tumour, 0.5 / tumour.mean(), 0.5 / (1 - tumour.mean()))
    prior, strength = np.array([0.5, 0.5, 0.0]), np.array([20.0, 20.0, 0.5])
    w = prior.copy()
    for _ in range(100):
        p = sigmoid(X @ w)
        gradient = X.T @ (balance * (p - y)) + strength * (w - prior)
        hessian = (X * (balance * p * (1 - p))[:, None]).T @ X + np.diag(strength)
        step = np.linalg.solve(hessian, gradient)
        w -= step
        if np.abs(step).max() < 1e-9:
            break
    return float(w[0]), float(w[1]), float(w[2])


def _set_thresholds(
    probabilities: np.ndarray, labels: np.ndarray, coverage: float
) -> tuple[float, ...]:
    """Class-conditional conformal thresholds, one a label (Vovk 2012).

    Each is the highest that leaves `coverage` of its own class in the set, and no higher than its
    limit. One threshold for all, the lowest that any class needs, drew labels into the set that
    need none so low: 1.23 labels instead of 1.10 on held-out folds, 7.0 % of verdicts uncertain
    instead of 5.0 %.
    """
    thresholds = []
    for index in range(len(LABELS)):
        own = np.sort(probabilities[labels == index, index])
        allowed = int(np.floor((len(own) + 1) * (1 - coverage))) - 1
        limit = _DOUBT if index == _HEALTHY else 0.5
        thresholds.append(min(float(own[max(allowed, 0)]), limit))
    return tuple(thresholds)


def fit_rule(answers: Answers, healthy_alarms: float = 0.012) -> Rule:
    """Thresholds and weights from answers to slices the network was not trained on.

    Parameters
    ----------
    healthy_alarms : float
        Share of healthy slices on which the mask, and the classifier, may each cry tumour.

    Raises
    ------
    NotFound
        When a class is missing among the slices: its threshold cannot be fitted.
    """
    if missing := [k for i, k in enumerate(LABELS) if not (answers.labels == i).any()]:
        raise NotFound(f"calibration needs slices of every class, there are none of {missing}")
    tumour = answers.labels != _HEALTHY
    few = max(1, round(answers.mask[0].size * STRONGEST))
    rule = Rule(temperature=fit_temperature(answers), top_pixels=few)
    odds = np.array([class_log_odds(row, rule.temperature) for row in answers.logits])
    evidence = np.array([mask_evidence(plane, rule.top_pixels) for plane in answers.mask])
    weight_classifier, weight_mask, offset = fit_presence(odds, evidence, tumour)
    rule = replace(
        rule,
        weight_classifier=weight_classifier,
        weight_mask=weight_mask,
        offset=offset,
        classifier_threshold=float(
            np.clip(_quiet(sigmoid(odds), tumour, healthy_alarms), 0.3, 0.7)
        ),
        mask_threshold=_quiet(evidence, tumour, healthy_alarms),
    )
    final = np.stack(
        [
            read_slice(row, plane, rule).probabilities
            for row, plane in zip(answers.logits, answers.mask, strict=True)
        ]
    )
    rule = replace(rule, set_thresholds=_set_thresholds(final, answers.labels, rule.coverage))
    best = int(np.nansum(answers.overlaps, axis=0).argmax())
    return replace(rule, pixel_threshold=PIXEL_THRESHOLDS[best])


def _quiet(score: np.ndarray, tumour: np.ndarray, share: float) -> float:
    """The score that only `share` of the healthy slices exceed."""
    return float(np.quantile(score[~tumour], 1.0 - share))
