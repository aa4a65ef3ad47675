"""Lesions of one image in the pixels and millimetres of another."""

import json
from dataclasses import replace

import pytest

from appliance.core.geometry import viewing
from appliance.core.types import Source
from appliance.followup.carried import carry_lesions, document_of, write
from appliance.followup.carried_result import findings_of, measurements_of
from tests.followup.truths import STACK, exam, known, series


def test_a_ball_keeps_its_millilitres_on_a_finer_grid(tmp_path):
    moving = exam(series((12.0,), STACK, (3.0, 2.0, 2.0)))
    fixed = series((), (40, 96, 96), (2.0, 1.4, 1.4), modality="CT", name="ct")
    found = known()(fixed, moving.series)
    carried = carry_lesions(moving, fixed, found)
    document = document_of(carried, moving, fixed, found)
    (lesion,) = document["lesions"]
    assert lesion["volume_ml"] == pytest.approx(moving.sizes()[1].volume_ml, rel=0.03)
    assert lesion["area_px"] == int((carried.labels.array == 1).sum())
    assert lesion["outside_share"] == 0.0
    assert document["fixed"]["modality"] == "CT"
    files = write(carried, document, fixed, tmp_path)
    assert set(files) == {"carried.json", "carried.png", "carried_mask.nii.gz"}
    assert json.loads(files["carried.json"].read_text()) == document


def test_what_lies_outside_is_said():
    moving = exam(series((12.0,)))
    fixed = series((), (1, 60, 128))
    found = known()(fixed, moving.series)
    document = document_of(carry_lesions(moving, fixed, found), moving, fixed, found)
    (lesion,) = document["lesions"]
    whole = moving.sizes()[1].pixels
    assert lesion["area_px"] < whole
    assert lesion["outside_share"] == pytest.approx(1 - lesion["area_px"] / whole, abs=0.01)
    assert lesion["volume_ml"] is None


def test_carried_lesions_become_findings_and_measurements_of_the_fixed_image():
    moving = exam(series((12.0,), STACK, (3.0, 2.0, 2.0)))
    fixed = series((), (40, 96, 96), (2.0, 1.4, 1.4), modality="CT", name="ct")
    found = known()(fixed, moving.series)
    carried = carry_lesions(moving, fixed, found)
    model = {"name": "any", "precision": "INT8", "device": "CPU"}
    document = document_of(carried, moving, fixed, found, model)
    assert document["model"] == model
    (finding,) = findings_of(carried, document["lesions"], fixed, {1: 0.75})
    inside = carried.labels.array == 1
    assert (finding.score, finding.area_px) == (0.75, int(inside.sum()))
    slice0, row0, column0, slice1, row1, column1 = finding.box
    assert inside[slice0:slice1, row0:row1, column0:column1].sum() == inside.sum()
    seen = viewing(fixed.volume).apply(inside)
    assert seen[finding.largest_slice].sum() == seen.sum(axis=(1, 2)).max()
    values = {m.name: (m.value, m.unit) for m in measurements_of(document["lesions"])}
    assert values["lesion_1_volume"] == (finding.volume_ml, "ml")
    assert values["lesion_1_outside"] == (0.0, "%")
    assert values["lesion_1_longest"][1] == "mm"


def test_a_picture_said_to_hold_text_is_not_drawn(tmp_path):
    moving, fixed = exam(series((12.0,))), series(())
    marked = replace(fixed, source=Source("1.2", (("1.3", 0),), burned_in=True))
    found = known()(fixed, moving.series)
    carried = carry_lesions(moving, marked, found)
    document = document_of(carried, moving, marked, found)
    assert "carried.png" in write(carried, document, fixed, tmp_path)
    assert "carried.png" not in write(carried, document, marked, tmp_path)
    assert not (tmp_path / "carried.png").exists()
