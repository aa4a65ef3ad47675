"""What stays out of INT8 is what the recipe says, checked on the network that comes out."""

from __future__ import annotations

import contextlib
import io

import pytest

from optimize.search import layers
from optimize.search.build import build, scope
from optimize.search.recipes import Recipe
from tests.optimize.search.convolutions import convolution_model
from tests.tiny import draft

import openvino as ov  # isort: skip (oneDAL before OpenVINO)


def _last(model):
    return [node.get_friendly_name() for node in layers.weighted(model)][-1]


@pytest.mark.parametrize(
    ("what", "kinds", "holds_end"),
    [
        ("nothing", [], False),
        ("mask end", [], True),
        ("joins", ["Concat"], False),
        ("joins and mask end", ["Concat"], True),
        ("head", [], True),
    ],
)
def test_the_scope_names_layers_of_the_network(what, kinds, holds_end):
    model = convolution_model()
    found = scope(model, draft(), what)
    names = {node.get_friendly_name() for node in model.get_ops()}
    results = {node.get_friendly_name() for node in model.get_results()}
    assert found.types == kinds, "kinds the network lacks would be refused by NNCF"
    assert set(found.names) <= names - results
    assert (_last(model) in found.names) == holds_end


def test_a_draft_can_keep_other_kinds():
    document = {**draft(), "quantization": {"full_precision": ["Concat", "Clamp", "Softmax"]}}
    assert scope(convolution_model(), document, "joins").types == ["Concat", "Clamp"]


def test_the_last_layer_before_the_mask_stays_when_it_is_named(plan, tmp_path):
    settings = {
        "preset": "mixed",
        "slices": 4,
        "correction": "none",
        "full_precision": "joins and mask end",
    }
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        found = build(Recipe("x", "int8", "", (("int8", settings),)), plan.means, tmp_path)
    assert found["layers"]["others"] == [_last(ov.Core().read_model(tmp_path / "model.xml"))]
    assert found["layers"]["int8"] == found["layers"]["all"] - 1
    assert said.getvalue() == "", "stdout is for data"


def test_smoothing_is_counted(plan, tmp_path):
    settings = {
        "preset": "mixed",
        "slices": 4,
        "correction": "none",
        "full_precision": "joins",
        "smooth": 0.5,
    }
    found = build(Recipe("x", "int8", "", (("int8", settings),)), plan.means, tmp_path)
    assert found["smoothed"] > 0


def test_half_precision_halves_the_weights(plan, tmp_path):
    sizes = {}
    for name, steps in (("fp32", ()), ("fp16", (("fp16", {}),))):
        (tmp_path / name).mkdir()
        build(Recipe(name, "plain", "", steps), plan.means, tmp_path / name)
        sizes[name] = (tmp_path / name / "model.bin").stat().st_size
    assert sizes["fp16"] == pytest.approx(sizes["fp32"] / 2, rel=0.15)
