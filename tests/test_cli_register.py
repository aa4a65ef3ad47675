"""``neuralscan register`` from the outside."""

import json

import cv2
import numpy as np
import SimpleITK as sitk

from appliance.cli import main
from appliance.phantom import make_person, slice_of


def written(path, array):
    cv2.imwrite(str(path), array)
    return str(path)


def head(seed: int = 3) -> np.ndarray:
    found = slice_of(make_person("glioma", seed), size=128, pixel_mm=1.8).volume.array[0]
    return (found / found.max() * 255).astype(np.uint8)


def test_a_pair_leaves_document_transform_and_picture(tmp_path, capsys):
    array = head()
    turn = cv2.getRotationMatrix2D((63.5, 63.5), 8.0, 1.0)
    moved = cv2.warpAffine(array, turn, (128, 128))
    paths = [written(tmp_path / f"{n}.png", a) for n, a in (("fixed", array), ("moving", moved))]
    out = tmp_path / "out"
    assert main(["register", *paths, "--out", str(out), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document == json.loads((out / "registration.json").read_text())
    assert document["schema"] == "neuralscan/registration/1"
    assert document["verdict"] == "good"
    picture = cv2.imread(str(out / "moved.png"), cv2.IMREAD_UNCHANGED)
    assert picture.shape == array.shape
    core = np.s_[40:90, 40:90]
    before, after = (np.abs(p[core].astype(float) - array[core]).mean() for p in (moved, picture))
    assert after < 0.5 * before
    transform = sitk.ReadTransform(str(out / "transform.tfm"))
    column, row = transform.TransformPoint((30.0, 50.0))
    assert np.allclose(np.array(document["matrix"]) @ [50, 30, 1], [row, column, 1], atol=1e-6)


def test_a_blank_partner_fails_with_files_and_code_4(tmp_path):
    blank = np.zeros((128, 128), np.uint8)
    paths = [written(tmp_path / f"{n}.png", a) for n, a in (("a", head()), ("b", blank))]
    out = tmp_path / "out"
    assert main(["register", *paths, "--out", str(out)]) == 4
    document = json.loads((out / "registration.json").read_text())
    assert document["verdict"] == "failed"
    assert document["matrix"] == np.eye(3).tolist()
    assert (out / "moved.png").is_file()


def test_what_is_no_scan_is_refused(tmp_path, capsys):
    text = tmp_path / "a.txt"
    text.write_text("no scan")
    path = written(tmp_path / "b.png", head())
    assert main(["register", str(text), path, "--out", str(tmp_path / "out")]) == 3
    assert "a.txt" in capsys.readouterr().err
