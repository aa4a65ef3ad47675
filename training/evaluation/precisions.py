"""INT8 against FP16 and FP32 on the fold models: the same slices, the same rule, three networks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from appliance.core.intervals import Bootstrap, weighted_mean
from appliance.core.metrics import dice
from appliance.core.parity import Told, tell
from appliance.core.types import LABELS
from appliance.core.verdict import Rule
from optimize.answers import Answers
from optimize.build import answers_of
from optimize.figures import entry
from training.evaluation.plan import Judged

Share = Callable[..., dict[str, Any]]


def _told(answers: Answers, rule: Rule) -> Told:
    """Answers read by the rule; the arrays are not kept."""
    told = tell({"logits": answers.logits, "mask": answers.mask[..., None]}, rule)
    return Told({}, told.classes, told.labels, told.verdicts, told.probabilities, told.masks)


def between(judged: Sequence[Judged], resamples: int) -> dict[str, Any]:
    """Accuracy of each precision, and how far INT8 and FP16 are from FP32 and from each other.

    The refusal estimator plays no part here: labels and verdicts are those of the rule.

    Returns
    -------
    dict
        ``accuracy`` by precision; ``pairs``: label and verdict flips, Dice between the drawn
        masks where either drew one, difference of the probabilities.
    """
    names = [p for p in ("INT8", "FP16", "FP32") if all(j.part.run.has(p) for j in judged)]
    said: dict[str, list[Told]] = {name: [] for name in names}
    for j in judged:
        for name in names:
            what = f"fold{j.part.fold}"
            known = name == "INT8"
            answers = j.answers if known else answers_of(j.part.run, j.cases, what, name)
            said[name].append(_told(answers, j.rule))
    truth = np.array([LABELS.index(case.label) for j in judged for case in j.cases])
    draws = Bootstrap([case.group for j in judged for case in j.cases], resamples)
    everything = np.ones(len(truth), bool)

    def share(hits: np.ndarray, where: np.ndarray = everything) -> dict[str, Any]:
        return entry(weighted_mean(np.asarray(hits, float), where), where, draws)

    labels = {name: np.concatenate([t.labels for t in said[name]]) for name in names}
    pairs = (("INT8", "FP32"), ("FP16", "FP32"), ("INT8", "FP16"))
    return {
        "accuracy": {name: share(labels[name] == truth) for name in names},
        "pairs": [
            {"pair": f"{one} against {other}", **_apart(said[one], said[other], share)}
            for one, other in pairs
            if one in names and other in names
        ],
    }


def _apart(ones: Sequence[Told], others: Sequence[Told], share: Share) -> dict[str, Any]:
    """How far two precisions are apart, over all folds."""
    pairs = list(zip(ones, others, strict=True))
    masks = [(a, b) for one, other in pairs for a, b in zip(one.masks, other.masks, strict=True)]
    gaps = [np.abs(one.probabilities - other.probabilities).max(1) for one, other in pairs]
    verdicts = [np.array(one.verdicts) != np.array(other.verdicts) for one, other in pairs]
    gap = np.concatenate(gaps)
    return {
        "label_flips": share(np.concatenate([a.labels != b.labels for a, b in pairs])),
        "verdict_flips": share(np.concatenate(verdicts)),
        "dice_between": share(
            np.array([dice(a, b) for a, b in masks]),
            np.array([bool(a.any() or b.any()) for a, b in masks]),
        ),
        "probability_gap_p95": round(float(np.quantile(gap, 0.95)), 4),
        "probability_gap_largest": round(float(gap.max()), 4),
    }
