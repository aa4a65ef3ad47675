"""From a reading to a verdict with lesions: the step every task shares, done once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from appliance.core.manifest import Manifest
from appliance.core.preprocess import restore
from appliance.core.series_verdict import SeriesReading, read_series
from appliance.core.types import LABELS, Classification, Finding, SliceResult, Volume
from appliance.core.verdict import NO_TUMOUR, REFUSED
from appliance.lesions import findings, label_map, spans
from appliance.reading import Reading

_FULL_HEAT = 24.0
"""Evidence, in logits at one place, that is shown as the hottest colour: a clear tumour's peak."""


@dataclass(frozen=True)
class Interpretation:
    """What a reading means.

    Attributes
    ----------
    labels : (slices, rows, columns) uint8
        Lesion numbers on the viewing grid; all zero when the verdict is ``no_tumor``.
    series : SeriesReading
    slices : tuple of SliceResult
        Every slice of the viewing grid.
    """

    reading: Reading
    labels: np.ndarray
    series: SeriesReading
    slices: tuple[SliceResult, ...]
    coverage: float

    @property
    def classification(self) -> Classification:
        """Final probabilities of the series and its prediction set."""
        chances = self.series.probabilities
        return Classification(
            LABELS[int(chances.argmax())],
            dict(zip(LABELS, map(float, chances), strict=True)),
            self.series.prediction_set,
            self.coverage,
        )

    @property
    def label_map(self) -> Volume | None:
        """Lesion numbers on the input's grid; None when nothing may be drawn."""
        if self.series.verdict == NO_TUMOUR:
            return None
        undone = np.ascontiguousarray(self.reading.view.undo(self.labels))
        return Volume(undone, self.reading.series.volume.affine)

    def findings(self) -> tuple[Finding, ...]:
        """The lesions, measured."""
        presence = 1.0 - float(self.series.probabilities[LABELS.index("no_tumor")])
        return findings(self.labels, self.reading, presence)

    def heat(self) -> Volume:
        """Class-activation map, uint8 0 to 255 on the input's grid: where the classifier looked.

        It is the evidence for the likeliest tumour type against no tumour, cut at zero.
        """
        healthy = len(LABELS) - 1
        out = np.zeros(self.reading.view.view_shape, np.uint8)
        for cam, row in zip(self.reading.cams, self.reading.rows, strict=True):
            chances = self.reading.slices[row].probabilities
            evidence = cam[..., chances[:healthy].argmax()] - cam[..., healthy]
            warm = np.clip(evidence / _FULL_HEAT, 0.0, 1.0)
            if warm.any():
                coarse = np.rint(warm * 255).astype(np.uint8)
                out[row] = restore(coarse, self.reading.prepared[row])
        undone = np.ascontiguousarray(self.reading.view.undo(out))
        return Volume(undone, self.reading.series.volume.affine)


def interpret(
    reading: Reading, manifest: Manifest, outlier_scores: np.ndarray | None = None
) -> Interpretation:
    """Join lesions, combine slices, decide.

    Parameters
    ----------
    outlier_scores : (read slices,) float, optional
        Out-of-distribution scores, quoted in the slices.
    """
    rule = manifest.verdict
    labels = label_map(reading, rule)
    areas = [np.count_nonzero(plane) for plane in labels]
    series = read_series(reading.slices, areas, spans(labels), rule)
    if series.verdict == NO_TUMOUR:
        labels[:] = 0
        areas = [0] * len(labels)
    scores = dict(zip(reading.rows, [] if outlier_scores is None else outlier_scores, strict=False))
    slices = []
    for index, item in enumerate(reading.slices):
        if item is None:  # air: nothing to read, and said so
            slices.append(SliceResult(index, REFUSED, "no_tumor", dict.fromkeys(LABELS, 0.0), 0))
            continue
        chances = dict(zip(LABELS, map(float, item.probabilities), strict=True))
        slices.append(
            SliceResult(
                index,
                item.verdict,
                item.label,
                chances,
                areas[index],
                scores.get(index),
                item.classifier,
                item.outline,
            )
        )
    return Interpretation(reading, labels, series, tuple(slices), rule.coverage)
