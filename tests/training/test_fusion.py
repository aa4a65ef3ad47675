"""The table of fusion methods on a small data root."""

import json

import pytest

from appliance.fusion.methods import METHODS
from tests.heads import head, png, turned
from training.__main__ import main
from training.fusion import tabulated


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
