"""The table of fusion methods on a small data root."""

import json

import numpy as np
import pytest

from appliance.fusion.methods import METHODS
from tests.heads import head, png, turned
from training.__main__ import main
from training.fusion import as_page, tabulated
from training.fusion_printed import beside
from training.fusion_refusals import AS_GIVEN, EMPTY, counted, fused, pairs


def small_root(folder):
    for kind in ("CT", "MR"):
        (folder / "ct_mr" / kind).mkdir(parents=True)
    for number in (1, 2):
        (folder / "ct_mr" / "CT" / f"7{number:03d}.png").write_bytes(png(255 - head(number)))
        (folder / "ct_mr" / "MR" / f"7{number:03d}.png").write_bytes(png(turned(head(number))))
    (folder / "ct_mr" / "CT" / "8001.png").write_bytes(png(head()))
    return folder


def test_the_table_holds_every_method_and_figure_and_no_picture(tmp_path, capsys):
    root, out = small_root(tmp_path / "root"), tmp_path / "out"
    assert main(["fusion", "--data", str(root), "--out", str(out)]) == 0
    document = json.loads((out / "fusion.json").read_text())
    assert (document["pairs"], document["patients"]) == (2, 1)
    assert list(document["methods"]) == list(METHODS)
    assert len(document["rows"]) == 2 * len(METHODS)
    printed = capsys.readouterr().out
    for method in METHODS:
        assert method in printed
    page = (out / "fusion.html").read_text()
    assert "<img" not in page
    assert "differ between papers" in page
    assert {path.name for path in out.iterdir()} == {"fusion.json", "fusion.html"}


def test_mean_and_spread_are_those_of_the_rows():
    rows = [{"pair": str(v), "patient": "1", "method": "m", "qabf": v} for v in (0.2, 0.4, 0.6)]
    found = tabulated(rows)["methods"]["m"]["qabf"]
    assert found == pytest.approx({"mean": 0.4, "sd": 0.2})


def test_a_root_without_pairs_is_said(tmp_path, capsys):
    (tmp_path / "figshare").mkdir()
    assert main(["fusion", "--data", str(tmp_path), "--out", str(tmp_path / "out")]) == 2
    assert "ct_mr" in capsys.readouterr().err


def test_our_methods_stand_beside_what_was_printed_in_its_units(tmp_path):
    rows = [
        {"pair": "7001", "patient": "7", "method": "pca", "mutual_information": 2.0, "vif": 0.3,
         "entropy": 4.0, "standard_deviation": 70.0, "spatial_frequency": 20.0, "qabf": 0.5}
    ]  # fmt: skip
    document = tabulated(rows)
    header, lines = beside(document)
    assert len({len(line) for line in (header, *lines)}) == 1
    ours = dict(zip(header, lines[-1], strict=True))
    assert (ours["Method"], ours["Pairs"]) == ("pca", "1")
    assert (ours["Mutual information, nat"], ours["VIF, sum"]) == ("1.39", "0.60")
    assert "github.com/Zhaozixiang1228/MMIF-CDDFuse" in as_page(document)


def test_refusals_are_counted_by_kind_from_exit_codes():
    codes = {"right": (0, 3), "right, as they lie": (0, 0), "noise": (3, 3), "mirrored": (3, 0)}
    rows = [{"kind": kind, "code": code} for kind, both in codes.items() for code in both]
    found = counted([*rows, {"kind": "empty", "code": 3}], 5)
    assert (found["wrong_refused"]["count"], found["wrong_refused"]["n"]) == (4, 5)
    assert (found["right_refused"]["count"], found["right_refused"]["n"]) == (1, 4)
    assert found["refused"]["mirrored"]["share"] == 0.5
    assert found["other_exit_codes"] == []


def test_every_kind_of_pair_is_made_and_an_empty_one_ends_with_3(tmp_path):
    for kind in ("CT", "MR"):
        (tmp_path / "ct_mr" / kind).mkdir(parents=True)
        for name in ("70001", "70012", "80001", "80012"):
            picture = head(int(name) % 7)
            (tmp_path / "ct_mr" / kind / f"{name}.png").write_bytes(png(picture))
    made = list(pairs(tmp_path, 6, 0))
    assert len(made) == 18
    kinds = [kind for kind, *_ in made]
    assert kinds.count(AS_GIVEN) == kinds.count("right") == 6
    assert kinds.count(EMPTY) == 1
    assert {"another patient", "mirrored", "slices away", "noise"} <= set(kinds)
    assert all(picture.dtype == np.uint8 for _, _, *both in made for picture in both)
    kind, _, ct, mr = made[kinds.index(EMPTY)]
    assert ct.max() > 100
    assert not mr.any()
    assert fused(ct, mr) == {"code": 3, "registration": "failed"}
