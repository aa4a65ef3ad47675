"""The whole verb on generated heads and a tiny package: one document, one page, no picture."""

import json
import re

import cv2
import pytest

from tests.strangers import write_strangers
from training.__main__ import main

pytest.importorskip("matplotlib")


@pytest.fixture(scope="module")
def explored(tmp_path_factory, tiny_folder):
    root = write_strangers(tmp_path_factory.mktemp("explore") / "root", per_fold=3)
    second = root / "figshare" / "second_reader_masks"
    second.mkdir()
    for name in ("1", "2", "3", "4"):
        mask = cv2.imread(str(root / "figshare" / "masks" / f"{name}.png"), 0)
        cv2.imwrite(str(second / f"{name}.png"), mask)
    out = root.parent / "out"
    arguments = ["explore", "--data", str(root), "--out", str(out)]
    assert main([*arguments, "--package", str(tiny_folder / "tiny")]) == 0
    return out


@pytest.fixture(scope="module")
def document(explored):
    return json.loads((explored / "exploration.json").read_text())


def test_the_counts_are_those_of_the_root(document):
    assert sum(row["slices"] for row in document["classes"]) == 74
    healthy = next(row for row in document["classes"] if row["label"] == "no_tumor")
    assert healthy["folds"] == {"1": 9, "2": 9, "3": 9, "4": 9}
    listed = [row for row in document["planes"]["by_set"] if not row["inferred"]]
    assert {row["set"] for row in listed} == {"no_tumor", "other_sources"}


def test_the_planted_source_is_exposed(document):
    # Healthy heads of this root are half as bright: an intensity the file keeps.
    row = next(r for r in document["intensities"]["by_set"] if r["set"] == "no_tumor")
    other = next(r for r in document["intensities"]["by_set"] if r["set"] == "figshare")
    assert row["file_mean"] == pytest.approx(other["file_mean"] / 2, rel=0.1)
    assert document["source_baseline"]["file_auc"]["n"] == 72


def test_readers_and_steps_are_there(document):
    assert document["readers"]["by_label"][-1]["mean_dice"]["value"] == 1.0
    algorithms = {row["algorithm"].split(" ")[0] for row in document["timings"]}
    assert {"low_order_moments", "pca", "kmeans", "dbscan", "logistic_regression"} <= algorithms
    assert all(row["agreement"] for row in document["timings"])


def test_the_page_is_whole_and_quotes_the_document(explored, document):
    html = (explored / "exploration.html").read_text()
    assert not re.findall(r'(?:src|href)="(?!#|data:)', html)
    auc = document["source_baseline"]["prepared_auc"]
    assert f"{auc['value']:.3f} ({auc['interval'][0]:.3f}" in html
    assert (
        f"{auc['value']:.3f} ({auc['interval'][0]:.3f}" in (explored / "exploration.md").read_text()
    )
    assert html.count("<svg") >= 6


def test_a_root_without_lists_and_a_folder_without_package(tmp_path, tiny_folder, capsys):
    (tmp_path / "empty").mkdir()
    package = str(tiny_folder / "tiny")
    empty = ["explore", "--data", str(tmp_path / "empty"), "--out", str(tmp_path / "o")]
    assert main([*empty, "--package", package]) == 2
    assert main([*empty, "--package", str(tmp_path)]) != 0
    assert "manifest.json" in capsys.readouterr().err


def test_an_unreadable_slice_is_named(tmp_path, tiny_folder, capsys):
    root = write_strangers(tmp_path / "root", per_fold=1)
    (root / "no_tumor" / "4.png").write_bytes(b"no picture")
    arguments = ["explore", "--data", str(root), "--out", str(tmp_path / "o")]
    assert main([*arguments, "--package", str(tiny_folder / "tiny")]) == 3
    assert "4.png" in capsys.readouterr().err
