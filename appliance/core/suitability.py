"""Whether a network may speak about a series: what its header says, and how unusual it is."""

from __future__ import annotations

import numpy as np

from appliance.core.errors import OutOfDistribution, WrongModality, WrongSequence
from appliance.core.intensity import percentiles
from appliance.core.manifest import Manifest
from appliance.core.types import Refusal, Series
from appliance.core.verdict import Rule


def check_header(series: Series | Refusal, manifest: Manifest) -> None:
    """Refuse what the header says the network was not trained on.

    Raises
    ------
    WrongModality, WrongSequence
    """
    modalities, sequences = manifest.accepts["modalities"], manifest.accepts["sequences"]
    if series.modality is not None and series.modality not in modalities:
        raise WrongModality(
            f"expected {' or '.join(modalities)}, the header says {series.modality}; "
            "this network has learnt nothing about it. Send a contrast-enhanced T1 MR series"
        )
    if series.sequence is not None and series.sequence not in sequences:
        raise WrongSequence(
            f"expected {' or '.join(sequences)}, the header says {series.sequence}; "
            "this network has learnt nothing about it. Send a contrast-enhanced T1 series"
        )


def series_score(scores: np.ndarray, rule: Rule) -> float:
    """One score for a series: the one that the rule's share of its slices exceeds.

    Parameters
    ----------
    scores : (slices,) float
        Out-of-distribution scores.
    """
    (score,) = percentiles(scores, 100.0 * (1.0 - rule.outlier_share))
    return score


def demand_familiar(score: float, rule: Rule) -> None:
    """Raise OutOfDistribution when a series' score is above the accepted limit."""
    limit = rule.outlier_threshold
    if score > limit:
        raise OutOfDistribution(
            f"expected a contrast-enhanced T1 MR picture of a head, found one unlike any in "
            f"training (score {score:.2f}, accepted up to {limit:.2f}); "
            "check modality, sequence and orientation, or send the original export"
        )
