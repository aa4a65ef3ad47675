"""NNCF post-training INT8, calibrated on training slices, never on validation or test."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from appliance import runtime  # noqa: F401  isort: skip (oneDAL before OpenVINO)
import nncf
import openvino as ov

from appliance.core.preprocess import Preprocessing
from optimize.cases import Case, prepared, read_cases

logger = logging.getLogger(__name__)
SUBSET = 320
JOINS = ("Interpolate", "Concat")
"""Operations that keep full precision."""


def calibration_cases(export: Path, root: Path, count: int = SUBSET, seed: int = 0) -> list[Case]:
    """Training slices, drawn with a fixed seed; a longer list begins with the shorter one."""
    cases = read_cases(export, root, "training")
    chosen = np.random.default_rng(seed).permutation(len(cases))[:count]
    return [cases[i] for i in chosen]


def mask_layer(model: ov.Model, draft: Mapping[str, Any]) -> list[str]:
    """Name of the last layer with weights before the mask, in a list; empty without a mask."""
    mask = draft["outputs"].get("mask")
    node = None if mask is None else model.output(mask).get_node()
    while node is not None and node.get_type_name() not in ("Convolution", "MatMul"):
        node = node.input_value(0).get_node() if node.get_input_size() else None
    return [] if node is None else [node.get_friendly_name()]


def full_precision(model: ov.Model, draft: Mapping[str, Any]) -> list[str]:
    """Kinds of operations in the network that its draft, or else the project, keeps out of INT8."""
    kinds = draft.get("quantization", {}).get("full_precision", JOINS)
    present = {node.get_type_name() for node in model.get_ops()}
    return [kind for kind in kinds if kind in present]


def model_type(draft: Mapping[str, Any]) -> nncf.ModelType | None:
    """What NNCF should know about the network."""
    transformer = draft.get("quantization", {}).get("transformer")
    return nncf.ModelType.TRANSFORMER if transformer else None


def preset_of(draft: Mapping[str, Any]) -> nncf.QuantizationPreset:
    """Symmetric activations are faster; behind a transformer's GELU they lose too much."""
    transformer = model_type(draft) is nncf.ModelType.TRANSFORMER
    return nncf.QuantizationPreset.MIXED if transformer else nncf.QuantizationPreset.PERFORMANCE


def quantize(export: Path, out: Path, root: Path, seed: int = 0) -> Path:
    """Write ``OUT/int8/model.xml``.

    `SUBSET` training slices, drawn with a fixed seed, give the ranges; `prepare` is their
    transform, so calibration sees exactly what serving feeds. The performance preset keeps
    weights and activations symmetric; a transformer gets the mixed one, as NNCF advises. Joins
    of decoder and encoder keep full precision: one scale for a bounded and an unbounded input
    moved every mask logit by -3.5 (and drew nothing), measured on a half-trained network;
    without it the mean shift is below 0.5. Biases are corrected layer by layer: half a minute more
    than NNCF's fast way, half the label flips (docs/decisions.md).

    A draft may say otherwise in ``quantization``: the operations that stay in ``full_precision``,
    and whether the network is a ``transformer`` (NNCF then treats its attention with care).
    """
    draft = json.loads((export / "draft.json").read_text())
    spec = Preprocessing.from_json(draft["preprocessing"])
    arrays = [
        item.array[None] for item in prepared(calibration_cases(export, root, seed=seed), spec)
    ]
    model = ov.Core().read_model(str(out / "fp32" / "model.xml"))
    quantized = nncf.quantize(
        model,
        nncf.Dataset(arrays),
        preset=preset_of(draft),
        subset_size=len(arrays),
        fast_bias_correction=False,
        model_type=model_type(draft),
        ignored_scope=nncf.IgnoredScope(types=full_precision(model, draft)),
    )
    (out / "int8").mkdir(parents=True, exist_ok=True)
    path = out / "int8" / "model.xml"
    ov.save_model(quantized, str(path), compress_to_fp16=False)
    return path
