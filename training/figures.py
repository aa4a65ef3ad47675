"""Quick figures on the network's own grid: classifier and mask, each for itself.

They steer training and compare trials. What a package is worth is measured elsewhere, through
the whole appliance.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from appliance.atomic import put_file
from appliance.core.errors import NotFound
from appliance.core.types import LABELS
from appliance.core.verdict import softmax
from training.data import Slices

_HEALTHY = LABELS.index("no_tumor")
_STRONGEST = 24
_ALARM_PX = 40

READINGS = "readings.npz"
"""File in a run's folder, written after every epoch."""
WEIGHTS = "average.weights.h5"
"""The averaged weights, there when the run is finished."""

Readings = Mapping[str, np.ndarray]


def finished(run: Path) -> dict[str, Any]:
    """The history of a finished run.

    Raises
    ------
    NotFound
        When the run is not finished.
    """
    if not (run / WEIGHTS).is_file():
        raise NotFound(f"{run} holds no finished run: {WEIGHTS} is missing")
    try:
        return json.loads((run / "history.json").read_text())
    except OSError as error:
        raise NotFound(f"{run} holds no finished run: {error.strerror}") from error


def read(outputs: Mapping[str, np.ndarray], slices: Slices) -> dict[str, np.ndarray]:
    """What a network says of each slice.

    Returns
    -------
    dict
        ``group`` (n,) str, ``label`` (n,) int, ``chances`` (n, 4), ``strongest`` (n,) mean of the
        highest mask logits, ``area`` (n,) px above one half, ``dice`` (n,) NaN without a tumour.
    """
    size = slices.masks.shape[1]
    area, overlap = [], []
    for logits, mask in zip(outputs["mask"][..., 0], slices.masks, strict=True):
        chance = 1.0 / (1.0 + np.exp(-logits))
        drawn = cv2.resize(chance, (size, size), interpolation=cv2.INTER_LINEAR) > 0.5
        truth = mask > 127
        area.append(int(drawn.sum()))
        both = drawn.sum() + truth.sum()
        overlap.append(2.0 * (drawn & truth).sum() / both if truth.any() else np.nan)
    flat = np.sort(outputs["mask"].reshape(len(area), -1), axis=1)
    return {
        "group": np.array([case.group for case in slices.cases]),
        "label": slices.labels.astype(np.int64),
        "chances": softmax(outputs["logits"]).astype(np.float32),
        "strongest": flat[:, -_STRONGEST:].mean(1).astype(np.float32),
        "area": np.array(area),
        "dice": np.array(overlap, np.float32),
    }


def hits(readings: Readings) -> dict[str, np.ndarray]:
    """Per slice, by figure: 1 right, 0 wrong, NaN where the figure does not apply."""
    label, chances = readings["label"], readings["chances"]
    tumour = label != _HEALTHY
    guess = chances.argmax(1)
    only_tumour = np.where(tumour, 1.0, np.nan)
    only_healthy = np.where(tumour, np.nan, 1.0)
    drawn = readings["area"] > _ALARM_PX
    return {
        "accuracy": (guess == label).astype(float),
        "types": (chances[:, :_HEALTHY].argmax(1) == label) * only_tumour,
        "tumour_found_classifier": (guess != _HEALTHY) * only_tumour,
        "tumour_found_mask": drawn * only_tumour,
        "healthy_alarmed_classifier": (guess != _HEALTHY) * only_healthy,
        "healthy_alarmed_mask": drawn * only_healthy,
        "dice": readings["dice"].astype(float),
    }


def figures(readings: Readings) -> dict[str, float]:
    """The means of `hits`, and Dice by class; figures that do not apply are left out."""
    found = {}
    for name, values in hits(readings).items():
        if np.isfinite(values).any():
            found[name] = float(np.nanmean(values))
    for index, label in enumerate(LABELS):
        own = readings["dice"][readings["label"] == index]
        if np.isfinite(own).any():
            found[f"dice_{label}"] = float(np.nanmean(own))
    return found


def save(path: Path, sets: Mapping[str, Readings]) -> None:
    """Write the readings of several sets to one ``.npz``, whole or not at all."""
    flat = {f"{name}/{key}": v for name, readings in sets.items() for key, v in readings.items()}
    buffer = BytesIO()
    np.savez_compressed(buffer, **flat)
    put_file(path, buffer.getvalue())


def load(path: Path) -> dict[str, dict[str, np.ndarray]]:
    """What `save` wrote."""
    sets: dict[str, dict[str, np.ndarray]] = {}
    with np.load(path) as archive:
        for key in archive.files:
            name, _, field = key.partition("/")
            sets.setdefault(name, {})[field] = archive[key]
    return sets
