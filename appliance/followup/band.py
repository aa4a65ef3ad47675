"""The error band: how large a change must be before it is called one.

A change is the logarithm of a ratio of sizes. Its band joins, by squares,

- *repeatability*: the stated quantile of how far the change moves when both studies are read again,
  disturbed, and the threshold is swept (`appliance.followup.repeats`);
- *registration*: how far the way there and the way back disagree on size (pictures only: a stack is
  measured in its own millimetres);
- a *floor* and an *edge*, which no repetition of one reading shows: the same head scanned again
  lies otherwise between the slices, and an outline is uncertain by a part of a pixel or slice;
- a *share of the change itself*: an outline that runs outside the tumour makes growth look smaller
  than it is.

How much each counts was fitted on generated heads whose truth is known, by
``python -m training followup``; ``limits.json`` holds the numbers and what was measured with them.

References
----------
Bland, Altman, "Statistical methods for assessing agreement between two methods of clinical
measurement", Lancet 1986 (repeatability). Raunig et al., "Quantitative imaging biomarkers: a
review of statistical methods for technical performance assessment", Stat Methods Med Res 2015.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from importlib import resources
from typing import Any

import numpy as np

from appliance.core.errors import ManifestError

SCHEMA = "neuralscan/followup-band/1"
_LEAST = 0.02
"""A vanished reading counts as this share of the size, so that its logarithm is finite."""
WIDEST = 3.0
"""A logarithm; no band is wider. A lesion that vanishes when read again has none to speak of."""
Number = float | np.ndarray


@dataclass(frozen=True)
class Weights:
    """How much each part of the band counts, for pictures or for stacks.

    Attributes
    ----------
    repeat : float
        Multiplies the repeatability.
    floor : float
        Natural logarithm of a ratio of sizes.
    edge : float
        Multiplies the step (pixel of the outline, or distance of slices) over the diameter.
    share : float
        Of the change itself.
    """

    repeat: float
    floor: float
    edge: float
    share: float

    def half_width(
        self,
        change: Number,
        repeatability: Number,
        registration: Number,
        coarseness: Number,
    ) -> Number:
        """Half the band, as a logarithm; numbers, or arrays of many lesions at once.

        >>> Weights(1.0, 0.03, 0.0, 0.0).half_width(0.5, 0.04, 0.0, 0.1)
        0.05
        """
        parts = (
            self.repeat * repeatability,
            registration,
            self.floor,
            self.edge * coarseness,
            self.share * change,
        )
        found = np.minimum(np.sqrt(sum(part**2 for part in parts)), WIDEST)
        return found if isinstance(found, np.ndarray) else float(found)


@dataclass(frozen=True)
class Limits:
    """The fitted band and where it comes from.

    Attributes
    ----------
    quantile : float
        Share of repeated readings the repeatability holds.
    package : str
        Name of the package it was fitted with.
    measured : mapping
        What fresh heads said about the band.
    """

    quantile: float
    package: str
    picture: Weights
    stack: Weights
    measured: Mapping[str, Any]

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Limits:
        """Parse and check; raises ManifestError where it is damaged."""
        try:
            if document["schema"] != SCHEMA:
                raise ValueError(f"schema {document['schema']!r}")
            parts = [Weights(**document[name]) for name in ("picture", "stack")]
            values = [value for part in parts for value in asdict(part).values()]
            quantile = float(document["quantile"])
            if not all(0.0 <= float(value) < 100.0 for value in values) or not 0 < quantile < 1:
                raise ValueError("a number out of range")
            return cls(quantile, str(document["package"]), *parts, document["measured"])
        except (KeyError, TypeError, ValueError) as error:
            raise ManifestError(f"the band of follow-up is damaged: {error}") from error

    def of(self, flat: bool) -> Weights:
        """The weights for pictures, or for stacks."""
        return self.picture if flat else self.stack


@cache
def shipped() -> Limits:
    """The band that comes with the code."""
    text = resources.files("appliance.followup").joinpath("limits.json").read_text("utf-8")
    return Limits.from_json(json.loads(text))


def repeatability(prior: np.ndarray, current: np.ndarray, quantile: float) -> float:
    """How far a change moves when both studies are read again: a quantile of the distances.

    Parameters
    ----------
    prior, current : (readings, thresholds) float64
        Sizes; the first reading is the study as given, the middle threshold the usual one. Both
        studies are read with the same threshold.

    Examples
    --------
    >>> repeatability(np.full((3, 3), 50.0), np.full((4, 3), 80.0), 0.95)
    0.0
    """
    one, other = (_logarithms(values) for values in (prior, current))
    middle = prior.shape[1] // 2
    usual = other[0, middle] - one[0, middle]
    every = other[:, None, :] - one[None, :, :]
    return float(np.quantile(np.abs(every - usual), quantile))


def spread(values: np.ndarray, quantile: float) -> float:
    """The same of one study alone: how far its size moves."""
    found = _logarithms(values)
    return float(np.quantile(np.abs(found - found[0, values.shape[1] // 2]), quantile))


def _logarithms(values: np.ndarray) -> np.ndarray:
    usual = max(float(values[0, values.shape[1] // 2]), 1.0)
    return np.log(np.maximum(values, _LEAST * usual))


def in_percent(change: Number, half_width: Number) -> tuple[Number, Number]:
    """Change and band in percent; the band is that of the wider side, so that it holds both.

    >>> [round(v, 1) for v in in_percent(float(np.log(1.5)), 0.1)]
    [50.0, 15.8]
    """
    ratio = np.exp(change)
    return 100.0 * (ratio - 1.0), 100.0 * ratio * np.expm1(half_width)
