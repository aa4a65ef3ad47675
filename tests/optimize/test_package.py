"""A package is written whole or not at all, and scored as it is served."""

import json

import cv2
import numpy as np
import pytest

from appliance.core.errors import CorruptFile, ModelError, NotFound
from appliance.core.verdict import Rule
from appliance.pipeline import Analyzer
from appliance.registry import open_package
from optimize.__main__ import main
from optimize.cases import Case, demand_unchanged, read_cases
from optimize.evaluate import report_of, score, true_lesions
from optimize.figures import figures
from optimize.package import write
from tests.conftest import head_array
from tests.small_root import write_small_root
from tests.tiny import accept_everything, bright_spot_model, draft
from tests.tiny_runs import write_run


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
    with pytest.raises(ModelError, match=r"model\.bin"):
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


@pytest.fixture(scope="module")
def tiny_run(tmp_path_factory):
    """A run that held fold 4 out, its data root, and its package."""
    root = write_small_root(tmp_path_factory.mktemp("root"))
    run = write_run(tmp_path_factory.mktemp("run") / "tiny", root, (1, 2, 3))
    networks = run / "networks"
    document = json.loads((run / "export" / "draft.json").read_text())
    return run, root, write(run / "package", document, networks, Rule(), accept_everything())


def test_scores_are_those_of_the_reports(tiny_package, cases):
    analyzer = Analyzer(device="CPU", package=tiny_package)
    rows = score(analyzer, cases)
    for row, case in zip(rows, cases, strict=True):
        report = report_of(analyzer, case.image.read_bytes(), case.image.name).document
        assert row["verdict"] == report["verdict"]
        assert row["probabilities"] == report["classification"]["probabilities"]
        assert len(row["detections"]) == len(report["lesions"])
        assert row["lesions"] == (case.mask is not None)
    found = figures(rows)
    assert found["accuracy"] == {"value": 1.0, "interval": [0.4385, 1.0], "n": 3}
    assert found["dice"]["value"] > 0.6
    assert found["false_mask_rate"]["value"] == 0.0
    assert [row["verdict"] for row in rows][2] == "no_tumor"


def test_lesions_of_a_mask_are_its_parts_without_dust():
    truth = np.zeros((40, 40), bool)
    truth[2:8, 3:9] = truth[20:30, 20:24] = truth[8, 9] = truth[35, 35] = True
    numbers, boxes = true_lesions(truth)
    assert boxes == [(2, 3, 9, 10), (20, 20, 30, 24)]
    assert sorted(np.unique(numbers)) == [0, 1, 2]


def test_an_unreadable_slice_is_refused_and_wrong(tiny_package, tmp_path):
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"\x89PNG\r\n\x1a\n")
    with pytest.raises(Exception, match="PNG"):
        Case(broken, None, "no_tumor", 4, "b", "t").picture()
    analyzer = Analyzer(device="CPU", package=tiny_package)
    report = report_of(analyzer, broken.read_bytes(), "broken.png")
    assert report.verdict == "refused"


def test_folds_a_package_was_trained_on_are_not_scored(tiny_run, capsys):
    run, root, package = tiny_run
    command = ["evaluate", str(run), "--data", str(root), "--package", str(package)]
    assert main([*command, "--part", "training"]) == 3
    assert "--in-sample" in capsys.readouterr().err
    assert main([*command, "--part", "training", "--in-sample"]) == 0
    assert '"in_sample": true' in capsys.readouterr().out


def test_an_image_that_was_changed_is_noticed(tiny_run):
    run, root, _ = tiny_run
    cases = read_cases(run / "export", root, "other_sources")
    demand_unchanged(cases)
    data = cases[0].image.read_bytes()
    cases[0].image.write_bytes(data + b"x")
    try:
        with pytest.raises(CorruptFile, match="checksum"):
            demand_unchanged(cases)
    finally:
        cases[0].image.write_bytes(data)


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
