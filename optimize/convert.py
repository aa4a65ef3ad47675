"""SavedModel to IR, its names and labels inside, checked output by output against Keras."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from appliance import runtime  # noqa: F401  isort: skip (oneDAL before OpenVINO)
import openvino as ov

from appliance.core.errors import NotFound, ProbeFailed
from appliance.runtime import Network

TOLERANCE = 2e-3
"""Largest accepted difference from Keras in f32, in the outputs' own units."""


def convert(export: Path, out: Path) -> dict[str, float]:
    """Write ``OUT/fp32/model.xml`` and ``OUT/fp16/model.xml`` (weights in FP16).

    Returns
    -------
    dict
        Largest difference from Keras for each output, f32.

    Raises
    ------
    ProbeFailed
        When an output differs by more than `TOLERANCE`.
    """
    draft = json.loads((export / "draft.json").read_text())
    model = ov.convert_model(str(export / "saved_model"))
    size = draft["preprocessing"]["size"]
    model.reshape([1, size, size, 1])
    _name_outputs(model, export)
    for key in ("name", "version", "labels", "layout"):
        value = draft[key]
        text = value if isinstance(value, str) else json.dumps(value)
        model.set_rt_info(text, ["neuralscan", key])
    # OpenVINO notes the folder it read: nobody else's, and nobody's business.
    model.set_rt_info("saved_model", ["conversion_parameters", "input_model"])
    for folder, half in (("fp32", False), ("fp16", True)):
        (out / folder).mkdir(parents=True, exist_ok=True)
        ov.save_model(model, str(out / folder / "model.xml"), compress_to_fp16=half)
    differences = compare(out / "fp32" / "model.xml", export, draft["outputs"])
    if max(differences.values()) > TOLERANCE:
        raise ProbeFailed(f"the converted network differs from Keras: {differences}")
    return differences


def widen(networks: Path) -> Path:
    """Write ``NETWORKS/fp32/model.xml`` from ``NETWORKS/fp16/model.xml``, its weights in f32.

    They keep FP16's rounding; the networks compute the same.

    Raises
    ------
    NotFound
        When there is no FP16 network.
    """
    half, wide = (networks / precision / "model.xml" for precision in ("fp16", "fp32"))
    if not half.is_file():
        raise NotFound(f"{networks.parent.name} has no FP16 network to widen")
    model = ov.Core().read_model(str(half))
    for node in model.get_ordered_ops():
        if node.get_type_name() != "Convert":
            continue
        weights = node.input_value(0).get_node()
        if weights.get_type_name() == "Constant" and weights.get_element_type() == ov.Type.f16:
            constant = ov.op.Constant(np.asarray(weights.data, np.float32))
            constant.set_friendly_name(weights.get_friendly_name())
            node.output(0).replace(constant.output(0))
    wide.parent.mkdir(parents=True, exist_ok=True)
    ov.save_model(model, str(wide), compress_to_fp16=False)
    return wide


def _name_outputs(model: ov.Model, export: Path) -> None:
    """Give every output its plain name; they are told apart by shape."""
    with np.load(export / "reference.npz") as reference:
        shapes = {n: reference[n].shape[1:] for n in reference.files if n != "image"}
    for output in model.outputs:
        shape = tuple(int(d) for d in output.get_partial_shape().to_shape())[1:]
        (name,) = [key for key, value in shapes.items() if value == shape]
        output.get_tensor().set_names({name})
    model.inputs[0].get_tensor().set_names({"image"})


def compare(model: Path, export: Path, outputs: dict[str, str]) -> dict[str, float]:
    """Largest absolute difference from Keras on the export's reference slices, by output."""
    network = Network(model, outputs, device="CPU")
    with np.load(export / "reference.npz") as reference:
        answers = network.infer(reference["image"])
        return {name: float(np.abs(answers[name] - reference[name]).max()) for name in answers}
