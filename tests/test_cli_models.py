"""``neuralscan models``: what is served, installed, refused, and with which exit code."""

from __future__ import annotations

import errno
import json
import os
import shutil
from pathlib import Path

import pytest

from appliance import atomic, exits, signing
from appliance.cli import main
from optimize.sign import sign_package


@pytest.fixture(autouse=True)
def home(monkeypatch, tmp_path):
    for name in [name for name in os.environ if name.startswith("NEURALSCAN_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("NEURALSCAN_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("NEURALSCAN_DEVICE", "CPU")
    return tmp_path / "home"


@pytest.fixture
def parcel(tiny_folder, tmp_path):
    """The tiny package under a version, as a folder."""

    def make(version: str, **changes) -> Path:
        folder = tmp_path / f"parcel-{version}"
        shutil.copytree(tiny_folder / "tiny", folder)
        path = folder / "manifest.json"
        document = {**json.loads(path.read_text()), "version": version, **changes}
        path.write_text(json.dumps(document))
        return folder

    return make


def _listed(capsys) -> list[tuple[str, str, str]]:
    capsys.readouterr()
    assert main(["models", "list", "--json"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    return [(f["name"], f["version"], f["state"]) for f in lines if f["origin"] != "shipped"]


def test_install_activate_roll_back_remove(parcel, capsys):
    assert main(["models", "install", str(parcel("1.0"))]) == 0
    assert capsys.readouterr().out.splitlines() == ["installed tiny 1.0", "active tiny 1.0"]
    assert main(["models", "install", str(parcel("1.1")), "--no-activate"]) == 0
    assert _listed(capsys) == [("tiny", "1.0", "served"), ("tiny", "1.1", "inactive")]
    assert main(["models", "activate", "tiny", "1.1"]) == 0
    assert _listed(capsys)[0] == ("tiny", "1.1", "served")
    assert main(["models", "rollback", "tiny"]) == 0
    assert capsys.readouterr().out == "active tiny 1.0\n"
    assert main(["models", "remove", "tiny", "1.0"]) == exits.USAGE
    assert "is active" in capsys.readouterr().err
    assert main(["models", "remove", "tiny", "1.1"]) == 0
    assert main(["models", "rollback", "tiny"]) == 0
    assert "no installed version of tiny" in capsys.readouterr().out
    assert main(["models", "remove", "tiny"]) == 0
    assert _listed(capsys) == []
    assert main(["models", "activate", "tiny", "1.0"]) == exits.MISSING


def test_the_active_version_is_the_one_that_reads(parcel, tmp_path, capsys):
    from tests.fakes import write_picture

    main(["models", "install", str(parcel("3.1"))])
    capsys.readouterr()
    main(["analyze", str(write_picture(tmp_path / "a.png")), "--json", "--out", str(tmp_path)])
    assert json.loads(capsys.readouterr().out)["model"]["version"] == "3.1"


def test_a_package_that_fails_its_probes_is_installed_but_not_activated(parcel, capsys):
    main(["models", "install", str(parcel("1.0"))])
    spoilt = parcel("1.1")
    path = spoilt / "manifest.json"
    document = json.loads(path.read_text())
    document["preprocessing"]["high"] = 60.0
    path.write_text(json.dumps(document))
    capsys.readouterr()
    assert main(["models", "install", str(spoilt)]) == exits.GATE
    captured = capsys.readouterr()
    assert "FAILED" in captured.out
    assert "MISSED" in captured.out
    assert "not activated" in captured.err
    assert _listed(capsys) == [("tiny", "1.0", "served"), ("tiny", "1.1", "inactive")]
    assert main(["models", "activate", "tiny", "1.1"]) == exits.GATE


def test_check_prints_the_table_and_ends_with_4(tmp_path, parcel, monkeypatch, capsys):
    spoilt = parcel("1.0")
    path = spoilt / "manifest.json"
    document = json.loads(path.read_text())
    document["verdict"]["offset"] = 3.0
    path.write_text(json.dumps(document))
    (tmp_path / "models").mkdir()
    spoilt.rename(tmp_path / "models" / "tiny")
    monkeypatch.setenv("NEURALSCAN_MODELS", str(tmp_path / "models"))
    assert main(["models", "check"]) == exits.GATE
    text = capsys.readouterr().out
    assert text.startswith("tiny  1.0  FAILED: package tiny answers its probes differently")
    assert "CPU" in text
    assert "MISSED" in text
    assert main(["models", "check", "--json"]) == exits.GATE
    outcome = json.loads(capsys.readouterr().out.splitlines()[0])
    assert outcome["error"]["code"] == "probe_failed"
    assert {row["precision"] for row in outcome["rows"]} == {"INT8", "FP16"}
    assert all(row["failures"] for row in outcome["rows"])


def test_a_device_that_is_missing_is_5(parcel, capsys):
    assert main(["models", "check", "--device", "NPU"]) == exits.MISSING
    assert "NPU" in capsys.readouterr().err
    assert main(["models", "install", str(parcel("1.0")), "--device", "NPU"]) == exits.MISSING
    assert _listed(capsys) == [("tiny", "1.0", "inactive")]


def test_signatures_from_key_to_refusal(parcel, tmp_path, monkeypatch, capsys):
    keys = tmp_path / "keys"
    assert main(["models", "keygen", str(keys / "clinic")]) == 0
    assert "keep it secret" in capsys.readouterr().out
    assert main(["models", "keygen", str(keys / "clinic")]) == exits.USAGE
    monkeypatch.setenv("NEURALSCAN_REQUIRE_SIGNATURE", "yes")
    package = parcel("1.0")
    assert main(["models", "install", str(package)]) == exits.MISSING
    assert "is not signed" in capsys.readouterr().err
    key = sign_package(package, keys / "clinic.key")
    assert main(["models", "install", str(package)]) == exits.MISSING
    assert "not trusted" in capsys.readouterr().err
    assert main(["models", "trust", str(keys / "clinic.key")]) == exits.USAGE
    assert main(["models", "trust", str(keys / "clinic.pub")]) == 0
    assert main(["models", "install", str(package)]) == 0
    capsys.readouterr()
    assert main(["models"]) == 0
    assert f"signed by {key}" in capsys.readouterr().out


def test_a_package_whose_key_is_no_longer_trusted_is_listed_as_unusable(
    parcel, home, tmp_path, capsys
):
    private, public, key = signing.generate(tmp_path / "clinic")
    main(["models", "trust", str(public)])
    package = parcel("1.0")
    sign_package(package, private)
    assert main(["models", "install", str(package)]) == 0
    (home / "trusted" / f"{key}.pub").unlink()
    capsys.readouterr()
    assert main(["models", "list"]) == exits.MISSING
    assert "UNUSABLE" in capsys.readouterr().out
    assert main(["models", "check"]) == exits.GATE
    assert main(["models", "show", "third"]) == exits.MISSING, "another must not answer for it"
    assert main(["models", "rollback", "tiny"]) == 0
    assert main(["models", "show", "third"]) == 0


@pytest.mark.parametrize("verb", ["install", "keygen", "trust"])
def test_a_full_disk_is_5_and_leaves_nothing(verb, parcel, tmp_path, home, monkeypatch, capsys):
    _, public, _ = signing.generate(tmp_path / "other")
    given = {"install": parcel("1.0"), "keygen": home / "k", "trust": public}[verb]

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(atomic.os, "fsync", full)
    assert main(["models", verb, str(given)]) == exits.MISSING
    assert "No space left" in capsys.readouterr().err
    left = [p.name for p in home.rglob("*") if p.is_file() and p.name != ".lock"]
    assert not left


def test_a_file_that_is_no_package_is_2(tmp_path, capsys):
    (tmp_path / "x.zip").write_bytes(b"no zip")
    assert main(["models", "install", str(tmp_path / "x.zip")]) == exits.USAGE
    assert main(["models", "install", str(tmp_path / "nowhere.zip")]) == exits.USAGE
    assert "neither" in capsys.readouterr().err


@pytest.mark.parametrize("verb", ["serve", "analyze"])
@pytest.mark.parametrize("trouble", ["tampered", "foreign key", "device", "server"])
def test_serving_and_reading_end_with_5_before_they_begin(
    verb, trouble, parcel, tmp_path, home, monkeypatch, capsys
):
    from tests.fakes import write_picture

    package = parcel("1.0")
    more = {"device": ["--device", "NPU"], "server": ["--backend", "kserve://127.0.0.1:1"]}
    if trouble == "tampered":
        (package / "fp16" / "model.bin").write_bytes(b"")
    if trouble == "foreign key":
        private, _, _ = signing.generate(tmp_path / "stranger")
        sign_package(package, private)
    (tmp_path / "models").mkdir()
    package.rename(tmp_path / "models" / "tiny")
    monkeypatch.setenv("NEURALSCAN_MODELS", str(tmp_path / "models"))
    arguments = {
        "serve": ["serve", "--port", "0"],
        "analyze": [
            "analyze",
            str(write_picture(tmp_path / "a.png")),
            "--out",
            str(tmp_path / "o"),
        ],
    }[verb]
    assert main([*arguments, *more.get(trouble, [])]) == exits.MISSING
    captured = capsys.readouterr()
    assert not captured.out
    assert captured.err.startswith("error: ")
    assert not (tmp_path / "o").exists()
