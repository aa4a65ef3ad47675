"""Thresholds and calibration of the verdict: fitted at packaging, stored in the manifest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from appliance.core.errors import ManifestError
from appliance.core.types import LABELS


@dataclass(frozen=True)
class Rule:
    """Calibration and thresholds; fitted on validation slices and stored in the manifest.

    Attributes
    ----------
    temperature : float
        Divides the class logits.
    top_pixels : int
        Mask evidence is the mean of this many strongest mask logits.
    weight_classifier, weight_mask, offset : float
        Log-odds of presence = ``offset + weight_classifier * classifier + weight_mask * mask``
        where ``classifier`` are the calibrated class log-odds and ``mask`` the mask evidence.
    classifier_threshold : float
        The classifier says tumour when its own calibrated tumour probability reaches this.
    mask_threshold : float
        The mask says tumour when its evidence reaches this, logits.
    pixel_threshold : float
        A pixel is drawn when its mask probability exceeds this.
    minimum_share : float
        Smaller lesions are dropped, as a share of the network's mask grid.
    coverage : float
        Aimed coverage of the prediction set.
    set_thresholds : tuple of float
        A label is in the set when its probability is at least its own, in the order of `LABELS`.
    series_slices : int
        A series is ``tumor`` when a lesion spans at least this many slices.
    outlier_threshold : float
        A slice with a higher out-of-distribution score is refused.
    outlier_share : float
        A series is refused when more than this share of its slices is.
    """

    temperature: float = 1.0
    top_pixels: int = 24
    weight_classifier: float = 0.5
    weight_mask: float = 0.5
    offset: float = 0.0
    classifier_threshold: float = 0.5
    mask_threshold: float = 0.0
    pixel_threshold: float = 0.5
    minimum_share: float = 0.0004
    coverage: float = 0.95
    set_thresholds: tuple[float, ...] = (0.1,) * len(LABELS)
    series_slices: int = 2
    outlier_threshold: float = 1.0
    outlier_share: float = 0.5

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "set_thresholds": list(self.set_thresholds)}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Rule:
        """Parse; raises ManifestError for unknown keys or values that are no finite numbers."""
        values = dict(document)
        if "set_threshold" in values:  # one for all labels, in older packages
            values["set_thresholds"] = [values.pop("set_threshold")] * len(LABELS)
        names = {f.name for f in fields(cls)}
        if unknown := set(values) - names:
            raise ManifestError(f"unknown verdict keys {sorted(unknown)}, known {sorted(names)}")
        thresholds = values.pop("set_thresholds", cls.set_thresholds)
        if not isinstance(thresholds, list | tuple) or len(thresholds) != len(LABELS):
            raise ManifestError(f"set_thresholds needs a number for each label: {thresholds!r}")
        for key, value in (*values.items(), *(("set_thresholds", one) for one in thresholds)):
            if isinstance(value, bool) or not isinstance(value, int | float) or value != value:
                raise ManifestError(f"verdict value {key} is no number: {value!r}")
        return cls(**values, set_thresholds=tuple(thresholds))
