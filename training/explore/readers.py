"""How well two readers agree: the ceiling for a network that was taught by one of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from appliance.core.intervals import Bootstrap, weighted_mean
from appliance.core.metrics import dice, weighted_median
from appliance.core.types import LABELS
from training.data import Case
from training.explore.both import Bench
from training.explore.source import figure

_POOR = 0.5


def agreement(
    cases: Sequence[Case], masks: Sequence[tuple[int, np.ndarray, np.ndarray]], bench: Bench
) -> dict[str, Any] | None:
    """Overlap and bias of area by class.

    Parameters
    ----------
    masks : sequence of (position, first mask, second mask)

    Returns
    -------
    dict or None
        None when no slice has two masks.
    """
    if not masks:
        return None
    overlap = np.array([dice(first, second) for _, first, second in masks])
    areas = np.array([(first.sum(), second.sum()) for _, first, second in masks], float)
    label = np.array([cases[position].label for position, _, _ in masks])
    group = np.array([cases[position].group for position, _, _ in masks])
    rows = [
        _row(name, np.flatnonzero(label == name), overlap, areas, group)
        for name in LABELS[:3]
        if (label == name).any()
    ]
    everything = np.arange(len(overlap))
    rows.append(_row("all", everything, overlap, areas, group))
    bench.moments("overlap of readers", np.column_stack([overlap, areas]))
    both = (areas > 0).all(1)
    slope, intercept = bench.line(
        "area of one reader from the other", np.log(areas[both, 0]), np.log(areas[both, 1])
    )
    return {
        "by_label": rows,
        "log_area_slope": round(slope, 3),
        "log_area_intercept": round(intercept, 3),
        "one_mask_empty": int((~both).sum()),
        "dice": {
            name: np.round(overlap[label == name], 3).tolist()
            for name in LABELS[:3]
            if (label == name).any()
        },
    }


def _row(
    name: str, rows: np.ndarray, overlap: np.ndarray, areas: np.ndarray, group: np.ndarray
) -> dict[str, Any]:
    draws = Bootstrap(group[rows].tolist())
    values = overlap[rows]
    ratio = areas[rows, 1] / np.maximum(areas[rows, 0], 1.0)
    return {
        "label": name,
        "slices": len(rows),
        "groups": draws.groups,
        "median_dice": figure(draws, lambda w: weighted_median(values, w)),
        "mean_dice": figure(draws, weighted_mean(values)),
        "share_below_half": round(float((values < _POOR).mean()), 4),
        "median_area_ratio": figure(draws, lambda w: weighted_median(ratio, w)),
        "total_area_ratio": round(float(areas[rows, 1].sum() / areas[rows, 0].sum()), 4),
    }
