"""``neuralscan track`` from the outside, with the tiny network that finds bright spots."""

import json
import os
from pathlib import Path

import cv2
import nibabel
import numpy as np
import pytest

from appliance.cli import main
from tests.conftest import AFFINE, head_array


@pytest.fixture(autouse=True)
def _tiny(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, tiny_folder: Path) -> None:
    for name in [name for name in os.environ if name.startswith("NEURALSCAN_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("NEURALSCAN_MODELS", str(tiny_folder))


def picture(path: Path, seed: int = 0) -> str:
    array = head_array((3, 128, 112), seed=seed)[1]
    cv2.imwrite(str(path), np.clip(array / 8, 0, 255).astype(np.uint8))
    return str(path)


def volume(path: Path, slices: int) -> str:
    to_ras = np.diag([-1.0, -1.0, 1.0, 1.0])
    nibabel.save(nibabel.Nifti1Image(head_array((slices, 96, 80)), to_ras @ AFFINE), str(path))
    return str(path)


def test_two_pictures_of_one_head_leave_document_page_and_timeline(tmp_path, capsys):
    paths = [picture(tmp_path / f"{n}.png", n) for n in (0, 1)]
    out = tmp_path / "out"
    code = main(["track", *paths, "--out", str(out), "--days", "0,92", "--json"])
    document = json.loads(capsys.readouterr().out)
    assert document == json.loads((out / "followup.json").read_text())
    assert document["schema"] == "neuralscan/followup/1"
    assert code == (3 if document["verdict"] == "not_comparable" else 0)
    assert document["verdict"] in ("within_error", "not_comparable")
    assert [study["verdict"] for study in document["studies"]] == ["tumor", "tumor"]
    assert {"followup.html", "timeline.svg"} <= {p.name for p in out.iterdir()}


def test_a_picture_and_a_stack_are_not_comparable_and_end_with_3(tmp_path, capsys):
    paths = [picture(tmp_path / "a.png"), volume(tmp_path / "b.nii.gz", 9)]
    out = tmp_path / "out"
    assert main(["track", *paths, "--out", str(out)]) == 3
    assert "single picture" in capsys.readouterr().out
    document = json.loads((out / "followup.json").read_text())
    assert (document["verdict"], document["lesions"]) == ("not_comparable", [])
    assert document["registration"] is None


def test_what_cannot_be_read_is_refused_and_said_in_the_document(tmp_path, capsys):
    text = tmp_path / "note.txt"
    text.write_text("no scan")
    out = tmp_path / "out"
    assert main(["track", str(text), picture(tmp_path / "a.png"), "--out", str(out)]) == 3
    assert "note.txt" in capsys.readouterr().err
    assert json.loads((out / "followup.json").read_text())["verdict"] == "not_comparable"


@pytest.mark.parametrize("more", [[], ["--days", "0,x"], ["--days", "5,1"], ["--days", "0"]])
def test_one_study_or_days_that_do_not_grow_are_wrong_usage(more, tmp_path):
    path = picture(tmp_path / "a.png")
    given = [path, path, *more] if more else [path]
    assert main(["track", *given, "--out", str(tmp_path / "out")]) == 2


def test_lesions_of_the_moving_image_are_reported_on_the_fixed_one(tmp_path, capsys):
    paths = [picture(tmp_path / f"{n}.png", n) for n in (0, 1)]
    out = tmp_path / "out"
    assert main(["register", *paths, "--out", str(out), "--carry"]) == 0
    document = json.loads((out / "carried.json").read_text())
    (lesion, *_) = document["lesions"]
    mask = cv2.imread(str(out / "carried_mask.png"), cv2.IMREAD_UNCHANGED)
    assert mask.shape == (128, 112)
    assert int((mask > 0).sum()) == sum(one["area_px"] for one in document["lesions"])
    assert lesion["box"][3] == 1
    assert "lesion 1" in capsys.readouterr().err
    dark = tmp_path / "dark.png"
    cv2.imwrite(str(dark), np.zeros((128, 112), np.uint8))
    assert main(["register", paths[0], str(dark), "--out", str(out), "--carry"]) == 4
