"""Second opinion: names a lesion's type from its shape, texture and surroundings alone.

The network's classifier sees the whole slice; this estimator sees a few dozen numbers about the
outline (`appliance.core.radiomics`) and nothing the classifier said. It never changes a verdict:
where the two differ, the report says so, with how often each was right when they differed on
slices neither had learnt from. Of a series it judges the slice that shows most of the largest
lesion.

The estimator is kept as plain arrays; what it was fitted with and what it answers to a few rows
stands beside them and is checked when it is loaded.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import cv2
import numpy as np

from appliance.boosting import BoostedTrees
from appliance.core.errors import ModelError
from appliance.core.preprocess import Prepared
from appliance.core.radiomics import NAMES, features
from appliance.core.types import LABELS
from appliance.interpret import Interpretation

FILE = "opinion.npz"
"""Name inside a package; packages without it have no second opinion."""
TYPES = LABELS[:-1]
METHOD = f"gradient boosting (oneDAL) on {len(NAMES)} radiomic features of the outline"
CONFIDENT = 0.8
"""From this probability up a differing opinion is worth a warning: on held-out slices it was then
right about as often as the network (7 times of 17, the network 9)."""
_TOLD = 4
_TOLERANCE = 1e-3


def on_grid(prepared: Prepared, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What `features` takes, from a slice and a mask on its own grid: for fitting and serving.

    Parameters
    ----------
    mask : (rows, columns) bool

    Returns
    -------
    (size, size) float32, 0 to 1
    (size, size) bool
        Bilinear, which takes a quarter of the time of averaging areas.
    """
    picture = (prepared.array[..., 0] + 1.0) * np.float32(128 / 255)
    row, column, side = prepared.square
    top, left = max(row, 0), max(column, 0)
    part = mask[top : max(row + side, 0), left : max(column + side, 0)]
    cut = np.zeros((side, side), np.uint8)
    height, width = part.shape
    cut[top - row : top - row + height, left - column : left - column + width] = part
    cut *= 255
    return picture, cv2.resize(cut, picture.shape, interpolation=cv2.INTER_LINEAR) > 127


@dataclass(frozen=True)
class Telling:
    """The slice that shows most of the largest lesion, and its features."""

    index: int
    values: np.ndarray


def telling(found: Interpretation) -> Telling | None:
    """What the opinion looks at; None where no lesion is drawn, or only a speck."""
    areas = [np.count_nonzero(plane == 1) for plane in found.labels]
    index = int(np.argmax(areas))
    prepared = found.reading.prepared[index]
    if not areas[index] or prepared is None:
        return None
    values = features(*on_grid(prepared, found.labels[index] == 1))
    return None if values is None else Telling(index, values)


@dataclass(frozen=True)
class OpinionEstimator:
    """Trees over features, with what a person needs to judge their answer.

    Attributes
    ----------
    trees : BoostedTrees
    temperature : float
        The log-probabilities are divided by it.
    median : (features,) float32
        Of the rows it was fitted on; stands in for a feature to see what that feature said.
    usual : (types, 2, features) float32
        10th and 90th percentile of each type.
    """

    trees: BoostedTrees
    temperature: float
    median: np.ndarray
    usual: np.ndarray

    def probabilities(self, rows: np.ndarray) -> np.ndarray:
        """Calibrated probability of each of `TYPES`, (n, types) float64."""
        logs = np.log(self.trees.probabilities(rows).astype(np.float64) + 1e-9) / self.temperature
        shares = np.exp(logs - logs.max(1, keepdims=True))
        return shares / shares.sum(1, keepdims=True)

    def judge(self, values: np.ndarray) -> tuple[np.ndarray, list[int]]:
        """Probabilities, (types,), and the features that spoke most for the likeliest type.

        A feature speaks by as much as the type's log-probability sinks when a median value
        stands in its place.
        """
        rows = np.tile(values, (len(values) + 1, 1))
        np.fill_diagonal(rows[1:], self.median)
        chances = self.probabilities(rows)
        said = np.log(chances[0].max()) - np.log(chances[1:, chances[0].argmax()])
        order = np.argsort(-said)[:_TOLD]
        return chances[0], [int(i) for i in order if said[i] > 0]

    def to_bytes(self) -> bytes:
        """An ``.npz`` archive of plain arrays."""
        probe = np.concatenate([self.median[None], self.usual.reshape(-1, len(self.median))])
        stream = io.BytesIO()
        np.savez_compressed(
            stream,
            names=np.array(NAMES),
            types=np.array(TYPES),
            temperature=self.temperature,
            median=self.median,
            usual=self.usual,
            probe=self.probabilities(probe),
            **{f"tree_{f.name}": getattr(self.trees, f.name) for f in fields(self.trees)},
        )
        return stream.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes) -> OpinionEstimator:
        """Read an archive; no pickles are allowed.

        Raises
        ------
        ModelError
            When arrays are missing, are about other features, or answer otherwise here than
            where they were stored.
        """
        try:
            with np.load(io.BytesIO(data), allow_pickle=False) as archive:
                arrays = {name: archive[name] for name in archive.files}
            known = tuple(arrays["names"].tolist()), tuple(arrays["types"].tolist())
            if known != (NAMES, TYPES):
                raise ModelError(
                    "the second opinion was fitted on other features than this version measures; "
                    "fit it again: python -m optimize opinion"
                )
            trees = {f.name: arrays[f"tree_{f.name}"] for f in fields(BoostedTrees)}
            counts = {name: int(trees.pop(name)) for name in ("features", "classes")}
            shape = (len(TYPES), 2, len(NAMES))
            if tuple(counts.values()) != (len(NAMES), len(TYPES)):
                raise ModelError("the second opinion's trees do not fit its features")
            found = cls(
                BoostedTrees(**counts, **trees),
                float(arrays["temperature"]),
                arrays["median"].astype(np.float32).reshape(len(NAMES)),
                arrays["usual"].astype(np.float32).reshape(shape),
            )
            rows = np.concatenate([found.median[None], found.usual.reshape(-1, len(NAMES))])
            moved = float(np.abs(found.probabilities(rows) - arrays["probe"]).max())
        except (KeyError, ValueError, OSError, EOFError, TypeError, zipfile.BadZipFile) as error:
            raise ModelError(f"the second opinion is unreadable: {error}") from error
        if not moved <= _TOLERANCE:
            raise ModelError(f"the second opinion answers otherwise here (by {moved:.2g})")
        return found


def second_opinion(
    found: Interpretation, estimator: OpinionEstimator, record: Mapping[str, Any] | None = None
) -> dict[str, Any] | None:
    """The report's ``second_opinion``; None where there is nothing to look at.

    Parameters
    ----------
    record : mapping, optional
        How often each was right where the two differed, as measured: the manifest's
        ``metrics.second_opinion.differed``.
    """
    seen = telling(found)
    if seen is None:
        return None
    chances, spoke = estimator.judge(seen.values)
    label = TYPES[int(chances.argmax())]
    network = TYPES[int(found.series.probabilities[: len(TYPES)].argmax())]
    return {
        "label": label,
        "probabilities": {k: round(float(v), 4) for k, v in zip(TYPES, chances, strict=True)},
        "agrees": label == network,
        "compared_with": network,
        "confident": bool(chances.max() >= CONFIDENT),
        "slice": seen.index,
        "features": {
            NAMES[i]: {
                "value": round(float(seen.values[i]), 4),
                "usual": {
                    name: [round(float(v), 4) for v in estimator.usual[number, :, i]]
                    for number, name in enumerate(TYPES)
                },
            }
            for i in spoke
        },
        "differed": None if record is None else dict(record),
        "method": METHOD,
    }
