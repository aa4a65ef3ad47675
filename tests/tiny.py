"""A package small enough to read: an IR of a few OpenVINO operations that finds bright spots."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from appliance import runtime  # noqa: F401  isort: skip (oneDAL before OpenVINO)
import openvino as ov
from openvino import opset13 as ops

from appliance.core.manifest import MANIFEST_SCHEMA
from appliance.core.preprocess import Preprocessing
from appliance.core.types import LABELS
from appliance.core.verdict import Rule
from appliance.onedal import OutlierDetector
from optimize.package import write

SIZE = 64


def bright_spot_model() -> ov.Model:
    """Mask logits rise with brightness; the class says glioma when a spot is bright enough."""
    image = ops.parameter([1, SIZE, SIZE, 1], np.float32, name="image")
    image.output(0).get_tensor().set_names({"image"})
    planes = ops.transpose(image, ops.constant(np.array([0, 3, 1, 2])))
    half = ops.avg_pool(planes, [2, 2], [0, 0], [0, 0], [2, 2], exclude_pad=True)
    mask = ops.multiply(
        ops.subtract(half, ops.constant(np.float32(0.6))), ops.constant(np.float32(40))
    )
    spots = ops.avg_pool(mask, [4, 4], [0, 0], [0, 0], [4, 4], exclude_pad=True)
    peak = ops.reduce_max(spots, ops.constant(np.array([2, 3])), keep_dims=True)
    zero = ops.multiply(peak, ops.constant(np.float32(0)))
    column = ops.concat([peak, zero, zero, ops.negative(peak)], axis=1)
    logits = ops.reshape(column, ops.constant(np.array([1, 4])), False)
    cam = ops.add(
        ops.multiply(spots, ops.constant(np.float32(0.2))),
        ops.multiply(column, ops.constant(np.float32(0.1))),
    )
    embedding = ops.avg_pool(planes, [16, 16], [0, 0], [0, 0], [16, 16], exclude_pad=True)
    named = {
        "logits": logits,
        "mask": ops.transpose(mask, ops.constant(np.array([0, 2, 3, 1]))),
        "cam": ops.transpose(cam, ops.constant(np.array([0, 2, 3, 1]))),
        "embedding": ops.reshape(embedding, ops.constant(np.array([1, 16])), False),
    }
    results = []
    for name, node in named.items():
        node.output(0).get_tensor().set_names({name})
        results.append(ops.result(node))
    return ov.Model(results, [image], "bright_spot")


def accept_everything() -> OutlierDetector:
    """An estimator that refuses nothing but infinities."""
    bank = np.random.default_rng(0).normal(size=(16, 4)).astype(np.float32)
    return OutlierDetector(
        np.zeros(16, np.float32),
        np.zeros((16, 4), np.float32),
        bank,
        neighbours=3,
        distance_limit=1e6,
        direction=np.zeros(16, np.float32),
        contrast_centre=0.0,
        contrast_limit=1.0,
    )


def draft() -> dict:
    """What training would have handed over."""
    return {
        "schema": MANIFEST_SCHEMA,
        "name": "tiny",
        "title": "Bright spots",
        "version": "0.0.1",
        "engine": "openvino",
        "task": ["classify", "segment", "detect"],
        "labels": list(LABELS),
        "layout": "NHWC",
        "outputs": {name: name for name in ("logits", "mask", "cam", "embedding")},
        "preprocessing": Preprocessing(size=SIZE).to_json(),
        "accepts": {"modalities": ["MR"], "sequences": ["T1c", "T1"]},
        "provenance": {"trained_on_folds": [], "data": []},
        "licence": "Apache-2.0",
        "intended_use": "Tests.",
        "limits": ["Finds bright spots, nothing else."],
    }


def write_tiny_package(folder: Path) -> Path:
    """The package, with a probe, in ``folder/tiny``."""
    networks = folder / "networks"
    model = bright_spot_model()
    for name in ("int8", "fp16"):
        (networks / name).mkdir(parents=True)
        ov.save_model(model, str(networks / name / "model.xml"), compress_to_fp16=False)
    rule = Rule(top_pixels=8, minimum_share=0.0005)
    return write(folder / "packages" / "tiny", draft(), networks, rule, accept_everything())
