"""A kept network becomes the run it was: same answers, same folds, nothing trained."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from appliance.core.errors import CorruptFile, NotFound
from appliance.runtime import Network
from optimize.convert import widen
from optimize.runs import open_run
from tests.small_root import write_small_root
from tests.tiny_runs import write_run
from training import keep
from training.__main__ import main
from training.config import held_out, load_config
from training.draft import draft_manifest


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
        shutil.copytree(networks / "fp16", networks / "int8")
        return ""

    monkeypatch.setattr(keep, "step", step)
    return asked


@pytest.fixture(scope="module")
def small_root(tmp_path_factory):
    return write_small_root(tmp_path_factory.mktemp("keep-root"))


@pytest.fixture
def run(tmp_path, small_root):
    return write_run(tmp_path / "made" / "fold3", small_root, (1, 2, 4), name="third")


def _answers(model: Path, outputs: dict[str, str]) -> dict[str, np.ndarray]:
    network = Network(model, outputs, device="CPU")
    shape = network.input_shape
    return network.infer(np.random.default_rng(3).uniform(-1, 1, shape).astype(np.float32))


def test_what_is_kept_becomes_the_same_run(run, tmp_path, small_root, quantised, capsys):
    kept = tmp_path / "kept"
    assert main(["keep", str(run), "--into", str(kept)]) == 0
    names = sorted(path.name for path in (kept / "fold3").iterdir())
    assert names == ["draft.json", "model.bin", "model.xml"]
    shutil.rmtree(run.parent)
    out = tmp_path / "again"
    command = ["restore", str(kept / "fold3"), "--data", str(small_root), "--out", str(out)]
    assert main(command) == 0
    assert capsys.readouterr().out.split()[-1] == str(out / "fold3")
    found = open_run(out / "fold3")
    assert (found.trained_on, found.held_out) == ((1, 2, 4), (3,))
    assert found.draft == json.loads((kept / "fold3" / "draft.json").read_text())
    lists = json.loads((found.export / "cases.json").read_text())
    assert {row["fold"] for row in lists["training"]} == {1, 2, 4}
    assert {row["fold"] for row in lists["validation"]} == {3}
    assert {row["source"] for row in lists["other_sources"]} == {"other_sources"}
    wide = _answers(found.network("FP32"), found.draft["outputs"])
    half = _answers(kept / "fold3" / "model.xml", found.draft["outputs"])
    for name, answer in wide.items():
        np.testing.assert_allclose(answer, half[name], rtol=1e-5, atol=1e-5)
    assert quantised == [
        ("fold3: to FP32", "optimize", "widen"),
        ("fold3: to INT8", "optimize", "quantize"),
    ]
    assert main(command) == 0
    assert len(quantised) == 2


def test_a_package_becomes_the_run_of_the_fold_it_has_not_seen(
    run, tmp_path, small_root, quantised
):
    draft = draft_manifest(held_out(load_config("third"), 3), {"backend": "itex"})
    added = {"calibrated_on_folds": [1, 2, 4], "packaged_with": {"openvino": "0"}}
    manifest = draft | {"provenance": draft["provenance"] | added, "files": {}, "metrics": {}}
    package = tmp_path / "package"
    shutil.copytree(run / "networks" / "fp16", package / "fp16")
    (package / "manifest.json").write_text(json.dumps(manifest))
    found = open_run(keep.restore(package, tmp_path / "again", small_root))
    assert found.name == "fold3"
    assert found.trained_on == (1, 2, 4)
    del draft["provenance"]["calibrated_on_folds"]
    assert found.draft == draft


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


def test_what_is_no_network_is_said(tmp_path, run, small_root, capsys):
    shutil.rmtree(run / "networks" / "fp16")
    assert main(["keep", str(run), "--into", str(tmp_path / "kept")]) == 2
    assert "fold3 has no model.xml" in capsys.readouterr().err
    assert not (tmp_path / "kept").exists()
    with pytest.raises(NotFound, match="fold3 has no FP16 network"):
        widen(run / "networks")
    with pytest.raises(NotFound, match="a kept network or a package"):
        keep.restore(tmp_path, tmp_path / "out", small_root)
    empty = tmp_path / "empty"
    empty.mkdir()
    (empty / "draft.json").write_text("{")
    with pytest.raises(CorruptFile, match="describes no network"):
        keep.restore(empty, tmp_path / "out", small_root)
    shutil.copyfile(run / "export" / "draft.json", empty / "draft.json")
    with pytest.raises(NotFound, match="no model.xml"):
        keep.restore(empty, tmp_path / "out", small_root)
    assert not (tmp_path / "out").exists()
