"""The comparison from images to report on a few generated heads, with the real processes."""

import json
from pathlib import Path

import numpy as np
import pytest

from tests.apart import apart
from tests.small_root import write_small_root
from training.__main__ import main
from training.candidates import choose
from training.compare import compare
from training.compare_figures import comparison, front
from training.compare_report import markdown
from training.protocol import Protocol

RESUME = """
import json, sys
from pathlib import Path
from training.device import start
start(7)
import numpy as np
from training.candidates import choose
from training.classify import Run, make_step, predict
from training.compare_train import training_slices
from training.painting import Painter
from training.protocol import Protocol
root, out = map(Path, sys.argv[1:])
protocol = Protocol(input=64, epochs=2, steps=2, batch=4, ema=0.5)
slices = training_slices(root, protocol)
def run(protocol):
    make = lambda: choose("sequential")[0].build(64, "reduced")
    return Run(make, slices, Painter(slices), protocol, out, "x")
first = run(protocol)
first._epoch(make_step(first.model, first.average, first.optimizer, protocol))
before = predict(first.average, slices.arrays[:5], batch=2)
second = run(protocol)
after = predict(second.average, slices.arrays[:5])
started = (int(second.done["steps"]), second.share())
history = second.finish()["epochs"]
again = run(protocol).finish()["epochs"]
timed = Protocol(input=64, epochs=None, minutes=1e-9, batch=4)
out = out / "timed"
print(json.dumps({
    "same": bool(np.allclose(before, after, atol=1e-5)), "started": started,
    "epochs": [e["epoch"] for e in history], "kept": history[0] == first.history[0],
    "again": again == history, "folds": sorted({c.fold for c in slices.cases}),
    "timed": [e["steps"] for e in run(timed).finish()["epochs"]],
}))
"""


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return write_small_root(tmp_path_factory.mktemp("root"))


def test_a_killed_run_goes_on_and_a_finished_one_stays(root, tmp_path):
    pytest.importorskip("tensorflow")
    found = apart(RESUME, root, tmp_path)
    assert found == {
        "same": True,
        "started": [2, 0.5],
        "epochs": [1, 2],
        "kept": True,
        "again": True,
        "folds": [1, 2, 3],
        "timed": [1],
    }


@pytest.fixture(scope="module")
def compared(root, tmp_path_factory):
    for part in ("tensorflow", "nncf", "matplotlib"):
        pytest.importorskip(part)
    out = tmp_path_factory.mktemp("compare")
    protocol = Protocol(input=64, epochs=1, steps=1, batch=4)
    compare(out, root, choose("vit"), protocol)
    return out, protocol


def test_figures_come_from_the_scored_fold(compared):
    out, _ = compared
    document = json.loads((out / "comparison.json").read_text())
    (row,) = document["candidates"]
    with np.load(out / "predictions.npz") as found:
        right = (found["vit.INT8"].argmax(1) == found["labels"]).mean()
        groups = len(set(found["groups"].tolist()))
    assert row["INT8"]["accuracy"]["value"] == pytest.approx(right)
    assert document["data"]["scored_slices"] == 10
    assert document["data"]["scored_groups"] == groups == 10
    assert document["data"]["training_slices"] == 30
    assert document["data"]["scored_folds"] == [4]
    assert row["start"] == "random"


def test_sizes_are_those_of_the_network(compared):
    row = json.loads((compared[0] / "comparison.json").read_text())["candidates"][0]
    # six layers of 192 channels on 16 tokens: patches, attention, two dense layers, class
    tokens, width = 16, 192
    layer = 12 * width * width * tokens + 2 * tokens * tokens * width
    assert row["multiply_adds"] == 6 * layer + tokens * 256 * width + width * 4
    assert row["INT8"]["bytes"] < 0.5 * row["FP32"]["bytes"]
    assert row["FP32"]["bytes"] == pytest.approx(4 * row["parameters"], rel=0.1)
    assert row["INT8"]["latency_ms"]["n"] == 120


def test_reports_name_the_start_and_the_intervals(compared):
    out, _ = compared
    for name in ("comparison.md", "comparison.html"):
        text = (out / name).read_text()
        assert "ViT-S/16 ×0.5, from scratch" in text
        assert "f32" in text
    page = (out / "comparison.html").read_text()
    assert page.count("<svg") == 2
    assert "http" not in page.replace("http://www.w3.org", "")


def test_another_protocol_in_the_same_folder_is_wrong_usage(compared, root, capsys):
    out, _ = compared
    assert main(["compare", "--data", str(root), "--out", str(out), "--budget", "5"]) == 2
    assert "another protocol" in capsys.readouterr().err


def _with_ours(out: Path, gap: float) -> dict:
    """The measured network twice, once as ours and `gap` more often right."""
    measured = json.loads((out / "measured.json").read_text())
    rows = [{**row, "name": name} for name in ("vit", "neuralscan") for row in measured["rows"]]
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 4, 400)
    found = {"labels": labels, "groups": np.array([f"g{i // 2}" for i in range(400)])}
    found |= {"others_labels": labels[:9], "others_groups": found["groups"][:9]}
    for name, right in (("vit", 0.6), ("neuralscan", 0.6 + gap)):
        guess = np.where(np.arange(400) < right * 400, labels, (labels + 1) % 4)
        for precision in ("FP32", "INT8"):
            found[f"{name}.{precision}"] = np.eye(4, dtype=np.float32)[guess]
            found[f"{name}.{precision}.others"] = found[f"{name}.{precision}"][:9]
            found[f"{name}.{precision}.ms"] = np.full((5, 2), 2.0 if name == "vit" else 1.0)
    other = out.parent / f"ours-{gap}"
    for name in ("vit", "neuralscan"):
        (other / name).mkdir(parents=True)
        record = json.loads((out / "vit" / "run.json").read_text())
        (other / name / "run.json").write_text(json.dumps({**record, "name": name}))
    np.savez(other / "predictions.npz", **found)
    (other / "measured.json").write_text(json.dumps({**measured, "rows": rows}))
    (other / "protocol.json").write_text((out / "protocol.json").read_text())
    return comparison(other, ["vit", "neuralscan"])


@pytest.mark.parametrize(("gap", "words"), [(0.2, "worse"), (-0.2, "better"), (0.0, "no diff")])
def test_the_words_follow_the_interval(compared, gap, words):
    document = _with_ours(compared[0], gap)
    against = document["candidates"][0]["against_ours"]
    assert against["words"].startswith(words)
    assert against["accuracy"]["value"] == pytest.approx(-gap)
    assert against["latency_ratio"] == 2.0
    text = markdown(document)
    assert words in text
    assert "is ours" not in text


def test_the_front_keeps_what_nothing_beats():
    assert front([(1, 0.5), (1, 0.6), (2, 0.6), (3, 0.9)]) == {1, 3}
    assert front([(1, 0.5), (1, 0.5)]) == {0, 1}


def test_wrong_usage(root, tmp_path, capsys):
    common = ["compare", "--data", str(root), "--out", str(tmp_path / "x")]
    assert main([*common, "--models", "alexnet"]) == 2
    assert main([*common, "--budget", "soon"]) == 2
    assert main([*common, "--input", "100"]) == 2
    assert main(["compare", "--data", str(tmp_path / "none"), "--out", str(tmp_path)]) == 2
    assert "expected" in capsys.readouterr().err
    assert not (tmp_path / "x").exists()
