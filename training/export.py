"""From averaged weights to a folder that `optimize` reads: SavedModel, draft manifest, case lists.

The folder is the only thing the two sides share; `optimize` needs no TensorFlow.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import tensorflow as tf

from appliance.core.errors import NotFound
from training import data
from training.config import Config
from training.draft import OUTPUTS, draft_manifest
from training.networks import build_for

_REFERENCE_SLICES = 32


def export(config: Config, root: Path, out: Path, backend: dict[str, str]) -> Path:
    """Write ``OUT/export``: ``saved_model/``, ``draft.json``, ``cases.json``, ``reference.npz``.

    The reference holds prepared slices and what Keras answers, for the check after conversion.

    Raises
    ------
    NotFound
        When the run has no checkpoint.
    """
    model = build_for(config)
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

    lists = data.case_lists(root, config.train_folds, config.validation_folds)
    rows = data.rows_of(lists, root)
    data.write_case_lists(folder / "cases.json", rows)
    draft = draft_manifest(config, backend)
    draft["provenance"]["cases_sha256"] = data.lists_digest(rows)
    (folder / "draft.json").write_text(json.dumps(draft, indent=1))
    seen = lists["validation"] or lists["training"]
    some = data.load(seen[:: max(1, len(seen) // _REFERENCE_SLICES)], config.preprocessing)
    answers = {name: value.numpy() for name, value in serve(tf.constant(some.arrays)).items()}
    np.savez_compressed(folder / "reference.npz", image=some.arrays, **answers)
    return folder
