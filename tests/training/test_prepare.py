"""The verb: checksums, census, lists; published files become a root that trains."""

import csv
import json
import shutil

import cv2
import numpy as np
import pytest

from tests.strangers import stranger, with_lesion, write_strangers
from training.__main__ import main
from training.data import tumour_cases
from training.digests import CHECKSUMS, write_checksums
from training.folds import fold_of_groups


@pytest.fixture(scope="module")
def clean(tmp_path_factory):
    return write_strangers(tmp_path_factory.mktemp("clean") / "root", per_fold=1)


@pytest.fixture
def root(clean, tmp_path):
    return shutil.copytree(clean, tmp_path / "root")


def run(root, out, *more: str) -> int:
    return main(["prepare", "--data", str(root), "--out", str(out), *more])


def table(path):
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))


def test_a_clean_root_is_listed(root, tmp_path, capsys):
    assert run(root, tmp_path / "out") == 0
    printed = json.loads(capsys.readouterr().out)
    rows = table(tmp_path / "out" / "cases.csv")
    assert len(rows) == printed["slices"] == 26
    assert {row["source"] for row in rows} == {"figshare", "no_tumor", "other_sources"}
    assert {row["plane"] for row in rows if row["source"] == "no_tumor"} == {"ax", "co", "sa"}
    assert all(len(row["sha256"]) == 64 for row in rows)
    assert all((row["mask_sha256"] != "") == (row["label"] != "no_tumor") for row in rows)
    assert all(row["linked"] == row["group"] for row in rows)
    assert table(tmp_path / "out" / "census.csv") == []
    assert "26 slices in 26 groups" in (tmp_path / "out" / "summary.md").read_text()


def test_a_copy_across_folds_stops_it_until_it_is_accepted(root, tmp_path, capsys):
    first, other = root / "no_tumor" / "4.png", root / "no_tumor" / "10.png"
    cv2.imwrite(str(other), cv2.imread(str(first), 0)[:, ::-1])
    out = tmp_path / "out"
    assert run(root, out) == 3
    assert "no_tumor/4.png and no_tumor/10.png" in capsys.readouterr().err
    found = json.loads((out / "census.json").read_text())
    assert found["errors"] == [["no_tumor/4.png", "no_tumor/10.png"]]
    assert found["pairs"][0]["orientation"] == "mirrored"
    linked = {row["image"]: row["linked"] for row in table(out / "cases.csv")}
    assert linked["no_tumor/4.png"] == linked["no_tumor/10.png"]
    assert run(root, out, "--accept", str(out / "census.csv")) == 0


def test_a_checksum_list_that_does_not_hold(root, tmp_path, capsys):
    write_checksums(root)
    assert run(root, tmp_path / "out") == 0
    (root / "no_tumor" / "4.png").write_bytes((root / "no_tumor" / "5.png").read_bytes())
    assert run(root, tmp_path / "out") == 3
    error = capsys.readouterr().err
    assert CHECKSUMS in error
    assert "1 changed (no_tumor/4.png)" in error


def test_without_a_list_the_last_run_is_remembered(root, tmp_path, capsys):
    assert run(root, tmp_path / "out") == 0
    cv2.imwrite(str(root / "no_tumor" / "4.png"), stranger(999))
    (root / "figshare" / "extra.txt").write_text("new")
    assert run(root, tmp_path / "out") == 3
    assert "1 changed (no_tumor/4.png), 1 new (figshare/extra.txt)" in capsys.readouterr().err
    assert run(root, tmp_path / "out", "--accept-changes") == 0
    assert run(root, tmp_path / "out") == 0


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda r: (r / "no_tumor" / "4.png").unlink(), "missing, first 4.png"),
        (lambda r: (r / "no_tumor" / "4.png").write_bytes(b"no"), "4.png cannot be compared"),
        (
            lambda r: (r / "no_tumor.csv").write_text(
                "image,plane,group,fold\nno_tumor/4.png,ax,1,1\nno_tumor/5.png,ax,1,2\n"
            ),
            "tear groups apart",
        ),
    ],
)
def test_bad_roots_are_refused(root, tmp_path, capsys, spoil, message):
    spoil(root)
    assert run(root, tmp_path / "out") == 3
    assert message in capsys.readouterr().err


def test_wrong_usage(root, tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    assert run(tmp_path / "empty", tmp_path / "out") == 2
    assert run(tmp_path / "absent", tmp_path / "out") == 2
    assert run(root, root / "out") == 2
    assert "outside of the data root" in capsys.readouterr().err


def test_published_files_become_a_root_split_by_patient(clean, tmp_path):
    pytest.importorskip("h5py")
    from tests.training.test_mat import write_mat

    source, out = tmp_path / "published", tmp_path / "out"
    number = 0
    for patient in range(12):
        for _ in range(2):
            number += 1
            write_mat(source / f"{number}.mat", patient % 3 + 1, f"MR{patient:06d}", 100 + number)
    # Patient 0 came back under another number: one slice is the mirror image of an old one.
    picture, mask = with_lesion(stranger(101), 101)
    again = {"image": picture[:, ::-1].astype(np.int16).T, "tumorMask": mask[:, ::-1].T}
    write_mat(source / "25.mat", 1, "MR999999", 1, **again)
    shutil.copytree(clean / "no_tumor", source / "no_tumor")
    shutil.copy(clean / "no_tumor.csv", source / "no_tumor.csv")
    assert run(source, out) == 0

    cases = tumour_cases(out / "root")
    assert len(cases) == 25
    folds = fold_of_groups(cases)
    assert len(folds) == 12
    assert set(folds.values()) == {1, 2, 3, 4}
    by_image = {case.image.stem: case.group for case in cases}
    assert by_image["0025"] == by_image["0001"] == by_image["0002"]
    texts = [path.read_text() for path in out.rglob("*.csv")]
    assert not any("MR0" in text or "MR9" in text for text in texts)
    assert run(out / "root", tmp_path / "second") == 0
    again = {case.image.stem: case.fold for case in tumour_cases(out / "root")}
    assert run(source, out) == 0
    assert again == {case.image.stem: case.fold for case in tumour_cases(out / "root")}
