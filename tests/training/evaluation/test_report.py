"""A whole small evaluation: its figures against figures computed here, then the card they fill."""

import csv
import json
import re
from html.parser import HTMLParser

import cv2
import numpy as np
import pytest

from appliance.core.types import LABELS
from appliance.ingest import read_bytes
from appliance.pipeline import Analyzer
from appliance.registry import open_package
from optimize.__main__ import main as optimize
from optimize.build import answers_of, out_of_fold
from optimize.calibrate import fit_rule
from optimize.card import render
from optimize.caveats import CHOSEN
from tests.small_root import write_small_root
from tests.tiny_runs import write_cross_validation, write_run
from training.__main__ import main
from training.evaluation import document as steps
from training.evaluation import robustness
from training.evaluation.document import Wish, evaluate

FOLDS = (1, 2, 3, 4)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Generated heads, with a second reader who draws a little larger."""
    root = write_small_root(tmp_path_factory.mktemp("root"))
    second = root / "figshare" / "second_reader_masks"
    second.mkdir()
    for path in sorted((root / "figshare" / "masks").glob("*.png"))[::2]:
        mask = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        cv2.imwrite(str(second / path.name), cv2.dilate(mask, np.ones((5, 5), np.uint8)))
    return root


def write_leaky(folder, root):
    """A network whose validation slices come from the groups it was trained on."""
    write_run(folder, root, FOLDS)
    path = folder / "export" / "cases.json"
    lists = json.loads(path.read_text())
    lists["validation"] = lists["training"][::4]
    path.write_text(json.dumps(lists))


@pytest.fixture(scope="module")
def evaluated(root, tmp_path_factory):
    """A cross-validated run of four tiny networks and its evaluation, through the command."""
    folder = write_cross_validation(tmp_path_factory.mktemp("cv") / "run", root)
    write_leaky(folder / "leaky", root)
    shown = robustness.DISTURBANCES
    robustness.DISTURBANCES = shown[:1]
    try:
        command = ["evaluate", str(folder), "--data", str(root), "--resamples", "150"]
        assert main([*command, "--robustness", "16", "--ensemble"]) == 0
    finally:
        robustness.DISTURBANCES = shown
    return folder, json.loads((folder / "evaluation" / "evaluation.json").read_text())


def files_of(root, fold):
    """(image, mask or None, label) of a fold, read from the tables themselves."""
    with (root / "figshare" / "labels.csv").open() as stream:
        for row in csv.DictReader(stream):
            if int(row["fold"]) == fold:
                folder = root / "figshare"
                yield folder / row["image"], folder / row["mask"], row["label"]
    with (root / "no_tumor.csv").open() as stream:
        for row in csv.DictReader(stream):
            if int(row["fold"]) == fold:
                yield root / row["image"], None, "no_tumor"


@pytest.fixture(scope="module")
def seen(root, evaluated):
    """What the packages on disk answer to the files, asked here: (truth, report, Dice)."""
    found = []
    for fold in FOLDS:
        analyzer = Analyzer(
            device="CPU", package=open_package(evaluated[0] / f"fold{fold}" / "package")
        )
        for image, mask, label in files_of(root, fold):
            (series,) = read_bytes(image.read_bytes(), image.name).series
            report = analyzer.analyze(series)
            overlap = None
            if mask is not None:
                truth = cv2.imread(str(mask), cv2.IMREAD_GRAYSCALE) > 0
                drawn = np.zeros_like(truth)
                if report.label_map is not None:
                    drawn = report.label_map.array[0] > 0
                overlap = 2 * (drawn & truth).sum() / (drawn.sum() + truth.sum())
            found.append((label, report.document, overlap))
    return found


def test_the_figures_are_those_of_the_reports(evaluated, seen):
    pooled = evaluated[1]["figures"]["pooled"]
    assert pooled["n"] == len(seen) == 40
    labels = [d["classification"] and d["classification"]["label"] for _, d, _ in seen]
    right = [truth == label for (truth, _, _), label in zip(seen, labels, strict=True)]
    assert pooled["accuracy"]["value"] == pytest.approx(np.mean(right), abs=1e-4)
    overlaps = [overlap for _, _, overlap in seen if overlap is not None]
    assert pooled["dice"]["value"] == pytest.approx(np.mean(overlaps), abs=1e-4)
    ill = [label not in (None, "no_tumor") for (t, _, _), label in zip(seen, labels, strict=True)
           if t != "no_tumor"]  # fmt: skip
    assert pooled["sensitivity"]["value"] == pytest.approx(np.mean(ill), abs=1e-4)
    verdicts = [d["verdict"] for _, d, _ in seen]
    for verdict, figure in (("uncertain", "uncertain"), ("refused", "refused")):
        assert pooled[figure]["value"] == pytest.approx(verdicts.count(verdict) / 40, abs=1e-4)
    covered = [
        t in d["classification"]["prediction_set"] for t, d, _ in seen if d["classification"]
    ]
    assert pooled["set_coverage"]["value"] == pytest.approx(np.mean(covered), abs=1e-4)
    assert 0.5 < pooled["dice"]["value"] < 1.0  # the networks do find the generated masses


def test_thresholds_come_from_the_other_folds(evaluated, root):
    folder, document = evaluated
    for entry in document["protocol"]["folds"]:
        fold = entry["fold"]
        assert entry["thresholds_from_folds"] == [f for f in FOLDS if f != fold]
        assert fold not in entry["trained_on_folds"]
        assert not entry["in_sample_thresholds"]
        manifest = open_package(folder / f"fold{fold}" / "package").manifest
        assert manifest.verdict.to_json() == entry["verdict"]
        provenance = manifest.to_json()["provenance"]
        assert provenance["calibrated_on_folds"] == [f for f in FOLDS if f != fold]
        assert "own group" in provenance["refusal_limits_from"]
    assert document["protocol"]["complete"]
    whole = open_package(folder / "all" / "package").manifest
    assert whole.verdict == fit_rule(out_of_fold(folder, root))


def test_every_part_is_there(evaluated):
    document = evaluated[1]
    assert document["schema"] == "neuralscan/evaluation/1"
    assert set(document["figures"]["by_fold"]) == set("1234")
    assert set(document["figures"]["by_plane"]) == {"ax", "unknown"}
    assert sum(f["n"] for f in document["figures"]["by_size"].values()) == 24
    readers = document["readers"]["all"]
    assert 0.5 < readers["readers"]["value"] < 1.0
    assert readers["readers"]["n"] == 12
    assert set(document["other_sources"]["by_network"]) == {
        "fold1",
        "fold2",
        "fold3",
        "fold4",
        "all",
    }
    assert document["ensemble"]["members"] == ["fold1", "fold2", "fold3", "fold4"]
    assert document["ensemble"]["latency"]["ratio"] > 0.0
    assert [p["pair"] for p in document["precisions"]["pairs"]] == [
        "INT8 against FP32",
        "FP16 against FP32",
        "INT8 against FP16",
    ]
    assert document["precisions"]["pairs"][1]["label_flips"]["value"] == 0.0  # the same network
    assert document["precisions"]["pairs"][0]["probability_gap_largest"] > 0.0
    assert document["robustness"]["slices"] == 16
    assert document["schwannoma"] is document["brats"] is document["source_baseline"] is None
    leaky = document["leak"]["network"]
    assert leaky["slices_whose_group_was_trained_on"] == 1.0
    assert leaky["leaky_image_level"]["n"] == 10
    assert leaky["honest_by_group"]["n"] == 40
    assert "leaky" not in document["networks"]
    chosen = {point["rule"]: point for point in document["operating_points"]["chosen"]}
    pooled = document["figures"]["pooled"]
    if pooled["refused"]["value"] == 0.0:
        assert chosen["label"]["sensitivity"]["value"] == pooled["sensitivity"]["value"]


def test_targets_are_figures_and_nothing_else(evaluated):
    document = evaluated[1]
    by_name = {t["target"]: t for t in document["targets"]}
    assert (
        by_name["Dice meningioma"]["value"]
        == (document["figures"]["pooled"]["by_class"]["meningioma"]["dice"]["value"])
    )
    assert by_name["skull-stripped T1c volume: lesion found"]["status"] == "not measured"
    for target in document["targets"]:
        if target["value"] is None:
            continue
        sign, bound = target["bound"].split()
        met = target["value"] >= float(bound) if sign == "≥" else target["value"] <= float(bound)
        assert target["status"] == ("met" if met else "not met")


class _Page(HTMLParser):
    def __init__(self):
        super().__init__()
        self.loaded, self.tables, self.svgs, self.images = [], 0, 0, 0

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        self.tables += tag == "table"
        self.svgs += tag == "svg"
        self.images += tag == "img"
        for key in ("src", "href", "xlink:href"):
            if found.get(key) and not found[key].startswith(("#", "data:")):
                self.loaded.append(found[key])


def test_the_page_loads_nothing_and_holds_everything(evaluated):
    folder, document = evaluated
    html = (folder / "evaluation" / "evaluation.html").read_text()
    page = _Page()
    page.feed(html)
    assert page.loaded == []
    assert page.tables >= 15
    assert page.svgs >= 6
    assert page.images >= 4
    accuracy = document["figures"]["pooled"]["accuracy"]
    text = f"{accuracy['value']:.3f} ({accuracy['interval'][0]:.3f} to"
    assert text in re.sub("<[^>]+>", "", html)
    assert text in (folder / "evaluation" / "evaluation.md").read_text()
    assert "LEAKY" in html


def test_a_second_evaluation_scores_nothing_again(evaluated, root, monkeypatch):
    folder, document = evaluated

    def never(*_):
        raise AssertionError("scored again")

    for name in ("optimize.evaluate.row_of", "optimize.build.ask", "optimize.build.fit_outliers"):
        monkeypatch.setattr(name, never)
    again, _ = evaluate(folder, root, Wish(resamples=150, robustness_slices=0))
    assert again["figures"] == document["figures"]
    assert again["protocol"] == document["protocol"]


def test_package_and_card_take_their_figures_from_it(evaluated, root, tmp_path, capsys):
    folder, document = evaluated
    file = folder / "evaluation" / "evaluation.json"
    target = tmp_path / "shipped"
    command = ["package", str(folder / "all"), "--data", str(root), "--out", str(target)]
    file.rename(tmp_path / "evaluation.json")
    assert optimize(command) == 2
    assert "--evaluation" in capsys.readouterr().err
    (tmp_path / "evaluation.json").rename(file)
    assert optimize(command) == 0  # it lies beside the network
    package = open_package(target)
    package.verify()
    metrics = package.manifest.to_json()["metrics"]
    pooled = document["figures"]["pooled"]
    assert metrics["INT8"]["accuracy"] == pooled["accuracy"]
    assert metrics["FP16"]["accuracy"] == document["figures_fp16"]["accuracy"]
    card = render(package.manifest)
    for entry in (pooled["accuracy"], pooled["ap50"], pooled["by_class"]["glioma"]["dice"]):
        assert f"{entry['value']:.3f} ({entry['interval'][0]:.3f} to" in card
    assert {t["status"] for t in document["targets"]} >= {"met", "not met"}
    for target in document["targets"]:
        assert f"{target['target']} | {target['bound']} |" in card
        assert f"| {target['status']} |" in card
    (gate,) = (
        row
        for row in metrics["parity"]["rows"]
        if (row["reference"], row["candidate"]) == ("FP32", "INT8")
    )
    assert f"on its {gate['n']} held-out slices" in card
    assert CHOSEN in card
    for heading in ("Targets", "By class (INT8)", "By group", "Calibration", "Confounders"):
        assert f"## {heading}" in card
    assert "not licensed" not in card
    assert re.search(r"Licence of the weights: Apache-2\.0", card)


def test_an_evaluation_of_other_networks_is_refused(evaluated, root, tmp_path, capsys):
    stranger = write_run(tmp_path / "stranger", root, (1, 2, 3), gain=1.3)
    file = evaluated[0] / "evaluation" / "evaluation.json"
    command = ["package", str(stranger), "--data", str(root), "--out", str(tmp_path / "package")]
    assert optimize([*command, "--evaluation", str(file)]) == 3
    assert "other networks" in capsys.readouterr().err
    wrong = tmp_path / "wrong.json"
    wrong.write_text('{"schema": "neuralscan/report/1"}')
    assert optimize([*command, "--evaluation", str(wrong)]) == 3


def test_one_network_alone_is_judged_and_says_what_that_is(root, tmp_path, capsys):
    run = write_run(tmp_path / "first", root, (1, 2, 3))
    command = ["evaluate", str(run), "--data", str(root), "--resamples", "100"]
    assert main([*command, "--folds", "2"]) == 3
    assert "--in-sample" in capsys.readouterr().err
    assert main([*command, "--ensemble"]) == 2
    assert main([*command, "--robustness", "3"]) == 2
    assert main([*command, "--robustness", "0", "--no-examples"]) == 0
    text = (run / "evaluation" / "evaluation.md").read_text()
    assert "In-sample thresholds" in text
    assert "fold 1, 2, 3 is missing" in text
    document = json.loads((run / "evaluation" / "evaluation.json").read_text())
    assert [f["n"] for f in document["figures"]["by_fold"].values()] == [10]
    assert not document["protocol"]["complete"]
    html = (run / "evaluation" / "evaluation.html").read_text()
    assert "Examples" not in html


def test_in_sample_figures_are_labelled(root, tmp_path):
    run = write_run(tmp_path / "first", root, (1, 2, 3))
    document, judged = evaluate(
        run, root, Wish(folds=(2, 4), in_sample=True, resamples=100, robustness_slices=0)
    )
    assert document["protocol"]["in_sample"]
    assert [f["in_sample"] for f in document["protocol"]["folds"]] == [True, False]
    assert judged[0].package.path.name == "package-fold2-in-sample"
    from training.evaluation.report import markdown

    assert "IN-SAMPLE" in markdown(document)


def test_calibration_before_and_after(evaluated, root):
    """Recomputed from the answers on disk: softmax, temperature, bins."""
    folder, document = evaluated
    from optimize.cases import all_cases
    from optimize.runs import find_runs

    runs = find_runs(folder)
    raw, truth = [], []
    cases = all_cases([run.export for run in runs.networks], root)
    for fold in FOLDS:
        own = [case for case in cases if case.fold == fold]
        answers = answers_of(runs.folds[fold], own, f"fold{fold}")
        powers = np.exp(answers.logits - answers.logits.max(1, keepdims=True))
        raw.append(powers / powers.sum(1, keepdims=True))
        truth += [LABELS.index(case.label) for case in own]
    chances = np.concatenate(raw)
    top, right = chances.max(1), chances.argmax(1) == np.array(truth)
    which = np.minimum((top * 15).astype(int), 14)
    error = sum(
        (which == b).mean() * abs(top[which == b].mean() - right[which == b].mean())
        for b in np.unique(which)
    )
    assert document["calibration"]["raw"]["error"]["value"] == pytest.approx(error, abs=1e-4)


def test_steps_import_no_tensorflow():
    import subprocess
    import sys

    code = (
        "import sys, training.__main__, training.evaluation.document, training.evaluation.report;"
        "sys.exit('tensorflow' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], timeout=120, check=False).returncode == 0
    assert steps.EVALUATION_SCHEMA == "neuralscan/evaluation/1"
