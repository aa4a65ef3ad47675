"""The probes find a machine, or a package, that answers differently."""

from __future__ import annotations

import hashlib
import json
import shutil

import numpy as np
import pytest

from appliance import replay as module
from appliance.core.errors import ChecksumMismatch, ManifestError, ProbeFailed, Unavailable
from appliance.core.probe import PROBES
from appliance.registry import SHIPPED, open_package
from appliance.replay import demand, probes_of, replay, table


def test_the_probes_pass_where_they_were_made(tiny_package):
    rows = replay(tiny_package, ["CPU"])
    assert [row["precision"] for row in rows] == ["FP16", "INT8"]
    for row in rows:
        assert row["n"] == len(PROBES)
        assert row["prepared"] == 0.0
        assert row["probability"] < 1e-5
        assert row["dice"] == 1.0
        assert row["device"] == "CPU"
        assert row["pair"]["label_flips"] == 0
    demand(tiny_package, rows)
    assert "MISSED" not in table(rows)


def _with(package, tmp_path, change):
    shutil.copytree(package.path, tmp_path / "p")
    path = tmp_path / "p" / "manifest.json"
    document = json.loads(path.read_text())
    change(document, tmp_path / "p")
    path.write_text(json.dumps(document))
    return open_package(tmp_path / "p")


def _rewrite(document, folder, change):
    """Change the expectations, and their digest with them."""
    path = folder / "probe" / "expected.npz"
    with np.load(path) as archive:
        arrays = dict(archive)
    change(arrays)
    np.savez(path, **arrays)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    document["files"]["probe/expected.npz"]["sha256"] = digest


def test_other_preprocessing_fails_the_probe(tiny_package, tmp_path):
    def change(document, _):
        document["preprocessing"]["high"] = 60.0

    package = _with(tiny_package, tmp_path, change)
    rows = replay(package, ["CPU"])
    with pytest.raises(ProbeFailed, match="prepared differs"):
        demand(package, rows)
    assert "MISSED" in table(rows)


@pytest.mark.parametrize("precision", ["INT8", "FP16"])
def test_other_answers_of_one_precision_fail_it_alone(tiny_package, tmp_path, precision):
    def turned(arrays):
        arrays[f"{precision}_probabilities"] = arrays[f"{precision}_probabilities"][:, ::-1]

    package = _with(tiny_package, tmp_path, lambda d, f: _rewrite(d, f, turned))
    failed = {row["precision"]: bool(row["failures"]) for row in replay(package, ["CPU"])}
    assert failed == {p: p == precision for p in ("INT8", "FP16")}


def test_another_label_is_a_failure_unless_it_was_a_close_call(tiny_package, tmp_path):
    def nearly_even(arrays):
        arrays["INT8_probabilities"][:] = [0.27, 0.24, 0.24, 0.25]

    package = _with(tiny_package, tmp_path, lambda d, f: _rewrite(d, f, nearly_even))
    (row,) = [r for r in replay(package, ["CPU"]) if r["precision"] == "INT8"]
    assert any("probability" in text for text in row["failures"])
    assert not any("label no_tumor" in text for text in row["failures"])


def test_masks_that_differ_fail_it(tiny_package, tmp_path):
    def emptied(arrays):
        arrays["INT8_mask"][:] = 0

    package = _with(tiny_package, tmp_path, lambda d, f: _rewrite(d, f, emptied))
    with pytest.raises(ProbeFailed, match="mask Dice is 0.000"):
        demand(package, replay(package, ["CPU"]))


def test_packages_of_one_picture_and_one_precision_are_still_replayed(tiny_package, tmp_path):
    def older(document, folder):
        def first(arrays):
            chances, mask = arrays["INT8_probabilities"][0], arrays["INT8_mask"]
            pixels = int(arrays["mask_shape"].prod())
            bits = np.unpackbits(mask)[:pixels]
            shape = arrays["mask_shape"]
            arrays.clear()
            arrays.update(probabilities=chances, mask=np.packbits(bits), mask_shape=shape)

        _rewrite(document, folder, first)
        path = folder / "probe" / "prepared.npz"
        with np.load(path) as archive:
            np.savez(tmp_path / "one.npz", prepared=archive["prepared"][0])
        data = (tmp_path / "one.npz").read_bytes()
        path.write_bytes(data)
        document["files"]["probe/prepared.npz"]["sha256"] = hashlib.sha256(data).hexdigest()
        del document["probe"]["pictures"]

    package = _with(tiny_package, tmp_path, older)
    rows = {row["precision"]: row for row in replay(package, ["CPU"])}
    assert rows["INT8"]["n"] == 1
    assert rows["INT8"]["dice"] == 1.0
    assert "prepared" not in rows["FP16"]
    demand(package, list(rows.values()))


@pytest.mark.parametrize("folder", sorted(SHIPPED.glob("*/manifest.json")), ids=str)
def test_the_probes_of_shipped_packages_can_be_read(folder):
    probes = probes_of(open_package(folder.parent))
    assert len(probes.prepared) == len(probes.names)
    assert "INT8" in probes.expected


def test_pictures_of_a_later_version_are_named(tiny_package, tmp_path):
    package = _with(tiny_package, tmp_path, lambda d, _: d["probe"]["pictures"].append("new"))
    with pytest.raises(ManifestError, match="new"):
        replay(package, ["CPU"])


def test_a_changed_file_is_found_first(tiny_package, tmp_path):
    def change(_, folder):
        (folder / "model.bin").write_bytes(b"")

    with pytest.raises(ChecksumMismatch):
        replay(_with(tiny_package, tmp_path, change), ["CPU"])


def test_a_package_without_probe_says_so(tiny_package, tmp_path):
    with pytest.raises(ManifestError):
        replay(_with(tiny_package, tmp_path, lambda d, _: d["probe"].clear()), ["CPU"])


def test_a_device_that_is_not_there_is_missing(tiny_package):
    with pytest.raises(Unavailable, match="found CPU"):
        replay(tiny_package, ["NPU"])


def test_a_device_that_answers_otherwise_is_named(tiny_package, monkeypatch):
    """A second device of this machine, simulated: the CPU, with its mask logits turned down."""

    class Second(module.Network):
        def __init__(self, *given, device, **more):
            super().__init__(*given, device="CPU", **more)
            self.off = device == "GPU"
            self.device = device

        def infer(self, array):
            found = super().infer(array)
            return {**found, "mask": found["mask"] - 30} if self.off else found

    monkeypatch.setattr(module, "Network", Second)
    rows = replay(tiny_package, ["CPU", "GPU"])
    assert [(row["device"], bool(row["failures"])) for row in rows] == [
        ("CPU", False), ("CPU", False), ("GPU", True), ("GPU", True),
    ]  # fmt: skip
    assert rows[-1]["pair"]["max_difference"]["mask"] == pytest.approx(30)
    with pytest.raises(ProbeFailed, match="GPU INT8"):
        demand(tiny_package, rows)
