"""The order of a cross-validation, what it skips, and what a failing step leaves behind."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from appliance.core.errors import InputError, NotFound
from training import runs
from training.__main__ import main


class Steps:
    """Stands in for `training.processes.step`: records what it is asked for, fails where told."""

    def __init__(self, fail_at: str = "") -> None:
        self.fail_at, self.asked = fail_at, []

    def __call__(self, title: str, module: str, *arguments: str) -> str:
        self.asked.append((title, module, arguments))
        if title == self.fail_at:
            raise InputError(f"{title} failed with exit code 3; its reason stands above")
        run = arguments[arguments.index("--out") + 1] if "--out" in arguments else arguments[1]
        Path(run).mkdir(parents=True, exist_ok=True)
        return ""

    def titles(self) -> list[str]:
        return [title for title, _, _ in self.asked]


def _titles(*names: str) -> list[str]:
    return [f"{n}: {what}" for n in names for what in ("training", "to OpenVINO", "to INT8")]


@pytest.fixture
def asked(monkeypatch, tmp_path):
    """Calls ``crossvalidate`` for some folds, from inside `tmp_path`, with a relative ``--out``."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()

    def call(steps: Steps, *folds: str) -> int:
        monkeypatch.setattr(runs, "step", steps)
        chosen = ["--folds", *folds] if folds else []
        return main(["crossvalidate", "first", "--data", "data", "--out", "cv", *chosen])

    return call


def test_every_fold_is_trained_converted_and_quantised_then_all(asked, tmp_path, capsys):
    steps = Steps()
    assert asked(steps) == 0
    assert steps.titles() == _titles("fold1", "fold2", "fold3", "fold4", "all")
    assert [module for _, module, _ in steps.asked[:3]] == ["training", "optimize", "optimize"]
    assert [given[0] for _, _, given in steps.asked[:3]] == ["train", "convert", "quantize"]
    held_out = [given[given.index("--fold") + 1] for _, _, given in steps.asked[::3]]
    assert held_out == ["1", "2", "3", "4", "all"]
    printed = capsys.readouterr().out.split()
    assert printed == [
        str(tmp_path / "cv" / n) for n in ("fold1", "fold2", "fold3", "fold4", "all")
    ]
    assert json.loads((tmp_path / "cv" / "fold2" / "finished.json").read_text()) == {
        "config": "first",
        "fold": 2,
    }


def test_the_steps_get_absolute_paths_because_they_run_elsewhere(asked, tmp_path):
    steps = Steps()
    asked(steps, "all")
    paths = [Path(part) for _, _, given in steps.asked for part in given if "/" in part]
    assert len(paths) == 5
    assert set(paths) == {tmp_path / "data", tmp_path / "cv" / "all"}


def test_a_finished_fold_is_kept_and_not_run_again(asked, tmp_path):
    asked(Steps(), "2")
    before = (tmp_path / "cv" / "fold2" / "finished.json").stat().st_mtime_ns
    steps = Steps()
    assert asked(steps, "1", "2", "3") == 0
    assert steps.titles() == _titles("fold1", "fold3")
    assert (tmp_path / "cv" / "fold2" / "finished.json").stat().st_mtime_ns == before


def test_a_failing_step_ends_it_and_its_fold_runs_again(asked, tmp_path, capsys):
    steps = Steps(fail_at="fold1: to OpenVINO")
    assert asked(steps, "1", "2") == 3
    assert steps.titles() == ["fold1: training", "fold1: to OpenVINO"]
    assert "fold1: to OpenVINO failed" in capsys.readouterr().err
    assert not list(tmp_path.glob("cv/*/finished.json"))
    again = Steps()
    assert asked(again, "1", "2") == 0
    assert again.titles() == _titles("fold1", "fold2")


def test_the_real_step_runs_in_the_checkout_and_maps_its_exit_code(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)  # outside the checkout the modules would not be found
    with pytest.raises(NotFound, match="fold1: training failed with exit code 2"):
        runs.step("fold1: training", "training", "train", "no-such-configuration")


@pytest.mark.parametrize(
    ("given", "fold", "folder"),
    [
        ([], (4,), "runs/first"),
        (["--fold", "2"], (2,), "runs/first/fold2"),
        (["--fold", "all"], (), "runs/first/all"),
        (["--fold", "3", "--out", "here"], (3,), "here"),
    ],
)
def test_the_run_of_a_fold_has_its_own_folder(monkeypatch, given, fold, folder):
    found = {}

    def run(arguments) -> int:
        found["config"], found["folder"] = runs._planned(arguments)
        return 0

    monkeypatch.setattr(runs, "_train", run)
    assert main(["train", "first", *given]) == 0
    assert (found["config"].validation_folds, str(found["folder"])) == (fold, folder)
