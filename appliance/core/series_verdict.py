"""From the readings of slices to the verdict on a whole series."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from appliance.core.types import LABELS
from appliance.core.verdict import NO_TUMOUR, TUMOUR, UNCERTAIN, Rule, SliceReading, prediction_set

_HEALTHY = LABELS.index("no_tumor")


@dataclass(frozen=True)
class SeriesReading:
    """A whole series: verdict, combined probabilities, and why."""

    probabilities: np.ndarray
    prediction_set: tuple[str, ...]
    verdict: str
    reasons: tuple[str, ...]


def read_series(
    readings: Sequence[SliceReading | None],
    areas: Sequence[int],
    lesion_spans: Sequence[tuple[int, int]],
    rule: Rule,
) -> SeriesReading:
    """Combine slices.

    A single slice keeps its own reading. A stack is ``tumor`` when a lesion spans at least
    ``rule.series_slices`` slices of which at least one was read ``tumor``; ``uncertain`` when a
    slice was read ``tumor`` without that support, or when such a lesion lies on ``uncertain``
    slices only; ``no_tumor`` otherwise (the report then names the slices that are uncertain).
    Its probability of presence is the highest mean over ``series_slices`` neighbouring slices
    of a lesion (the median of all slices when there is none), its type the area-weighted mean
    over the lesion's slices.

    Parameters
    ----------
    readings : one for each slice; None where nothing could be read (a blank slice)
    areas : mask pixels of each slice
    lesion_spans : half-open slice ranges of the lesions joined across slices
    """
    known = [i for i, reading in enumerate(readings) if reading is not None]
    if not known:
        raise ValueError("a series needs at least one slice that was read")
    if len(readings) == 1:
        only = readings[0]
        return SeriesReading(only.probabilities, only.prediction_set, only.verdict, only.reasons)

    need = rule.series_slices
    probabilities = np.stack([readings[i].probabilities for i in known])
    presence = {i: readings[i].presence for i in known}

    long = [span for span in lesion_spans if span[1] - span[0] >= need]
    supported = [
        span
        for span in long
        if any(i in presence and readings[i].verdict == TUMOUR for i in range(*span))
    ]
    reasons: tuple[str, ...] = ()
    if supported:
        verdict = TUMOUR
    elif any(readings[i].verdict == TUMOUR for i in known):
        verdict, reasons = UNCERTAIN, ("single_slice",)
    elif long:
        verdict, reasons = UNCERTAIN, ("uncertain_slices",)
    else:
        verdict = NO_TUMOUR

    spans = supported or ([] if verdict == NO_TUMOUR else list(lesion_spans))
    inside = sorted({i for span in spans for i in range(*span) if i in presence})
    if inside:
        windows = [
            float(np.mean([presence[i + k] for k in range(need)]))
            for i in inside
            if all(i + k in inside for k in range(need))
        ]
        chance = max(windows) if windows else presence[inside[0]]
        weights = np.array([max(areas[i], 1) for i in inside], np.float64)
        rows = np.stack([readings[i].probabilities for i in inside])
        types = np.delete((rows * weights[:, None]).sum(0), _HEALTHY)
    else:
        chance = float(np.median(list(presence.values())))
        types = np.delete(probabilities.sum(0), _HEALTHY)
    types = types / types.sum()
    final = np.insert(types * chance, _HEALTHY, 1.0 - chance)
    labels = prediction_set(final, rule.set_thresholds)
    sure = {TUMOUR: "no_tumor" not in labels, NO_TUMOUR: labels == ("no_tumor",), UNCERTAIN: True}
    if not sure[verdict]:
        verdict, reasons = UNCERTAIN, (*reasons, "set_holds_both")
    return SeriesReading(final, labels, verdict, reasons)
