"""Lesions of one image in the pixels and millimetres of another."""

import json

import pytest

from appliance.followup.carried import carry_lesions, document_of, write
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
