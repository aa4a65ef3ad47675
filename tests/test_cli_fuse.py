"""``neuralscan fuse`` from the outside."""

import json

import cv2
import nibabel
import numpy as np
import pytest

from appliance import burned_in
from appliance.cli import main
from appliance.cli_fuse import METHODS
from appliance.core.types import Volume
from appliance.fusion.methods import DEFAULT
from appliance.fusion.methods import METHODS as KNOWN
from appliance.nifti import to_bytes
from tests.heads import SIZE, head, png, turned


def written(folder, **pictures):
    paths = []
    for name, array in pictures.items():
        path = folder / f"{name}.png"
        path.write_bytes(png(array))
        paths.append(str(path))
    return paths


def test_the_verb_offers_the_methods_there_are():
    assert tuple(KNOWN) == METHODS
    assert METHODS[0] == DEFAULT


def test_a_pair_leaves_the_fused_picture_beside_the_registration(tmp_path, capsys):
    paths = written(tmp_path, fixed=head(), moving=turned(head()))
    out = tmp_path / "out"
    assert main(["fuse", *paths, "--out", str(out), "--method", "laplacian", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document == json.loads((out / "fusion.json").read_text())
    assert (document["verdict"], document["method"]) == ("fused", "laplacian")
    assert document["metrics"]["qabf"] > 0.5
    assert json.loads((out / "registration.json").read_text())["verdict"] == "good"
    assert {p.name for p in out.iterdir()} == {
        "fused.png", "fusion.json", "moved.png", "registration.json", "transform.tfm",
    }  # fmt: skip
    fused = cv2.imread(str(out / "fused.png"), cv2.IMREAD_UNCHANGED)
    assert fused.shape == (SIZE, SIZE)
    assert fused.dtype == np.uint8


def test_a_failed_registration_is_refused_with_code_3_and_leaves_no_fused_picture(tmp_path, capsys):
    good = written(tmp_path, fixed=head(), moving=turned(head()))
    blank = written(tmp_path, blank=np.zeros((SIZE, SIZE), np.uint8))
    out = tmp_path / "out"
    assert main(["fuse", *good, "--out", str(out)]) == 0
    assert main(["fuse", good[0], *blank, "--out", str(out)]) == 3
    assert not (out / "fused.png").exists()
    document = json.loads((out / "fusion.json").read_text())
    assert document["verdict"] == "refused"
    assert document["reasons"]
    assert document["reasons"][0] in capsys.readouterr().err


@pytest.mark.parametrize(("verdict", "code"), [("good", 0), ("doubtful", 0), ("failed", 3)])
def test_an_earlier_registration_is_taken_at_its_word(tmp_path, capsys, verdict, code):
    paths = written(tmp_path, fixed=head(), moving=head())
    known = tmp_path / "registration.json"
    document = {
        "schema": "neuralscan/registration/1",
        "verdict": verdict,
        "reasons": [] if verdict == "good" else ["seen before"],
        "space": "pixel",
        "matrix": np.eye(3).tolist(),
    }
    known.write_text(json.dumps(document))
    arguments = ["fuse", *paths, "--out", str(tmp_path / "out"), "--registration", str(known)]
    assert main(arguments) == code
    assert ("seen before" in capsys.readouterr().err) == (verdict != "good")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("no json", 2),
        ("{}", 2),
        ('{"schema": "neuralscan/registration/1", "verdict": "good", "reasons": [], '
         '"space": "lps_mm", "matrix": [[1,0,0,0],[0,1,0,0],[0,0,1,0],[0,0,0,1]]}', 2),
        ('{"schema": "neuralscan/registration/1", "verdict": "good", "reasons": [], '
         '"space": "pixel", "matrix": [[0,0,0],[0,0,0],[0,0,1]]}', 3),
    ],
)  # fmt: skip
def test_a_registration_that_is_none_is_refused(tmp_path, text, code):
    paths = written(tmp_path, fixed=head(), moving=head())
    known = tmp_path / "registration.json"
    known.write_text(text)
    arguments = ["fuse", *paths, "--out", str(tmp_path / "out"), "--registration", str(known)]
    assert main(arguments) == code
    assert not (tmp_path / "out" / "fused.png").exists()


def test_a_volume_keeps_the_affine_and_voxel_order_of_fixed(tmp_path):
    affine = np.array([[0, 0, 2.0, -9], [0, -1.5, 0, 7], [4.0, 0, 0, 3], [0, 0, 0, 1]])
    array = (np.stack([head()] * 3).astype(np.uint16)) * 5
    for name in ("fixed", "moving"):
        (tmp_path / f"{name}.nii.gz").write_bytes(to_bytes(Volume(array, affine)))
    known = tmp_path / "registration.json"
    document = {
        "schema": "neuralscan/registration/1",
        "verdict": "good",
        "reasons": [],
        "space": "lps_mm",
        "matrix": np.eye(4).tolist(),
    }
    known.write_text(json.dumps(document))
    paths = [str(tmp_path / f"{name}.nii.gz") for name in ("fixed", "moving")]
    out = tmp_path / "out"
    assert main(["fuse", *paths, "--out", str(out), "--registration", str(known)]) == 0
    fixed, fused = nibabel.load(paths[0]), nibabel.load(out / "fused.nii.gz")
    assert np.allclose(fused.affine, fixed.affine)
    assert fused.shape == fixed.shape
    one, other = (np.asarray(image.dataobj).astype(float).ravel() for image in (fixed, fused))
    assert np.corrcoef(one, other)[0, 1] > 0.98


def test_text_found_in_a_picture_is_black_in_what_is_written(tmp_path, capsys, monkeypatch):
    fixed, moving = ((p * 0.6).astype(np.uint8) for p in (head(), turned(head())))
    for array in (fixed, moving):
        array[2:14, 4:70] = 255
    paths = written(tmp_path, fixed=fixed, moving=moving)
    monkeypatch.setattr(burned_in, "noticed", lambda series: (series, ((2, 4, 14, 70),)))
    out = tmp_path / "out"
    known = tmp_path / "registration.json"
    known.write_text(json.dumps({
        "schema": "neuralscan/registration/1", "verdict": "good", "reasons": [],
        "space": "pixel", "matrix": np.eye(3).tolist(),
    }))  # fmt: skip
    assert main(["fuse", *paths, "--out", str(out), "--registration", str(known)]) == 0
    assert "text in the picture" in capsys.readouterr().err
    for name in ("fused.png", "moved.png"):
        picture = cv2.imread(str(out / name), cv2.IMREAD_UNCHANGED)
        assert picture.max() < 250, name
