"""Whether libraries that are timed against each other answer the same."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from benchmarks.plan import Contender
from benchmarks.process import Process

_CLOSE, _SAME_LABELS = 1e-3, 0.999


def compare(found: dict[str, np.ndarray], reference: dict[str, np.ndarray]) -> dict[str, Any]:
    """Largest difference relative to the largest value, share of equal labels, and whether same.

    >>> one = {"values": np.array([1.0, 2.0]), "labels": np.array([0, 1])}
    >>> compare(one, one)
    {'largest_difference': 0.0, 'equal_labels': 1.0, 'same': True}
    """
    said: dict[str, Any] = {}
    if "values" in reference:
        scale = max(float(np.abs(reference["values"]).max()), 1e-12)
        difference = np.abs(found["values"] - reference["values"]).max()
        said["largest_difference"] = round(float(difference) / scale, 8)
    if "labels" in reference:
        said["equal_labels"] = round(float(np.mean(found["labels"] == reference["labels"])), 5)
    close = said.get("largest_difference", 0.0) <= _CLOSE
    said["same"] = close and said.get("equal_labels", 1.0) >= _SAME_LABELS
    return said


class Agreements:
    """Answers of each library, held against those of the first one of the same target."""

    def __init__(self) -> None:
        self._first: dict[str, tuple[str, dict[str, np.ndarray]]] = {}
        self._said: dict[str, dict[str, Any]] = {}

    def of(self, contender: Contender, process: Process, what: str) -> None:
        """Ask a process for its results; raises Unavailable when it fails at it."""
        with TemporaryDirectory(prefix="neuralscan-benchmark-") as folder:
            path = Path(folder) / "results.npz"
            process.ask(do="results", out=str(path))
            with np.load(path, allow_pickle=False) as archive:
                found = {name: archive[name] for name in archive.files}
        name, reference = self._first.setdefault(contender.target, (contender.runtime, found))
        said = {"data": what, "n": int(max(len(v) for v in found.values()))}
        if name != contender.runtime:
            said |= {"against": name, **compare(found, reference)}
        self._said[contender.name] = said

    def known(self, contender: Contender) -> dict[str, Any]:
        """What a row says of it."""
        return self._said.get(contender.name, {})
