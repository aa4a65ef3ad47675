"""A cross-validated run of networks small enough to read: the bright-spot IR for each fold."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from appliance import runtime  # noqa: F401  isort: skip (oneDAL before OpenVINO)
import openvino as ov

from appliance.core.preprocess import Preprocessing, prepare
from appliance.runtime import Network
from tests.tiny import bright_spot_model, draft
from training import data


def _brighter(model: ov.Model, factor: float) -> ov.Model:
    """The same network with its constants around 40 (the gain) scaled: another network."""
    for node in model.get_ops():
        if node.get_type_name() == "Constant" and np.allclose(node.data, 40.0):
            changed = ov.opset13.constant(np.asarray(node.data * factor, np.float32))
            for target in list(node.output(0).get_target_inputs()):
                target.replace_source_output(changed.output(0))
    return model


def write_run(
    folder: Path, root: Path, trained_on: Sequence[int], gain: float = 1.0, name: str = "tiny"
) -> Path:
    """A run folder as training, `convert` and `quantize` leave it; INT8 differs a little."""
    cases = data.tumour_cases(root) + data.healthy_cases(root)
    lists = {
        "training": [c.to_json(root) for c in cases if c.fold in trained_on],
        "validation": [c.to_json(root) for c in cases if c.fold not in trained_on],
        "other_sources": [c.to_json(root) for c in data.other_source_cases(root)],
    }
    (folder / "export").mkdir(parents=True)
    (folder / "export" / "cases.json").write_text(json.dumps(lists))
    document = draft()
    document |= {
        "name": name,
        "outlier_features": [0, 16],
        "provenance": {
            "architecture": "bright spots",
            "initial_weights": "none",
            "trained_on_folds": list(trained_on),
            "data": [{"name": "generated heads", "licence": "Apache-2.0"}],
            "epochs": 0,
            "seed": 0,
            "backend": {},
            "commit": "none",
        },
    }
    (folder / "export" / "draft.json").write_text(json.dumps(document))
    for precision, off in (("fp32", 1.0), ("fp16", 1.0), ("int8", 0.99)):
        target = folder / "networks" / precision
        target.mkdir(parents=True)
        model = _brighter(bright_spot_model(), gain * off)
        ov.save_model(model, str(target / "model.xml"), compress_to_fp16=False)
    _write_reference(folder, [root / row["image"] for row in lists["training"][:3]])
    return folder


def _write_reference(folder: Path, images: Sequence[Path]) -> None:
    """Prepared slices and what "Keras" answers, which here is the FP32 network itself."""
    document = draft()
    spec = Preprocessing.from_json(document["preprocessing"])
    arrays = np.stack(
        [prepare(cv2.imread(str(i), cv2.IMREAD_GRAYSCALE), spec).array for i in images]
    )
    network = Network(folder / "networks" / "fp32" / "model.xml", document["outputs"], device="CPU")
    answers = [network.infer(array[None]) for array in arrays]
    said = {name: np.concatenate([a[name] for a in answers]) for name in document["outputs"]}
    np.savez(folder / "export" / "reference.npz", image=arrays, **said)


def write_cross_validation(folder: Path, root: Path, folds: Sequence[int] = (1, 2, 3, 4)) -> Path:
    """``fold1`` to ``fold4``, each trained on the other three, and ``all``."""
    for fold in folds:
        rest = [other for other in (1, 2, 3, 4) if other != fold]
        write_run(folder / f"fold{fold}", root, rest, gain=0.9 + 0.05 * fold)
    if len(folds) == 4:
        write_run(folder / "all", root, folds)
    return folder
