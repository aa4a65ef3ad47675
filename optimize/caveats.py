"""Sentences and names that the model card and the evaluation's report have in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

REFUSED = (
    "Refused slices count as wrong and as Dice 0, unless a line says otherwise; an `uncertain` "
    "slice counts by its likeliest label."
)
CHOSEN = (
    "The recipe was chosen by figures on fold 4 and on the other sources, the rule for prediction "
    "sets with a look at all folds: none of these is an untouched test."
)
SLICES = (
    "All are figures of single slices; real series are the few below. They are of one training of "
    "each network: what another would change is in no interval, and can decide a bound."
)
SCANNERS = (
    "Slices without tumour come from other scanners than tumour slices, most of them without "
    "contrast medium. A network can know the scanner or the contrast medium instead of the tumour, "
    "and figures of presence at home (sensitivity, specificity, AUC) can hide it; figures on other "
    "sources show how much of it travels."
)
PROBABILITIES = {
    "raw": "classifier before temperature scaling",
    "scaled": "classifier after temperature scaling",
    "served": "as served, with the mask",
}
"""What each set of probabilities of an evaluation's ``calibration`` is."""


def incomplete(protocol: Mapping[str, Any]) -> list[str]:
    """What keeps figures from being the full cross-validation, in sentences.

    Parameters
    ----------
    protocol : mapping
        Of an evaluation: ``missing_folds``, ``in_sample_thresholds``.
    """
    found = []
    if protocol["missing_folds"]:
        missing = ", ".join(map(str, protocol["missing_folds"]))
        found.append(f"Not the whole cross-validation: fold {missing} is missing.")
    if protocol["in_sample_thresholds"]:
        found.append(
            "In-sample thresholds: temperature, conformal and presence thresholds were fitted on "
            "the fold they are judged on, because no other fold model is there. Coverage, "
            "calibration, false masks and uncertain shares are therefore flattered."
        )
    return found


def baseline(found: Mapping[str, Any]) -> dict[str, Any]:
    """The figures of a source-only baseline by readable name; entries with intervals stay so."""
    return {
        key.replace("_", " "): value
        for key, value in found.items()
        if isinstance(value, int | float | str) or (isinstance(value, Mapping) and "value" in value)
    }
