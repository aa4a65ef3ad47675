"""A kept network becomes the run it was: same answers, same folds, nothing trained."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from appliance.core.errors import BadRequest, ChecksumMismatch, CorruptFile, InputError, NotFound
from appliance.core.verdict import Rule
from appliance.runtime import Network
from optimize.build import package_of
from optimize.convert import widen
from optimize.runs import open_run
from tests.small_root import write_small_root
from tests.tiny import accept_everything
from tests.tiny_runs import write_run
from training import keep
from training.__main__ import main
from training.digests import digest

SHIPPED = Path(__file__).parents[2] / "appliance" / "models" / "third"
COMMITTED = Path(__file__).parents[2] / "training" / "networks"


@pytest.fixture
def quantised(monkeypatch):
    """Steps run here instead of in processes; FP16 stands in for INT8. Gives what was asked."""
    asked = []

    def step(title: str, module: str, verb: str, run: str, *given: str) -> str:
        asked.append((title, module, verb))
        networks = Path(run) / "networks"
        if verb == "widen":
            return str(widen(networks))
        assert (networks / "fp32" / "model.xml").is_file()
        shutil.copytree(networks / "fp16", networks / "int8", dirs_exist_ok=True)
        return ""

    monkeypatch.setattr(keep, "step", step)
    return asked


@pytest.fixture(scope="module")
def small_root(tmp_path_factory):
    return write_small_root(tmp_path_factory.mktemp("keep-root"))


@pytest.fixture
def run(tmp_path, small_root):
    return write_run(tmp_path / "made" / "fold3", small_root, (1, 2, 4), name="third")


@pytest.fixture
def kept(run, tmp_path):
    return keep.keep(run, tmp_path / "kept")


def _answers(model: Path, outputs: dict[str, str]) -> dict[str, np.ndarray]:
    network = Network(model, outputs, device="CPU")
    shape = network.input_shape
    return network.infer(np.random.default_rng(3).uniform(-1, 1, shape).astype(np.float32))


def test_what_is_kept_becomes_the_same_run(run, tmp_path, small_root, quantised, capsys):
    assert main(["keep", str(run), "--into", str(tmp_path / "kept")]) == 0
    kept = tmp_path / "kept" / "fold3"
    names = sorted(path.name for path in kept.iterdir())
    assert names == ["draft.json", "kept.json", "model.bin", "model.xml"]
    made = json.loads((run / "export" / "cases.json").read_text())
    shutil.rmtree(run.parent)
    out = tmp_path / "again"
    command = ["restore", str(kept), "--data", str(small_root), "--out", str(out)]
    assert main(command) == 0
    assert capsys.readouterr().out.split()[-1] == str(out / "fold3")
    found = open_run(out / "fold3")
    assert (found.trained_on, found.held_out) == ((1, 2, 4), (3,))
    assert found.draft == json.loads((kept / "draft.json").read_text())
    assert json.loads((found.export / "cases.json").read_text()) == made
    wide = _answers(found.network("FP32"), found.draft["outputs"])
    half = _answers(kept / "model.xml", found.draft["outputs"])
    for name, answer in wide.items():
        np.testing.assert_allclose(answer, half[name], rtol=1e-5, atol=1e-5)
    steps = [("fold3: to FP32", "optimize", "widen"), ("fold3: to INT8", "optimize", "quantize")]
    assert quantised == steps
    assert main(command) == 0
    assert quantised == steps
    (out / "fold3" / "finished.json").unlink()  # killed before the end
    assert main(command) == 0
    assert quantised == steps * 2


def test_a_package_becomes_the_run_of_the_fold_it_has_not_seen(
    run, tmp_path, small_root, quantised
):
    made = open_run(run)
    package = tmp_path / "packaged"
    package_of(made, Rule(), accept_everything(), package, (3,))
    found = open_run(keep.restore(package, tmp_path / "again", small_root))
    assert found.name == "fold3"
    assert found.draft["provenance"] == {**made.draft["provenance"], "calibrated_on_folds": [3]}
    assert found.draft["preprocessing"] == made.draft["preprocessing"]
    assert not {"metrics", "verdict", "files"} & set(found.draft)
    assert found.network("INT8").read_bytes() == (package / "model.xml").read_bytes()
    assert [verb for _, _, verb in quantised] == ["widen"]
    with (package / "fp16" / "model.bin").open("ab") as stream:
        stream.write(b"0")
    with pytest.raises(ChecksumMismatch):
        keep.restore(package, tmp_path / "changed", small_root)


@pytest.mark.parametrize("folder", sorted(COMMITTED.glob("*/fold*")), ids=lambda path: path.name)
def test_a_committed_network_is_as_it_was_kept(folder):
    files = json.loads((folder / keep.KEPT).read_text())["files"]
    assert {name: digest(folder / name) for name in files} == files


def test_the_shipped_package_becomes_the_run_of_fold_4(tmp_path, small_root, quantised):
    found = open_run(keep.restore(SHIPPED, tmp_path, small_root))
    assert (found.name, found.trained_on) == ("fold4", (1, 2, 3))
    assert found.draft["provenance"]["calibrated_on_folds"] == [4]
    assert found.has("FP32")


def test_a_network_is_not_judged_on_slices_it_may_have_seen(kept, tmp_path, quantised):
    """One group stands in another fold than when the network was trained."""
    root = write_small_root(tmp_path / "root")
    labels = root / "figshare" / "labels.csv"
    head, *rows = labels.read_text().splitlines()
    fold, run = (head.split(",").index(name) for name in ("fold", "run"))
    table = [row.split(",") for row in rows]
    moved = next(row[run] for row in table if row[fold] == "1")
    for row in table:
        if row[run] == moved:
            row[fold] = "3"
    labels.write_text("\n".join([head, *(",".join(row) for row in table)]) + "\n")
    with pytest.raises(InputError, match="another case list"):
        keep.restore(kept, tmp_path / "again", root)
    assert not (tmp_path / "again").exists()
    assert not quantised


def test_another_run_is_left_alone(run, kept, tmp_path, small_root, quantised):
    with pytest.raises(BadRequest, match="holds another run"):
        keep.restore(kept, run.parent, small_root)
    assert not (run / "restored.json").exists()
    other = write_run(tmp_path / "other" / "fold3", small_root, (1, 2, 4), gain=0.5, name="third")
    again = keep.restore(kept, tmp_path / "again", small_root)
    with pytest.raises(BadRequest, match="holds another run"):
        keep.restore(keep.keep(other, tmp_path / "kept2"), again.parent, small_root)
    foreign = write_run(tmp_path / "foreign" / "fold3", small_root, (1, 2, 4), name="second")
    with pytest.raises(BadRequest, match="a network of third, not of second"):
        keep.keep(foreign, kept.parent)


def test_a_network_trained_on_every_fold_is_called_all(tmp_path, small_root, quantised):
    whole = write_run(tmp_path / "made" / "all", small_root, (1, 2, 3, 4))
    restored = keep.restore(keep.keep(whole, tmp_path / "kept"), tmp_path / "again", small_root)
    assert restored.name == "all"
    assert json.loads((restored / "finished.json").read_text())["folds"] == []


def test_the_weights_of_an_fp16_network_are_stored_wide(tmp_path):
    from appliance import runtime  # noqa: F401  isort: skip (oneDAL before OpenVINO)
    import openvino as ov

    image = ov.opset13.parameter([1, 4], np.float32, name="image")
    weights = ov.opset13.constant(np.float32([[0.1], [2.0], [-3.0], [0.7]]))
    model = ov.Model([ov.opset13.matmul(image, weights, False, False)], [image], "small")
    half = tmp_path / "fp16" / "model.xml"
    half.parent.mkdir()
    ov.save_model(model, str(half), compress_to_fp16=True)
    path = widen(tmp_path)
    kinds = {
        str(node.get_element_type())
        for node in ov.Core().read_model(str(path)).get_ops()
        if node.get_type_name() == "Constant"
    }
    assert kinds == {"<Type: 'float32'>"}
    given = np.float32([[1, 2, 3, 4]])
    one, other = (
        ov.compile_model(str(p), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})(given)[0]
        for p in (path, half)
    )
    np.testing.assert_allclose(one, other, rtol=1e-6)


def test_an_unfinished_run_is_not_kept(tmp_path, run, capsys):
    shutil.rmtree(run / "networks" / "fp16")
    assert main(["keep", str(run), "--into", str(tmp_path / "kept")]) == 2
    assert "fold3 has no model.xml" in capsys.readouterr().err
    assert not (tmp_path / "kept").exists()
    with pytest.raises(NotFound, match="fold3 has no FP16 network"):
        widen(run / "networks")


def _describe(kept: Path, **changes) -> None:
    """Change the draft, with a checksum that fits."""
    draft = json.loads((kept / "draft.json").read_text()) | changes
    (kept / "draft.json").write_text(json.dumps(draft))
    described = json.loads((kept / "kept.json").read_text())
    described["files"]["draft.json"] = digest(kept / "draft.json")
    (kept / "kept.json").write_text(json.dumps(described))


@pytest.mark.parametrize(
    ("spoil", "error", "says"),
    [
        (lambda kept: shutil.rmtree(kept), NotFound, "a kept network or a package"),
        (lambda kept: (kept / "kept.json").unlink(), NotFound, "kept.json"),
        (lambda kept: (kept / "kept.json").write_text("{"), CorruptFile, "no JSON"),
        (lambda kept: (kept / "kept.json").write_text("[]"), CorruptFile, "no object"),
        (lambda kept: (kept / "kept.json").write_text("{}"), CorruptFile, "name the files"),
        (lambda kept: (kept / "model.bin").unlink(), NotFound, "no model.bin"),
        (lambda kept: (kept / "model.xml").write_text("<net/>"), ChecksumMismatch, "model.xml"),
        (lambda kept: _describe(kept, provenance={}), CorruptFile, "which folds"),
        (lambda kept: _describe(kept, provenance=None), CorruptFile, "which folds"),
        (
            lambda kept: _describe(kept, provenance={"trained_on_folds": [1, 7]}),
            CorruptFile,
            r"folds \(1, 7\)",
        ),
    ],
)
def test_what_is_no_network_is_said_before_anything_is_written(
    spoil, error, says, kept, tmp_path, small_root, quantised
):
    spoil(kept)
    with pytest.raises(error, match=says):
        keep.restore(kept, tmp_path / "out", small_root)
    assert not (tmp_path / "out").exists()
