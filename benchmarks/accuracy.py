"""What each network answers on the same slices, scored once and kept by what made it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np

from appliance.core.manifest import Manifest
from appliance.core.verdict import softmax
from benchmarks.networks import Networks
from benchmarks.plan import Contender
from benchmarks.process import Process
from benchmarks.slices import Score, Slices, score

REFERENCE = "openvino FP32"


class Scores:
    """Accuracy, Dice and flips of each contender; label flips are against FP32 in OpenVINO.

    Parameters
    ----------
    package : str
        Digest: a network changes with its package.
    cache : Path
    """

    def __init__(self, package: str, manifest: Manifest, slices: Slices, cache: Path) -> None:
        self._package, self._manifest, self._slices = package, manifest, slices
        self._folder = cache / "accuracy"
        self._folder.mkdir(parents=True, exist_ok=True)
        self._prepared = slices.prepared(manifest)
        self._arrays = self._folder / f"slices-{slices.digest}-{package[:12]}.npy"
        if not self._arrays.is_file():
            draft = self._arrays.with_suffix(".part.npy")
            np.save(draft, np.stack([item.array for item in self._prepared]))
            draft.replace(self._arrays)
        self._answers: dict[str, tuple[Score, np.ndarray]] = {}

    def _path(self, contender: Contender, networks: Networks, versions: str) -> Path:
        parts = (contender.name, contender.model, self._package, self._slices.digest)
        key = "|".join((*parts, networks.folder.name, versions, str(contender.settings)))
        return self._folder / f"{hashlib.sha256(key.encode()).hexdigest()[:24]}.npz"

    def of(self, contender: Contender, networks: Networks, process: Process) -> None:
        """Score a contender; what a process of the same versions has answered is not asked again.

        Raises
        ------
        Unavailable
            When the process fails at it.
        """
        if contender.target != "infer" or contender.runtime == "benchmark_app":
            return
        versions = json.dumps(process.opened["versions"], sort_keys=True)
        path = self._path(contender, networks, versions)
        if not path.is_file():
            process.ask(do="answer", slices=str(self._arrays), out=str(path))
        with np.load(path, allow_pickle=False) as archive:
            logits, mask = archive["logits"], archive["mask"]
        rule = self._manifest.verdict
        found = score(self._slices, self._prepared, logits, mask, rule)
        self._answers[contender.name] = found, softmax(logits)

    def known(self, contender: Contender) -> dict[str, Any]:
        """What a row says of it; the whole appliance has the figures of the network it serves."""
        name = contender.name
        if contender.target != "infer" or contender.runtime == "benchmark_app":
            name = f"openvino {contender.precision}"
        if name not in self._answers:
            return {}
        found, chances = self._answers[name]
        dice = None if np.isnan(found.dice) else round(found.dice, 4)
        said: dict[str, Any] = {
            "data": self._slices.what,
            "n": len(self._slices),
            "accuracy": round(found.accuracy, 4),
            "dice": dice,
        }
        if REFERENCE in self._answers:
            other, reference = self._answers[REFERENCE]
            flips = sum(a != b for a, b in zip(found.labels, other.labels, strict=True))
            said["label_flips"] = int(flips)
            said["largest_difference"] = round(float(np.abs(chances - reference).max()), 6)
        return said
