"""The GAN from images to verdict on a few generated heads, with the real processes."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.small_root import write_small_root
from training.__main__ import main
from training.data import split
from training.gan_plan import Plan
from training.resample import Interval
from training.synthesize import hold, wanted
from training.synthesize_figures import sentence
from training.synthetic import MARK, synthetic_cases, write_set


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return write_small_root(tmp_path_factory.mktemp("root"))


@pytest.fixture(scope="module")
def made(root, tmp_path_factory):
    """Everything, once: two steps of the GAN, nine slices, two classifiers."""
    for part in ("tensorflow", "matplotlib", "sklearnex"):
        pytest.importorskip(part)
    out = tmp_path_factory.mktemp("made")
    command = ["synthesize", "--data", str(root), "--out", str(out), "--size", "32"]
    command += ["--count", "9", "--seeds", "1", "--ablation-epochs", "1"]
    command += ["--classifier", "sequential", "--every", "1", "--steps", "2"]
    return out, command, main(command)


def test_every_round_leaves_a_sheet(made):
    out, _, code = made
    assert code == 0
    rounds = json.loads((out / "history.json").read_text())["rounds"]
    assert [entry["step"] for entry in rounds] == [1, 2]
    assert sorted(path.stem for path in (out / "sheets").iterdir()) == ["000001", "000002"]


def test_the_set_is_marked_and_never_dealt_out(made):
    out = made[0]
    with (out / "data" / "synthetic" / "labels.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 9
    assert {row["synthetic"] for row in rows} == {"1"}
    assert {row["fold"] for row in rows} == {"0"}
    for row in rows:
        picture = Image.open(out / "data" / "synthetic" / row["image"])
        assert picture.size == (32, 32)
        assert picture.text["Comment"] == MARK
    cases = synthetic_cases(out / "data")
    assert split(cases, (1, 2, 3, 4)) == []
    with pytest.raises(ValueError, match="no honest split"):
        split(cases, (0,))


def test_figures_are_of_real_slices_only(made):
    out = made[0]
    document = json.loads((out / "synthesis.json").read_text())
    effect = document["ablation"]
    assert effect["slices"] == {"real": 30, "synthetic": 39}
    rows = {row["figure"]: row for row in effect["figures"]}
    assert rows["accuracy"]["real"]["n"] == 10
    assert rows["tumour types"]["real"]["n"] == 6
    assert rows["other scanners' tumours found"]["real"]["n"] == 2
    for row in rows.values():
        change = row["with_synthetic"]["value"] - row["real"]["value"]
        assert row["difference"]["value"] == pytest.approx(change)
    assert effect["verdict"] == rows["accuracy"]["words"]
    assert document["check"]["kept"] == 9
    assert document["gan"]["training_slices"] == 30


def test_reports_are_whole(made):
    out = made[0]
    page, text = ((out / name).read_text() for name in ("synthesis.html", "synthesis.md"))
    verdict = json.loads((out / "synthesis.json").read_text())["ablation"]["sentence"]
    for words in (verdict, "held-out real slice", "pituitary"):
        assert words in page
        assert words in text
    assert page.count("<svg") == 2
    assert page.count("data:image/png") >= 2
    assert "http" not in page.replace("http://www.w3.org", "")


def test_what_is_done_is_not_done_again(made, monkeypatch):
    out, command, _ = made
    stamps = {p: p.stat().st_mtime_ns for p in out.rglob("*.npz")}
    from training import processes

    modules = []
    whole = processes.step
    monkeypatch.setattr(processes, "step", lambda t, m, *a: modules.append(m) or whole(t, m, *a))
    assert main(command) == 0
    assert modules == ["training.synthesize_ablation"]
    assert {p: p.stat().st_mtime_ns for p in out.rglob("*.npz")} == stamps


def test_another_plan_in_the_same_folder_is_wrong_usage(tmp_path):
    from appliance.core.errors import BadRequest

    plan = Plan(steps=10)
    hold(tmp_path, plan)
    hold(tmp_path, replace(plan, steps=20))
    for other in (plan, replace(plan, steps=20, seed=8), replace(plan, steps=20, size=64)):
        with pytest.raises(BadRequest, match="another plan"):
            hold(tmp_path, other)


def test_wrong_usage(root, tmp_path, capsys):
    common = ["synthesize", "--data", str(root), "--out", str(tmp_path / "x")]
    assert main([*common, "--size", "100"]) == 2
    assert main([*common, "--seeds", "0"]) == 2
    assert main([*common, "--steps", "0"]) == 2
    assert "expected" in capsys.readouterr().err
    assert not (tmp_path / "x").exists()


def test_as_many_as_thirty_per_cent_and_four_hundred_at_least(root):
    assert wanted(root, Plan(), None) == 400
    assert wanted(root, Plan(), 7) == 7


def test_copies_of_training_slices_are_found_and_dropped():
    pytest.importorskip("sklearnex")
    from training.synthesize_check import Set, choose, closeness, copy_limits

    rng = np.random.default_rng(0)

    def of(points: np.ndarray) -> Set:
        spaces = {"pixels": points, "embedding": points}
        turned = {key: rows[:, ::-1].copy() for key, rows in spaces.items()}
        labels = np.arange(len(points)) % 4
        return Set(np.zeros((len(points), 2, 2), np.uint8), labels, spaces, turned, points[:, :4])

    training = of(rng.normal(size=(400, 12)).astype(np.float32))
    held_out = of(rng.normal(size=(200, 12)).astype(np.float32))
    fresh = rng.normal(size=(100, 12)).astype(np.float32)
    fresh[:8] = training.points["pixels"][:8] + 0.001
    fresh[8:16] = training.mirrored["pixels"][8:16] + 0.001  # seen in a mirror
    stock = of(fresh)
    limits = copy_limits(held_out, closeness(training, held_out).distance["pixels"])
    near = closeness(training, stock)
    copies = near.distance["pixels"] < limits[stock.labels]
    assert copies[:16].all()
    assert copies[16:].mean() < 0.1
    assert (near.index["pixels"][:16] == np.arange(16)).all()
    kept = choose(stock.labels, copies, np.array([5, 5, 5, 5]))
    assert np.bincount(stock.labels[kept]).tolist() == [5, 5, 5, 5]
    assert kept.min() >= 16


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [(0.01, 0.03, "helps"), (-0.03, -0.01, "hurts"), (-0.01, 0.03, "does nothing that shows")],
)
def test_the_verdict_comes_from_the_interval(low, high, words):
    assert f"slices {words}:" in sentence(Interval(0.5 * (low + high), low, high, 9, 9))


def test_a_new_set_replaces_the_old_one(tmp_path):
    for count in (5, 3):
        pictures = np.zeros((count, 16, 16), np.uint8)
        write_set(tmp_path, pictures, np.arange(count) % 4, 7, np.arange(count))
    assert len(list(Path(tmp_path).glob("synthetic/images/*.png"))) == 3
    assert len(synthetic_cases(tmp_path)) == 3
