"""What an image-level split does to the figures: the leaky number beside the honest one.

The same features, the same oneDAL classifier, twice: slices dealt by chance, so that neighbours
of a slice and other slices of its patient are in the training part, and whole groups dealt. The
difference is not skill but memory. Everything leaky is labelled so and used nowhere else.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from tqdm import tqdm

from appliance import runtime  # noqa: F401  isort: skip (oneDAL before OpenVINO)
from sklearnex.svm import SVC

from appliance.core.intervals import Bootstrap, weighted_mean
from appliance.core.preprocess import Preprocessing
from optimize.build import answers_of
from optimize.cases import Case, prepared, read_cases
from optimize.figures import entry
from optimize.runs import Run
from training.evaluation.plan import Judged

PARTS = 5
SIDE = 32
SEED = 3


def parts_by_image(n: int, seed: int = SEED) -> np.ndarray:
    """A part for each slice, by chance: the leaky split, (n,) int."""
    return np.random.default_rng(seed).permutation(n) % PARTS


def parts_by_group(groups: Sequence[str], seed: int = SEED) -> np.ndarray:
    """A part for each slice, whole groups, parts of similar size, (n,) int."""
    names, member, counts = np.unique(groups, return_inverse=True, return_counts=True)
    order = np.random.default_rng(seed).permutation(len(names))
    part_of, filled = np.zeros(len(names), int), np.zeros(PARTS)
    for name in order[np.argsort(-counts[order], kind="stable")]:
        part_of[name] = filled.argmin()
        filled[part_of[name]] += counts[name]
    return part_of[member]


def predicted(features: np.ndarray, labels: np.ndarray, parts: np.ndarray) -> np.ndarray:
    """Label of each slice by a support vector machine fitted on the other parts, (n,) int."""
    out = np.zeros_like(labels)
    for part in tqdm(np.unique(parts), desc="splits", disable=None):
        own = parts == part
        centre, spread = features[~own].mean(0), features[~own].std(0) + 1e-6
        machine = SVC(C=10.0).fit((features[~own] - centre) / spread, labels[~own])
        out[own] = machine.predict((features[own] - centre) / spread)
    return out


def _beside(
    features: list[np.ndarray], labels: list[np.ndarray], groups: list[list[str]], resamples: int
) -> dict[str, Any]:
    """Accuracy of both splits, over sets of features that do not mix."""
    everything = np.concatenate(labels)
    draws = Bootstrap(np.concatenate(groups), resamples)
    where = np.ones(len(everything), bool)

    def accuracy(parts: list[np.ndarray]) -> dict[str, Any]:
        said = [predicted(f, y, p) for f, y, p in zip(features, labels, parts, strict=True)]
        return entry(weighted_mean(np.concatenate(said) == everything, where), where, draws)

    return {
        "leaky_image_level": accuracy([parts_by_image(len(y)) for y in labels]),
        "honest_by_group": accuracy([parts_by_group(g) for g in groups]),
    }


def _pixels(cases: Sequence[Case], spec: Preprocessing) -> np.ndarray:
    """Prepared slices at `SIDE` pixels, (n, side * side) float32."""
    small = [
        cv2.resize(item.array[..., 0], (SIDE, SIDE), interpolation=cv2.INTER_AREA).ravel()
        for item in prepared(cases, spec)
    ]
    return np.stack(small)


def _leaky_network(run: Run, root: Path, resamples: int) -> dict[str, Any]:
    """The classifier of a network trained on an image-level split, on its own validation list."""
    cases = read_cases(run.export, root, "validation")
    known = {case.group for case in read_cases(run.export, root, "training")}
    answers = answers_of(run, cases, "leaky")
    where = np.ones(len(cases), bool)
    draws = Bootstrap([case.group for case in cases], resamples)
    right = answers.logits.argmax(1) == answers.labels
    return {
        "leaky_image_level": entry(weighted_mean(right, where), where, draws),
        "slices_whose_group_was_trained_on": round(
            float(np.mean([case.group in known for case in cases])), 4
        ),
    }


def leak(
    judged: Sequence[Judged], root: Path, resamples: int, leaky: Run | None = None
) -> dict[str, Any]:
    """Accuracy, four classes, of an image-level split beside a split by group.

    Returns
    -------
    dict
        ``embedding``: on the networks' embeddings of the folds they have not seen, each fold by
        itself; ``pixels``: on slices of 32 × 32 pixels, all folds together; ``network``: a network
        trained on an image-level split, where the run holds one, beside the classifier alone of
        the fold models.
    """
    groups = [[case.group for case in j.cases] for j in judged]
    labels = [j.answers.labels for j in judged]
    pixels = np.concatenate([_pixels(j.cases, j.part.run.spec) for j in judged])
    out: dict[str, Any] = {
        "embedding": _beside([j.answers.embedding for j in judged], labels, groups, resamples),
        "pixels": _beside(
            [pixels], [np.concatenate(labels)], [[g for own in groups for g in own]], resamples
        ),
    }
    if leaky is not None:
        right = np.concatenate([j.answers.logits.argmax(1) == j.answers.labels for j in judged])
        where = np.ones(len(right), bool)
        draws = Bootstrap([g for own in groups for g in own], resamples)
        out["network"] = {
            **_leaky_network(leaky, root, resamples),
            "honest_by_group": entry(weighted_mean(right, where), where, draws),
        }
    return out
