"""NNCF post-training INT8, calibrated on training slices, never on validation or test."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import numpy as np

from appliance import runtime  # noqa: F401  isort: skip (oneDAL before OpenVINO)
import nncf
import openvino as ov

from appliance.core.preprocess import Preprocessing
from optimize.cases import prepared, read_cases

logger = logging.getLogger(__name__)
SUBSET = 320


def quantize(export: Path, out: Path, root: Path, seed: int = 0) -> Path:
    """Write ``OUT/int8/model.xml``.

    `SUBSET` training slices, drawn with a fixed seed, give the ranges; `prepare` is their
    transform, so calibration sees exactly what serving feeds. The mixed preset keeps weights
    symmetric and activations asymmetric. Joins of decoder and encoder keep full precision: one
    scale for a bounded and an unbounded input moved every mask logit by -3.5 (and drew
    nothing), measured on a half-trained network; without it the mean shift is below 0.5.

    A draft may say otherwise in ``quantization``: the operations that stay in ``full_precision``,
    and whether the network is a ``transformer`` (NNCF then treats its attention with care).
    """
    draft = json.loads((export / "draft.json").read_text())
    spec = Preprocessing.from_json(draft["preprocessing"])
    cases = read_cases(export, root, "training")
    chosen = np.random.default_rng(seed).permutation(len(cases))[:SUBSET]
    arrays = [item.array[None] for item in prepared([cases[i] for i in chosen], spec)]
    model = ov.Core().read_model(str(out / "fp32" / "model.xml"))
    wish = draft.get("quantization", {})
    mask = draft["outputs"].get("mask")
    last = [] if mask is None else [model.output(mask).get_node().get_friendly_name()]
    quantized = nncf.quantize(
        model,
        nncf.Dataset(arrays),
        preset=nncf.QuantizationPreset.MIXED,
        subset_size=len(arrays),
        fast_bias_correction=True,
        model_type=nncf.ModelType.TRANSFORMER if wish.get("transformer") else None,
        ignored_scope=nncf.IgnoredScope(
            types=wish.get("full_precision", ["Interpolate", "Concat"]), names=last
        ),
    )
    (out / "int8").mkdir(parents=True, exist_ok=True)
    path = out / "int8" / "model.xml"
    ov.save_model(quantized, str(path), compress_to_fp16=False)
    return path
