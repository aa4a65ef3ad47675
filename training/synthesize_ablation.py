"""The same classifier with and without the synthetic slices, scored on real slices only.

A step of ``python -m training synthesize``, in a process of its own::

    python -m training.synthesize_ablation OUT DATA

reads ``OUT/ablation.json`` (protocol, classifier, seeds). Both arms take the same number of steps
from the same start; only what the batches are drawn from differs. Tumours are not painted between
slices here, because synthetic slices have no masks. A run that is finished is not repeated.
"""

from __future__ import annotations

import hashlib
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from training import data
from training.candidates import choose
from training.compare_train import training_slices
from training.device import start
from training.processes import worker
from training.protocol import Protocol
from training.synthetic import synthetic_cases

ARMS = ("real", "synthetic")


def arm_folder(out: Path, arm: str, protocol: Protocol, classifier: str) -> Path:
    """Where a run is kept; another protocol, classifier or synthetic set is another folder."""
    text = protocol.digest() + classifier
    if arm == "synthetic":
        text += (out / "data" / "synthetic" / "labels.csv").read_text()
        text += hashlib.sha256((out / "stock.npz").read_bytes()).hexdigest()
    digest = hashlib.sha256(text.encode()).hexdigest()[:8]
    return out / "ablation" / f"{arm}-{protocol.seed}-{digest}"


def ablate(out: Path, root: Path) -> None:
    """Train and score every arm with every seed."""
    settings = json.loads((out / "ablation.json").read_text())
    protocol = Protocol.from_json(settings["protocol"])
    (candidate,) = choose(settings["classifier"])
    if _is_done(out, protocol, settings):
        return
    start(protocol.seed)
    from training.classify import Run, predict
    from training.loader import steps_per_epoch

    cv2.setNumThreads(1)
    spec = protocol.preprocessing
    real = training_slices(root, protocol)
    pools = {"real": real, "synthetic": data.joined(real, _synthetic(out, protocol))}
    steps = protocol.steps or steps_per_epoch(real, protocol.config())
    cases = data.tumour_cases(root) + data.healthy_cases(root)
    held_out = data.split(cases, protocol.score_folds, apart_from=protocol.train_folds)
    scored = data.load(held_out, spec, "scored slices")
    others = data.load(data.other_source_cases(root), spec, "other sources")
    for seed in settings["seeds"]:
        for arm in ARMS:
            folder = arm_folder(out, arm, replace(protocol, seed=seed), settings["classifier"])
            if (folder / "logits.npz").is_file():
                continue
            start(seed)  # both arms start from the same weights
            own = replace(protocol, seed=seed, steps=steps)
            run = Run(
                lambda own=own: candidate.build(own.input, own.scale),
                pools[arm], None, own, folder, f"{arm} {seed}",
            )  # fmt: skip
            run.finish()
            partial = folder / "logits.part.npz"
            np.savez(
                partial,
                scored=predict(run.average, scored.arrays),
                others=predict(run.average, others.arrays),
            )
            partial.replace(folder / "logits.npz")
    np.savez(
        out / "ablation" / "truth.npz",
        labels=scored.labels,
        groups=np.array([case.group for case in scored.cases]),
        others_labels=others.labels,
        others_groups=np.array([case.group for case in others.cases]),
        pool_sizes=np.array([len(pools[arm].labels) for arm in ARMS]),
        steps=np.array([steps]),
    )


def _is_done(out: Path, protocol: Protocol, settings: dict[str, Any]) -> bool:
    folders = [
        arm_folder(out, arm, replace(protocol, seed=seed), settings["classifier"])
        for seed in settings["seeds"]
        for arm in ARMS
    ]
    stamps = [*(folder / "logits.npz" for folder in folders), out / "ablation" / "truth.npz"]
    return all(stamp.is_file() for stamp in stamps)


def _synthetic(out: Path, protocol: Protocol) -> data.Slices:
    return data.load(synthetic_cases(out / "data"), protocol.preprocessing, "synthetic slices")


def main(argv: list[str]) -> int:
    """``OUT DATA``."""
    return worker(lambda: ablate(Path(argv[0]), Path(argv[1])))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
