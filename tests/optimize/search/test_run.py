"""From a run folder to a report: done once, gone on with, and honest about what failed."""

from __future__ import annotations

import json
import re
import shutil

import numpy as np
import pytest

from optimize.__main__ import main
from optimize.quantize import quantize
from optimize.search import run as running
from optimize.search.recipes import DEFAULT, choose
from optimize.search.report import html
from optimize.search.run import Search

ONLY = "nncf-pruning,weights-int8-sym,bounded"


def _search(run_folder, small_root, out, *more):
    arguments = ["search", str(run_folder), "--data", str(small_root), "--out", str(out)]
    return main([*arguments, "--only", ONLY, "--rounds", "3", *more])


@pytest.fixture(scope="module")
def done(run_folder, small_root, tmp_path_factory):
    out = tmp_path_factory.mktemp("search-out") / "search"
    assert _search(run_folder, small_root, out) == 0
    return out


@pytest.fixture(scope="module")
def document(done):
    return json.loads((done / "search.json").read_text())


def test_every_candidate_has_its_figures(document):
    rows = {row["name"]: row for row in document["candidates"]}
    assert set(rows) == {"fp32", "int8", *ONLY.split(",")}
    for name in ("fp32", "int8", "weights-int8-sym", "bounded"):
        row = rows[name]
        assert row["status"] in ("kept", "missed")
        assert {"accuracy", "label_flips", "dice", "mask_dice", "mcnemar"} <= set(row)
        assert row["size_mb"] > 0
        assert row["ms"] > 0
        assert row["time"]["low"] <= row["time"]["median"] <= row["time"]["high"]
    assert rows["fp32"]["used"] == 0.0
    assert rows["int8"]["layers"]["int8"] == rows["int8"]["layers"]["all"]
    assert rows["fp32"]["layers"]["int8"] == 0
    assert rows["weights-int8-sym"]["layers"]["weights_only"] == rows["fp32"]["layers"]["all"]
    assert rows["bounded"]["control"]["used_of_bound"][0] == pytest.approx(0.0, abs=1e-3)


def test_what_nncf_cannot_do_is_a_row_with_its_own_words(document):
    (row,) = [r for r in document["candidates"] if r["name"] == "nncf-pruning"]
    assert row["status"] == "failed"
    assert "not supported" in row["reason"]
    assert "time" not in row


def test_parts_and_machine_are_named(document):
    parts = document["parts"]
    assert parts["calibration"]["folds"] == [1, 2, 3]
    assert parts["steering"]["folds"] == parts["judging"]["folds"] == [4]
    assert document["host"]["name"]
    assert document["timed"]["rounds"] == 3


def test_the_default_is_what_quantize_writes(plan, run_folder, small_root, done, tmp_path):
    shutil.copytree(run_folder / "networks" / "fp32", tmp_path / "fp32")
    made = quantize(run_folder / "export", tmp_path, small_root)
    (found,) = (done / "candidates").glob(f"{DEFAULT}-*/model.bin")
    ours = np.frombuffer(made.with_suffix(".bin").read_bytes(), np.uint8)
    np.testing.assert_array_equal(np.frombuffer(found.read_bytes(), np.uint8), ours)


def test_asked_again_it_builds_and_times_nothing(
    done, document, run_folder, small_root, monkeypatch, capsys
):
    def refuse(recipe, *_):
        assert recipe.name == "nncf-pruning", "only what failed is tried again"
        raise ValueError("still not possible")

    monkeypatch.setattr(running, "build", refuse)
    monkeypatch.setattr(running, "in_turns", lambda *_: pytest.fail("timed again"))
    assert _search(run_folder, small_root, done) == 0
    again = json.loads((done / "search.json").read_text())
    assert again["timed"] == document["timed"]
    assert [r for r in again["candidates"] if r["status"] != "failed"] == [
        r for r in document["candidates"] if r["status"] != "failed"
    ]
    out = capsys.readouterr().out
    assert out.startswith("**Choice")
    assert "nncf" not in out.lower().replace("nncf-pruning", "").replace("nncf 3", "")


def test_times_can_be_taken_anew_and_bounds_be_others(done, document, run_folder, small_root):
    tight = ("--bounds", "-1", "-1", "-1")
    assert _search(run_folder, small_root, done, "--time-again", *tight) == 0
    again = json.loads((done / "search.json").read_text())
    assert again["choice"]["name"] is None
    assert all(row["status"] != "kept" for row in again["candidates"])
    old = {row["name"]: row.get("ms") for row in document["candidates"]}
    new = {row["name"]: row.get("ms") for row in again["candidates"]}
    assert old["fp32"] != new["fp32"]


def test_another_recipe_another_slice_another_key(plan, tmp_path):
    search = Search(plan, choose(None), tmp_path)
    known = {recipe.name: recipe for recipe in choose(None)}
    keys = {name: search.key(known[name]) for name in ("int8", "slices-32", "bounded", "fp16")}
    assert len(set(keys.values())) == len(keys)
    assert search.key(known["sparse-50"]) == search.key(known["sparse-50-rate"])
    before = plan.arrays[0].copy()
    plan.arrays[0][0, 0, 0, 0] += 1
    try:
        assert search.key(known["int8"]) != keys["int8"]
        assert search.key(known["fp16"]) == keys["fp16"]
    finally:
        plan.arrays[0][:] = before


def test_a_killed_build_leaves_nothing_that_counts(plan, tmp_path, monkeypatch):
    (recipe,) = [r for r in choose(None) if r.name == "fp16"]
    search = Search(plan, (recipe,), tmp_path)

    def killed(recipe, means, out):
        (out / "model.xml").write_text("half")
        raise KeyboardInterrupt

    monkeypatch.setattr(running, "build", killed)
    with pytest.raises(KeyboardInterrupt):
        search.built(recipe)
    assert not list((tmp_path / "candidates").iterdir())
    monkeypatch.undo()
    assert search.built(recipe)[1]["size_mb"] > 0


def test_the_page_loads_nothing_and_escapes_what_it_is_told(document):
    text = html(document)
    assert not re.search(r'(src|href)="(?!#)', text)
    assert "url(" not in text
    assert "@import" not in text
    assert text.count("<circle") >= 4
    loud = {**document, "run": "<script>alert(1)</script>"}
    assert "<script>" not in html(loud)


def test_the_plot_stays_inside_its_frame(document):
    from optimize.search.plot import HEIGHT, WIDTH, pareto

    rows, chosen = document["candidates"], document["choice"]
    text = pareto(rows, chosen["front"], chosen["name"])
    places = re.findall(r'<circle cx="([\d.]+)" cy="([\d.]+)"', text)
    assert len(places) == sum("time" in row for row in rows)
    assert all(0 < float(x) < WIDTH and 0 < float(y) < HEIGHT for x, y in places)


@pytest.mark.parametrize(
    ("change", "code", "says"),
    [
        (["--only", "int9"], 2, "int9"),
        (["--rounds", "0"], 2, "--rounds"),
        (["--data", "/nowhere"], 2, "data root"),
    ],
)
def test_wrong_usage(change, code, says, run_folder, small_root, tmp_path, capsys):
    assert _search(run_folder, small_root, tmp_path, *change) == code
    assert says in capsys.readouterr().err


def test_a_network_trained_on_every_fold_is_refused(small_root, tmp_path, capsys):
    from tests.tiny_runs import write_run

    folder = write_run(tmp_path / "all", small_root, (1, 2, 3, 4))
    assert _search(folder, small_root, tmp_path / "out") == 2
    assert "every fold" in capsys.readouterr().err


def test_a_file_where_the_folder_should_be(run_folder, small_root, tmp_path, capsys):
    (tmp_path / "taken").write_text("")
    assert _search(run_folder, small_root, tmp_path / "taken") == 2
    assert "cannot be written" in capsys.readouterr().err
