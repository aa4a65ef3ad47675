"""A model server's repository: versions that appear whole, a configuration that keeps the rest."""

from __future__ import annotations

import errno
import json
import shutil

import numpy as np
import pytest

from appliance import atomic
from appliance.core.errors import BadRequest, ChecksumMismatch, Unavailable
from appliance.package import open_package
from appliance.runtime import Network
from optimize.__main__ import main
from optimize.ovms import CONFIG, export


def _config(out):
    return json.loads((out / CONFIG).read_text())["model_config_list"]


@pytest.fixture
def other(tiny_package, tmp_path):
    """The same name with another INT8 network: its weights are those of a changed gain."""
    import hashlib

    folder = tmp_path / "other"
    shutil.copytree(tiny_package.path, folder)
    weights = np.frombuffer((folder / "model.bin").read_bytes(), np.float32).copy()
    weights[weights == 40] = 39
    (folder / "model.bin").write_bytes(weights.tobytes())
    path = folder / "manifest.json"
    document = json.loads(path.read_text())
    document["files"]["model.bin"]["sha256"] = hashlib.sha256(weights.tobytes()).hexdigest()
    path.write_text(json.dumps(document))
    return open_package(folder)


def test_what_is_exported_is_the_verified_network(tiny_package, tmp_path):
    out = tmp_path / "repository"
    folder = export(tiny_package, out)
    assert folder == out / "tiny" / "1"
    assert (folder / "model.bin").read_bytes() == tiny_package.read("model.bin")
    (entry,) = _config(out)
    assert (out / entry["config"]["base_path"]).is_dir()
    assert entry["config"]["plugin_config"]["INFERENCE_PRECISION_HINT"] == "f32"
    Network(folder / "model.xml", tiny_package.manifest.outputs, device="CPU")


def test_the_server_finds_tensors_by_the_names_of_the_manifest(tiny_package, tmp_path):
    import openvino as ov

    folder = export(tiny_package, tmp_path / "r")
    model = ov.Core().read_model(str(folder / "model.xml"))
    named = {name for port in model.outputs for name in port.get_names()}
    assert set(tiny_package.manifest.outputs.values()) <= named


def test_a_newer_network_is_the_next_version_the_same_is_not_added(tiny_package, other, tmp_path):
    out = tmp_path / "r"
    assert export(tiny_package, out).name == "1"
    assert export(tiny_package, out).name == "1"
    assert export(other, out).name == "2"
    assert export(tiny_package, out).name == "3"
    assert len(_config(out)) == 1


def test_other_models_of_the_configuration_are_kept(tiny_package, tmp_path):
    (tmp_path / CONFIG).write_text(
        json.dumps({"model_config_list": [{"config": {"name": "x", "base_path": "/x"}}], "more": 1})
    )
    export(tiny_package, tmp_path)
    document = json.loads((tmp_path / CONFIG).read_text())
    assert [e["config"]["name"] for e in document["model_config_list"]] == ["x", "tiny"]
    assert document["more"] == 1


@pytest.mark.parametrize("content", ["", "[]", '{"model_config_list": [1]}'])
def test_a_folder_that_holds_something_else_is_left_alone(tiny_package, tmp_path, content):
    (tmp_path / CONFIG).write_text(content)
    with pytest.raises(BadRequest, match="no configuration"):
        export(tiny_package, tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == [CONFIG]


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_full_disk_adds_no_version(tiny_package, other, tmp_path, monkeypatch, number):
    export(tiny_package, tmp_path / "r")
    before = sorted(p for p in (tmp_path / "r").rglob("*"))
    real, calls = atomic.os.fsync, []

    def full(handle):
        calls.append(handle)
        if len(calls) == number:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(handle)

    monkeypatch.setattr(atomic.os, "fsync", full)
    with pytest.raises(Unavailable, match="free space"):
        export(other, tmp_path / "r")
    assert sorted(p for p in (tmp_path / "r").rglob("*")) == before


def test_a_changed_package_is_not_exported(tiny_package, tmp_path):
    shutil.copytree(tiny_package.path, tmp_path / "p")
    (tmp_path / "p" / "model.bin").write_bytes(b"")
    with pytest.raises(ChecksumMismatch):
        export(open_package(tmp_path / "p"), tmp_path / "r")
    assert not (tmp_path / "r").exists()


def test_the_verb(tiny_package, tmp_path, capsys):
    arguments = ["export-ovms", str(tmp_path / "r"), "--package", str(tiny_package.path)]
    assert main([*arguments, "--precision", "FP16"]) == 0
    assert capsys.readouterr().out.strip() == str(tmp_path / "r" / "tiny" / "1")
    (tmp_path / "file").touch()
    assert main(["export-ovms", str(tmp_path / "file"), *arguments[2:]]) == 2
