"""The ladder from images to report on a few generated heads, with the real processes."""

import json

import numpy as np
import pytest

from appliance.core.errors import BadRequest
from tests.small_root import write_small_root
from training.__main__ import main
from training.candidates import choose
from training.config import Augmentation
from training.ladder import figures
from training.ladder_report import html, markdown
from training.ladder_rungs import RUNGS, climbed
from training.protocol import Protocol


def test_each_rung_adds_its_own_measure_and_nothing_else():
    found = list(climbed().values())
    for rung, below, above in zip(RUNGS[1:], found, found[1:], strict=False):
        moved = {k for k in vars(above) if getattr(above, k) != getattr(below, k)}
        assert moved == set(rung.adds)


def test_the_shipped_recipe_is_one_of_the_rungs():
    assert climbed()["artefact"] == Augmentation()


def test_an_unknown_rung_is_refused():
    with pytest.raises(BadRequest, match="plain, looks"):
        climbed(["plane"])


def _written(out, healthy_called: int = 1):
    """Predictions of two rungs: the second finds two more of eight tumours of other scanners."""
    labels = np.array([0, 1, 2, 3] * 5)
    sure = np.eye(4, dtype=np.float32) * 9
    found = {
        "labels": labels,
        "groups": np.array([f"g{i}" for i in range(20)]),
        "others_labels": np.ones(8, int),
        "others_groups": np.array([f"o{i}" for i in range(8)]),
        "series_tumour": np.array([True, True, False, False, False, False]),
    }
    for name, missed in (("plain", 4), ("looks", 2)):
        found[name] = sure[labels]
        found[f"{name}.others"] = sure[np.where(np.arange(8) < missed, 3, 1)]
        guess = np.array([0, 3, *[0] * healthy_called, *[3] * (4 - healthy_called)])
        found[f"{name}.series"] = sure[guess]
    np.savez(out / "predictions.npz", **found)
    folder = out / "plain" / "resnet"
    folder.mkdir(parents=True)
    (folder / "run.json").write_text(json.dumps({"training_slices": 30}))
    (resnet,) = choose("resnet")
    return figures(out, resnet, Protocol(), ["plain", "looks"])


def test_figures_and_changes_are_those_of_the_predictions(tmp_path):
    first, second = _written(tmp_path)["rungs"]
    assert first["others_found"]["value"] == 0.5
    assert "change" not in first["others_found"]
    assert second["others_found"]["change"]["value"] == 0.25
    assert second["accuracy"]["change"]["value"] == 0.0
    assert (first["series_found"], first["series_healthy_called"]) == (0.5, 0.25)
    # Above the four healthy slices: 4 of 8 tumours beat three of them and tie with one, the
    # other 4 tie with three and lose to one.
    assert first["abroad_auc"] == pytest.approx((4 * 3.5 + 4 * 1.5) / 32)


def test_the_reports_show_rungs_changes_and_counts(tmp_path):
    document = _written(tmp_path)
    text = markdown(document)
    assert "| + looks | 1.000 (+0.000," in text
    assert "| looks | curves of grey values" in text
    assert "0.750 (+0.250," in text
    assert "2 tumour and 4 healthy slices" in text
    page = html(document)
    assert page.count("<svg") == 1
    assert "http" not in page.replace("http://www.w3.org", "")


def test_a_ladder_is_climbed_once_and_goes_on_with_more_rungs(tmp_path, capsys):
    pytest.importorskip("tensorflow")
    root, out = write_small_root(tmp_path / "root"), tmp_path / "out"
    given = ["ladder", "--data", str(root), "--out", str(out), "--network", "resnet"]
    given += ["--input", "32", "--steps", "1", "--budget", "1"]
    assert main([*given, "--rungs", "plain"]) == 0
    before = (out / "plain" / "resnet" / "run.json").stat().st_mtime_ns
    assert main([*given, "--rungs", "plain,looks"]) == 0
    assert (out / "plain" / "resnet" / "run.json").stat().st_mtime_ns == before
    document = json.loads((out / "ladder.json").read_text())
    assert [rung["name"] for rung in document["rungs"]] == ["plain", "looks"]
    assert document["scored_slices"] == 10
    assert document["series_slices"] == {"tumour": 0, "healthy": 0}
    assert document["rungs"][0]["abroad_auc"] is None
    assert "| – |" in (out / "ladder.md").read_text()
    other = [*given[:-1], "2", "--rungs", "plain"]
    assert main(other) == 2
    assert "another protocol" in capsys.readouterr().err
