"""One candidate of the comparison: trained under the protocol, and exported for `optimize`.

A step of ``python -m training compare``, in a process of its own::

    python -m training.compare_train OUT NAME DATA

reads ``OUT/protocol.json``, writes ``OUT/NAME`` and ends with ``OUT/NAME/run.json``.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from appliance import __version__
from appliance.core.types import LABELS
from training import data
from training.candidates import Candidate, choose
from training.painting import Painter
from training.processes import worker, write_json
from training.protocol import Protocol

if TYPE_CHECKING:
    from tensorflow import keras

_REFERENCE_SLICES = 16


def training_slices(root: Path, protocol: Protocol) -> data.Slices:
    """The protocol's training folds, prepared; the folds that are scored are kept apart."""
    cases = data.tumour_cases(root) + data.healthy_cases(root)
    chosen, _ = data.parts(cases, protocol.train_folds, protocol.score_folds)
    return data.load(chosen, protocol.preprocessing, "training slices")


def train_candidate(out: Path, candidate: Candidate, root: Path, protocol: Protocol) -> None:
    """Train (or go on training) and export one candidate."""
    from training.device import start

    backend = start(protocol.seed)
    from training.classify import Run

    cv2.setNumThreads(1)
    slices = training_slices(root, protocol)
    folder = out / candidate.name

    def make() -> keras.Model:
        return candidate.build(protocol.input, protocol.scale)

    run = Run(make, slices, Painter(slices), protocol, folder, candidate.name)
    history = run.finish()["epochs"]
    export(run.average, slices, root, candidate, protocol, folder / "export")
    seconds = sum(entry["seconds"] for entry in history)
    steps = sum(entry["steps"] for entry in history)
    record = {
        "name": candidate.name,
        "label": candidate.label(protocol.scale),
        "start": candidate.start,
        "width": candidate.width(protocol.scale),
        "protocol": protocol.digest(),
        "parameters": int(run.average.count_params()),
        "training_slices": len(slices.labels),
        "epochs": len(history),
        "steps": steps,
        "training_seconds": round(seconds, 1),
        "seconds_a_step": float(np.median([entry["seconds_a_step"] for entry in history])),
        "last_loss": history[-1]["loss"],
        "last_training_accuracy": history[-1]["training_accuracy"],
        "backend": backend,
    }
    write_json(folder / "run.json", record)


def export(
    model: keras.Model,
    slices: data.Slices,
    root: Path,
    candidate: Candidate,
    protocol: Protocol,
    folder: Path,
) -> None:
    """What ``python -m optimize convert`` and ``quantize`` read: SavedModel, draft, cases.

    The reference holds prepared training slices and what Keras answers to them.
    """
    import tensorflow as tf

    size = protocol.input

    @tf.function(input_signature=[tf.TensorSpec((None, size, size, 1), tf.float32, name="image")])
    def serve(image: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"logits": tf.identity(model(image, training=False), name="logits")}

    tf.saved_model.save(model, str(folder / "saved_model"), signatures={"serving_default": serve})
    some = slices.arrays[:: max(1, len(slices.labels) // _REFERENCE_SLICES)]
    answer = serve(tf.constant(some))["logits"].numpy()
    np.savez_compressed(folder / "reference.npz", image=some, logits=answer)
    write_json(folder / "cases.json", {"training": [c.to_json(root) for c in slices.cases]})
    write_json(folder / "draft.json", _draft(candidate, protocol))


def _draft(candidate: Candidate, protocol: Protocol) -> dict[str, Any]:
    draft = {
        "name": candidate.name,
        "version": __version__,
        "labels": list(LABELS),
        "layout": protocol.preprocessing.layout,
        "outputs": {"logits": "logits"},
        "preprocessing": protocol.preprocessing.to_json(),
    }
    if candidate.family != "neuralscan":  # its joins of decoder and encoder stay out of INT8
        draft["quantization"] = {"full_precision": [], "transformer": candidate.transformer}
    return draft


def main(argv: list[str]) -> int:
    """``OUT NAME DATA``."""
    out, name, root = Path(argv[0]), argv[1], Path(argv[2])

    def run() -> None:
        (candidate,) = choose(name)
        protocol = Protocol.from_json(json.loads((out / "protocol.json").read_text()))
        train_candidate(out, candidate, root, protocol)

    return worker(run)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
