"""What a network says to listed slices, kept for calibration: logits, masks, embeddings, truth."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from tqdm import tqdm

from appliance import runtime  # noqa: F401  isort: skip (oneDAL before OpenVINO)
from appliance.core.metrics import dice
from appliance.core.preprocess import Prepared, Preprocessing, restore
from appliance.core.types import LABELS
from appliance.core.verdict import mask_probabilities
from appliance.runtime import Network
from optimize.cases import Case, prepared

PIXEL_THRESHOLDS = (0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6)
"""Candidates for the mask's threshold."""


@dataclass(frozen=True)
class Answers:
    """A network's outputs on listed slices, with the truth.

    Attributes
    ----------
    logits : (n, 4), mask : (n, side, side), embedding : (n, features) float32
    labels : (n,) int
    overlaps : (n, thresholds) float32
        Dice on the input's grid for each of `PIXEL_THRESHOLDS`; nan without tumour.
    """

    logits: np.ndarray
    mask: np.ndarray
    embedding: np.ndarray
    labels: np.ndarray
    overlaps: np.ndarray

    def to_bytes(self) -> bytes:
        """An ``.npz`` archive."""
        stream = io.BytesIO()
        np.savez(stream, **{f.name: getattr(self, f.name) for f in fields(self)})
        return stream.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes) -> Answers:
        with np.load(io.BytesIO(data), allow_pickle=False) as archive:
            return cls(**{f.name: archive[f.name] for f in fields(cls)})


def pooled(parts: Sequence[Answers]) -> Answers:
    """Several sets, one after the other; embeddings of different networks are left out."""
    joined = {
        f.name: np.concatenate([getattr(part, f.name) for part in parts])
        for f in fields(Answers)
        if f.name != "embedding" or len(parts) == 1
    }
    return Answers(**{"embedding": np.zeros((0, 0), np.float32), **joined})


def overlaps(plane: np.ndarray, item: Prepared, truth: np.ndarray) -> np.ndarray:
    """Dice of one slice at every threshold, (thresholds,) float32; nan without tumour."""
    if not truth.any():
        return np.full(len(PIXEL_THRESHOLDS), np.nan, np.float32)
    whole = restore(mask_probabilities(plane), item)
    return np.array([dice(whole > t, truth) for t in PIXEL_THRESHOLDS], np.float32)


def ask(
    network: Network, cases: Sequence[Case], spec: Preprocessing, what: str = "answers"
) -> Answers:
    """Prepare and infer listed slices.

    Parameters
    ----------
    what : str
        What the progress bar calls it.
    """
    waiting: list[Prepared] = []

    def arrays():
        for item in prepared(cases, spec):
            waiting.append(item)
            yield item.array[None]

    rows: list[tuple[np.ndarray, ...]] = []
    bar = tqdm(network.infer_many(arrays()), total=len(cases), desc=what, disable=None)
    for case, outputs in zip(cases, bar, strict=True):
        plane = outputs["mask"][0, ..., 0]
        marks = overlaps(plane, waiting.pop(0), case.truth())
        rows.append((outputs["logits"][0], plane, outputs["embedding"][0], marks))
    logits, mask, embedding, marks = (np.stack(column) for column in zip(*rows, strict=True))
    labels = np.array([LABELS.index(case.label) for case in cases])
    return Answers(logits, mask, embedding, labels, marks)


def network_of(path: Path, outputs: dict[str, str]) -> Network:
    """A network compiled for many slices."""
    return Network(path, outputs, device="CPU", hint="THROUGHPUT")
