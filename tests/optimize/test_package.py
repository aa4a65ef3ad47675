"""A package is written whole or not at all, and scored as it is served."""

import json

import cv2
import numpy as np
import pytest

from appliance.core.errors import NotFound
from appliance.core.verdict import Rule
from appliance.pipeline import Analyzer
from appliance.registry import open_package
from optimize.__main__ import main
from optimize.cases import Case, read_cases
from optimize.evaluate import score
from optimize.package import write
from tests.conftest import head_array
from tests.tiny import accept_everything, bright_spot_model, draft


def test_a_failed_write_leaves_the_old_package(tiny_folder, tmp_path):
    import openvino as ov

    networks = tmp_path / "networks"
    for name in ("int8", "fp16"):
        (networks / name).mkdir(parents=True)
        ov.save_model(bright_spot_model(), str(networks / name / "model.xml"))
    target = tmp_path / "packages" / "tiny"
    write(target, draft(), networks, Rule(), accept_everything())
    before = (target / "manifest.json").read_bytes()
    (networks / "fp16" / "model.bin").unlink()
    with pytest.raises(OSError):
        write(target, draft(), networks, Rule(temperature=2.0), accept_everything())
    assert (target / "manifest.json").read_bytes() == before
    open_package(target).verify()
    assert [p.name for p in target.parent.iterdir()] == ["tiny"]


@pytest.fixture
def cases(tmp_path):
    found = []
    for number, lesion in enumerate([True, True, False]):
        plane = (head_array(lesion=lesion, seed=number)[4] // 8).astype(np.uint8)
        image, mask = tmp_path / f"{number}.png", tmp_path / f"{number}m.png"
        cv2.imwrite(str(image), plane)
        truth = head_array()[4] != head_array(lesion=False)[4]
        cv2.imwrite(str(mask), truth.astype(np.uint8) * 255)
        label = "glioma" if lesion else "no_tumor"
        found.append(Case(image, mask if lesion else None, label, 4, str(number), "t"))
    return found


def test_scores_are_those_of_the_reports(tiny_package, cases):
    figures, rows = score(Analyzer(device="CPU", package=tiny_package), cases)
    assert figures["accuracy"] == {"value": 1.0, "interval": [0.4385, 1.0], "n": 3}
    assert figures["dice"]["value"] > 0.6
    assert figures["false_mask_rate"]["value"] == 0.0
    assert [row["verdict"] for row in rows][2] == "no_tumor"


def test_refused_slices_count_as_wrong(tiny_package, cases, tmp_path):
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"\x89PNG\r\n\x1a\n")
    listed = [*cases[:1], Case(broken, None, "no_tumor", 4, "b", "t")]
    with pytest.raises(Exception, match="PNG"):
        listed[1].picture()
    analyzer = Analyzer(device="CPU", package=tiny_package)
    from optimize.evaluate import figures, report_of

    report = report_of(analyzer, broken.read_bytes(), "broken.png")
    assert report.verdict == "refused"
    row = {
        "truth": "no_tumor", "label": None, "verdict": "refused", "dice": None, "mask_px": 0,
        "probabilities": None, "prediction_set": None,
    }  # fmt: skip
    found = figures([row])
    assert found["refused"]["value"] == 1.0
    assert found["accuracy"]["value"] == 0.0


def test_a_missing_export_says_what_to_run(tmp_path, capsys):
    with pytest.raises(NotFound, match="training export"):
        read_cases(tmp_path, tmp_path, "training")
    assert main(["quantize", str(tmp_path), "--data", str(tmp_path / "nowhere")]) == 2
    assert "--data" in capsys.readouterr().err


def test_a_list_with_missing_images_is_an_error(tmp_path):
    row = {
        "image": "a.png",
        "mask": None,
        "label": "glioma",
        "fold": 1,
        "group": "g",
        "source": "s",
    }
    (tmp_path / "cases.json").write_text(json.dumps({"training": [row]}))
    with pytest.raises(NotFound, match=r"a\.png"):
        read_cases(tmp_path, tmp_path, "training")
