"""Trials are compared slice by slice; figures are what they are called."""

import json

import numpy as np
import pytest

from appliance.core.errors import BadRequest, NotFound
from training.__main__ import main
from training.figures import figures, load, save
from training.tried import against, compare_trials, to_markdown


def readings(right: float, seed: int = 0, n: int = 120) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    label = np.arange(n) % 4
    guess = np.where(rng.random(n) < right, label, (label + 1) % 3)
    tumour = label != 3
    return {
        "group": np.array([f"g{i // 6}" for i in range(n)]),
        "label": label,
        "chances": np.eye(4, dtype=np.float32)[guess],
        "strongest": np.where(tumour, 4.0, -4.0).astype(np.float32),
        "area": np.where(tumour, 400, 0),
        "dice": np.where(tumour, right, np.nan).astype(np.float32),
    }


def write(path, right, seed=0, **config):
    path.mkdir()
    inner = {
        "augmentation": {"strip": config.pop("strip", 0.0)},
        "preprocessing": {"size": config.pop("size", 224)},
    }
    history = {
        "config": {"name": path.name, **inner, **config},
        "epochs": [{"seconds": 60.0}],
    }
    (path / "history.json").write_text(json.dumps(history))
    save(path / "readings.npz", {"validation": readings(right, seed)})
    (path / "average.weights.h5").touch()
    return path


def test_figures_by_hand():
    seen = readings(1.0)
    assert figures(seen)["accuracy"] == 1.0
    seen["chances"] = np.roll(seen["chances"], 1, axis=1)
    found = figures(seen)
    assert found["accuracy"] == 0.0
    assert found["healthy_alarmed_classifier"] == 1.0
    assert found["tumour_found_classifier"] == pytest.approx(2 / 3)  # one class became healthy
    assert found["dice"] == found["dice_glioma"] == 1.0


def test_a_better_trial_is_starred_and_the_same_one_is_not(tmp_path):
    base = write(tmp_path / "base", 0.7, attention=False)
    same = write(tmp_path / "same", 0.7, attention=False)
    better = write(tmp_path / "better", 1.0, attention=True, strip=0.1, size=256)
    found = compare_trials(base, [same, better])
    rows = {t["name"]: t for t in found["trials"]}
    assert rows["same"]["sets"]["validation"]["accuracy"]["difference"] == 0
    gain = rows["better"]["sets"]["validation"]["accuracy"]
    assert gain["difference"] == pytest.approx(
        1.0 - rows["base"]["sets"]["validation"]["accuracy"]["value"]
    )
    assert gain["interval"][0] > 0
    changed = rows["better"]["changed"].split(", ")
    expected = ["augmentation.strip 0.0 → 0.1", "preprocessing.size 224 → 256"]
    assert changed == [*expected, "attention False → True"]
    text = to_markdown(found)
    line = next(x for x in text.splitlines() if x.startswith("| `better`") and "*" in x)
    assert "1.000 (+0." in line


def test_a_setting_that_an_older_run_lacks_is_as_by_default(tmp_path):
    base = write(tmp_path / "base", 0.7)
    trials = [write(tmp_path / "new", 0.7, teachers=[]), write(tmp_path / "deep", 0.7, deep=0.3)]
    found = compare_trials(base, trials)["trials"]
    assert [trial["changed"] for trial in found] == ["nothing", "nothing", "deep 0.0 → 0.3"]


def test_the_same_fold_of_two_recipes_is_told_apart(tmp_path):
    for recipe in ("one", "two"):
        (tmp_path / recipe).mkdir()
    base = write(tmp_path / "one" / "fold4", 0.7)
    found = compare_trials(base, [write(tmp_path / "two" / "fold4", 1.0)])
    assert [found["base"], *(t["name"] for t in found["trials"])] == [
        "one/fold4", "one/fold4", "two/fold4",
    ]  # fmt: skip
    (line,) = [x for x in to_markdown(found).splitlines() if x.startswith("| `two/fold4` | 1.0")]
    assert "(+0." in line


def test_the_verb_prints_and_refuses(tmp_path, capsys):
    base = write(tmp_path / "base", 0.7)
    other = write(tmp_path / "other", 0.9, seed=3)
    out = tmp_path / "found.json"
    assert main(["trials", str(base), str(other), "--json", str(out)]) == 0
    assert "| `other` |" in capsys.readouterr().out
    assert json.loads(out.read_text())["base"] == "base"
    assert main(["trials", str(base), str(tmp_path / "none")]) == 2
    assert "no finished run" in capsys.readouterr().err
    with pytest.raises(NotFound):
        compare_trials(tmp_path / "none", [base])


def test_a_run_that_still_trains_is_not_compared(tmp_path):
    base, going_on = write(tmp_path / "base", 0.7), write(tmp_path / "going_on", 0.9)
    (going_on / "average.weights.h5").unlink()
    with pytest.raises(NotFound, match="no finished run"):
        compare_trials(base, [going_on])


def test_different_slices_are_not_compared():
    with pytest.raises(BadRequest, match="same slices"):
        against(readings(1.0), readings(1.0, n=80))


def test_readings_round_trip(tmp_path):
    save(tmp_path / "r.npz", {"a": readings(0.8), "b": readings(0.9)})
    back = load(tmp_path / "r.npz")
    assert set(back) == {"a", "b"}
    assert (back["a"]["group"] == readings(0.8)["group"]).all()
