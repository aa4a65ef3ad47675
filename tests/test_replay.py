"""The probe finds a machine, or a package, that answers differently."""

import json
import shutil

import numpy as np
import pytest

from appliance.core.errors import ChecksumMismatch, ManifestError, ProbeFailed
from appliance.registry import open_package
from appliance.replay import replay


def test_the_probe_passes_where_it_was_made(tiny_package):
    found = replay(tiny_package, "CPU")
    assert found["prepared"] == 0.0
    assert found["probability"] < 1e-5
    assert found["dice"] == 1.0
    assert found["device"] == "CPU"


def _with(package, tmp_path, change):
    shutil.copytree(package.path, tmp_path / "p")
    path = tmp_path / "p" / "manifest.json"
    document = json.loads(path.read_text())
    change(document, tmp_path / "p")
    path.write_text(json.dumps(document))
    return open_package(tmp_path / "p")


def test_other_preprocessing_fails_the_probe(tiny_package, tmp_path):
    def change(document, _):
        document["preprocessing"]["high"] = 60.0

    with pytest.raises(ProbeFailed, match="prepared differs"):
        replay(_with(tiny_package, tmp_path, change), "CPU")


def test_other_answers_fail_the_probe(tiny_package, tmp_path):
    import hashlib

    def change(document, folder):
        path = folder / "probe" / "expected.npz"
        with np.load(path) as archive:
            arrays = dict(archive)
        arrays["probabilities"] = arrays["probabilities"][::-1]
        np.savez(path, **arrays)
        document["files"]["probe/expected.npz"]["sha256"] = hashlib.sha256(
            path.read_bytes()
        ).hexdigest()

    with pytest.raises(ProbeFailed, match="probability"):
        replay(_with(tiny_package, tmp_path, change), "CPU")


def test_a_changed_file_is_found_first(tiny_package, tmp_path):
    def change(_, folder):
        (folder / "model.bin").write_bytes(b"")

    with pytest.raises(ChecksumMismatch):
        replay(_with(tiny_package, tmp_path, change), "CPU")


def test_a_package_without_probe_says_so(tiny_package, tmp_path):
    with pytest.raises(ManifestError):
        replay(_with(tiny_package, tmp_path, lambda d, _: d["probe"].clear()), "CPU")
