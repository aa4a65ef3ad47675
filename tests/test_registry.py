"""A package is verified before it is used."""

import json
import shutil

import pytest

from appliance.core.errors import ChecksumMismatch, ManifestError, NotFound, Unavailable
from appliance.pipeline import Analyzer
from appliance.registry import SHIPPED, find_package, list_packages, open_package


@pytest.fixture
def copy(tiny_folder, tmp_path):
    shutil.copytree(tiny_folder / "tiny", tmp_path / "tiny")
    return tmp_path / "tiny"


def test_found_by_name_in_a_further_folder(tiny_folder):
    assert find_package("tiny", [tiny_folder]).version == "0.0.1"
    assert find_package(sources=[tiny_folder]).name == "tiny"
    with pytest.raises(NotFound, match="tiny"):
        find_package("huge", [tiny_folder])


def test_a_further_folder_without_packages_is_not_passed_over(tmp_path):
    for folder in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(Unavailable, match="NEURALSCAN_MODELS"):
            list_packages([folder])


def test_the_shipped_packages_are_whole_and_light():
    packages = list_packages()
    assert packages
    for package in packages:
        package.verify()
        assert sum(f.stat().st_size for f in package.path.rglob("*") if f.is_file()) < 25e6
        assert package.path.parent == SHIPPED


@pytest.mark.parametrize("name", ["model.bin", "model.xml", "ood.npz", "probe/expected.npz"])
def test_one_changed_byte_is_refused_at_load(copy, name):
    data = bytearray((copy / name).read_bytes())
    data[len(data) // 2] ^= 1
    (copy / name).write_bytes(bytes(data))
    with pytest.raises(ChecksumMismatch, match=name.split("/")[-1].split(".")[0]):
        Analyzer(device="CPU", package=open_package(copy))


def test_a_missing_file_is_refused(copy):
    (copy / "model.bin").unlink()
    with pytest.raises(ChecksumMismatch):
        open_package(copy).verify()


@pytest.mark.parametrize(
    "change",
    [
        {"schema": "neuralscan/manifest/9"},
        {"labels": ["a", "b"]},
        {"engine": "magic"},
        {"files": {"../../etc/passwd": {"sha256": "", "bytes": 0}}},
        {"preprocessing": {"size": 1}},
        {"outputs": {"logits": "logits"}},
    ],
)
def test_a_wrong_manifest_says_what_is_wrong(copy, change):
    path = copy / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(ManifestError):
        open_package(copy)


def test_no_manifest_and_no_json(tmp_path):
    with pytest.raises(ManifestError):
        open_package(tmp_path)
    (tmp_path / "manifest.json").write_text("{")
    with pytest.raises(ManifestError):
        open_package(tmp_path)
