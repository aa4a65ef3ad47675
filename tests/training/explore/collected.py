"""Collected slices made of numbers, for the analyses that need no pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from training.data import Case
from training.explore.slices import GRID, SAMPLED, Collected, Slice


def make_slice(rng: np.random.Generator, source: int, lesion: tuple[int, int] | None) -> Slice:
    """A slice whose border and histogram depend on `source` (0: on nothing)."""
    place = None
    if lesion is not None:
        place = np.zeros((GRID, GRID), np.float32)
        place[lesion[0] - 2 : lesion[0] + 3, lesion[1] - 2 : lesion[1] + 3] = 1
    surface = {
        "border": rng.normal(3.0 * source, 1, 4),
        "size": rng.normal(0, 1, 3),
        "histogram": rng.normal(0, 1, 5),
    }
    return Slice(
        (100, 120),
        (80, 60),
        0 if place is None else 25,
        0.0 if place is None else float(rng.uniform(0.01, 0.1)),
        place,
        np.ones((GRID, GRID), np.float32),
        rng.uniform(0.2, 0.8, SAMPLED).astype(np.float32),
        rng.uniform(-0.5, 0.5, SAMPLED).astype(np.float32),
        surface,
        surface,
    )


def make_collected(confounded: bool, groups: int = 48, seed: int = 0) -> Collected:
    """Half tumours (in two classes), half none, in four folds, two slices a group."""
    rng = np.random.default_rng(seed)
    cases, slices, embeddings = [], [], []
    planes = ("ax", "co", "sa")
    centres = rng.normal(0, 3, (3, 24))
    for number in range(groups):
        tumour = number % 2 == 0
        label = ("glioma", "pituitary")[number // 2 % 2] if tumour else "no_tumor"
        source = "figshare" if tumour else "no_tumor"
        plane = number // 4 % 3
        fold = number // 2 % 4 + 1
        place = {"glioma": (12, 30), "pituitary": (24, 24)}.get(label)
        for copy in range(2):
            path = Path(f"{source}/{number}_{copy}.png")
            shown = "" if tumour else planes[plane]
            cases.append(Case(path, None, label, fold, f"g{number}", source, shown))
            slices.append(make_slice(rng, int(confounded and tumour), place))
            embeddings.append(centres[plane] + rng.normal(0, 1, 24))
    return Collected(tuple(cases), tuple(slices), np.array(embeddings, np.float32))
