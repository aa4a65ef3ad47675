"""Versions side by side, one active; nothing half-written whatever happens in the middle."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from appliance import atomic, installed, signing
from appliance.core.errors import (
    BadRequest,
    ChecksumMismatch,
    ManifestError,
    NotFound,
    SignatureError,
    Unavailable,
)
from appliance.installed import Installed, plain_name
from appliance.package import open_package
from appliance.registry import Sources, find_package, list_packages, survey
from appliance.signing import Trust
from optimize.sign import sign_package


@pytest.fixture
def parcels(tiny_folder, tmp_path):
    """The tiny package in three versions, as folders."""

    def make(version):
        folder = tmp_path / "parcels" / version
        shutil.copytree(tiny_folder / "tiny", folder)
        path = folder / "manifest.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), "version": version}))
        return folder

    return {version: make(version) for version in ("1.0", "1.1", "2.0")}


@pytest.fixture
def models(tmp_path):
    return Installed(tmp_path / "models", Trust())


def _zip(folder: Path, path: Path, prefix: str = "", more: dict[str, bytes] | None = None) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(p for p in folder.rglob("*") if p.is_file()):
            archive.write(file, prefix + file.relative_to(folder).as_posix())
        for name, data in (more or {}).items():
            archive.writestr(name, data)
    return path


def _left(root: Path) -> list[str]:
    """What a listing would be troubled by: everything hidden but the lock."""
    return [p.name for p in root.rglob(".*") if p.name != ".lock"] if root.exists() else []


def _everything(root: Path) -> dict[str, bytes]:
    return {p.relative_to(root).as_posix(): p.read_bytes() for p in root.rglob("*") if p.is_file()}


def test_versions_side_by_side_one_active_and_back(parcels, models):
    for version, folder in parcels.items():
        assert models.install(folder).version == version
        assert models.pointer("tiny").version is None
    assert models.versions("tiny") == ["1.0", "1.1", "2.0"]
    sources = Sources(installed=models.root)
    assert find_package(sources=sources).name != "tiny"
    for version in ("1.0", "2.0", "1.1"):
        models.activate("tiny", version)
        assert find_package(sources=sources).version == version
    assert models.rollback("tiny") == "2.0"
    assert find_package("tiny", sources).version == "2.0"
    assert models.rollback("tiny") == "1.0"
    assert models.rollback("tiny") is None
    assert "tiny" not in {p.name for p in list_packages(sources)}
    with pytest.raises(NotFound, match="nothing to go back from"):
        models.rollback("tiny")
    assert not _left(models.root)


def test_the_package_activated_last_answers_first(parcels, models, tmp_path):
    models.install(parcels["1.0"])
    models.activate("tiny", "1.0")
    path = parcels["2.0"] / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "name": "alone"}))
    models.install(parcels["2.0"])
    models.activate("alone", "2.0")
    sources = Sources(installed=models.root)
    assert [p.name for p in list_packages(sources)][:2] == ["alone", "tiny"]
    models.activate("tiny", "1.0")
    assert find_package(sources=sources).name == "tiny"


def test_inactive_versions_are_listed_and_do_not_answer(parcels, models):
    models.install(parcels["1.0"])
    models.install(parcels["1.1"])
    models.activate("tiny", "1.0")
    found = [p for p in survey(Sources(installed=models.root)) if p.origin == "installed"]
    assert [(p.package.version, p.answers) for p in found] == [("1.0", True), ("1.1", False)]


@pytest.mark.parametrize("prefix", ["", "first-1.0/"])
def test_a_zip_is_installed_from_its_top_or_its_one_folder(parcels, models, tmp_path, prefix):
    package = models.install(_zip(parcels["1.0"], tmp_path / "p.zip", prefix))
    package.verify()
    assert _everything(package.path) == _everything(parcels["1.0"])


def test_names_in_a_zip_lead_nowhere(parcels, models, tmp_path):
    """Only what the manifest lists is taken; the rest is not even looked at."""
    evil = {"../../evil": b"x", "/etc/evil": b"x", "sub/../../evil": b"x", "extra.py": b"x"}
    package = models.install(_zip(parcels["1.0"], tmp_path / "p.zip", more=evil))
    assert not list(tmp_path.rglob("*evil*"))
    assert _everything(package.path) == _everything(parcels["1.0"])


@pytest.mark.parametrize("key", ["name", "version"])
@pytest.mark.parametrize("value", ["../x", "", ".hidden", "a/b", "a..b", "x" * 65, "a b"])
def test_a_name_or_version_that_is_no_folder_is_refused(parcels, models, key, value):
    path = parcels["1.0"] / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), key: value}))
    with pytest.raises(BadRequest, match=key):
        models.install(parcels["1.0"])
    assert not models.root.exists()
    with pytest.raises(BadRequest):
        plain_name(value, key)


def test_a_listed_path_that_leaves_the_package_is_refused(parcels, models):
    path = parcels["1.0"] / "manifest.json"
    document = json.loads(path.read_text())
    document["files"]["../../evil"] = document["files"]["model.bin"]
    path.write_text(json.dumps(document))
    with pytest.raises(ManifestError, match="leaves the package"):
        models.install(parcels["1.0"])


def _huge(document):
    document["files"]["model.bin"]["bytes"] = 1 << 40


def _many(document):
    entry = document["files"]["model.bin"]
    document["files"] |= {f"f{i}": entry for i in range(1001)}


def _negative(document):
    document["files"]["model.bin"]["bytes"] = -1


def _itself(document):
    document["files"]["manifest.json"] = document["files"]["model.bin"]


@pytest.mark.parametrize("change", [_huge, _many, _negative, _itself])
def test_limits_of_what_a_manifest_may_ask_for(parcels, models, change):
    path = parcels["1.0"] / "manifest.json"
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))
    with pytest.raises((BadRequest, ManifestError)):
        models.install(parcels["1.0"])
    assert not models.root.exists()


def test_a_zip_that_unpacks_to_too_much_is_refused(parcels, models, tmp_path, monkeypatch):
    from appliance import parcel
    from appliance.limits import Limits

    monkeypatch.setattr(parcel, "LIMITS", Limits(unpacked_bytes=1000))
    with pytest.raises(BadRequest, match="unpacked"):
        models.install(_zip(parcels["1.0"], tmp_path / "p.zip"))


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 broken", b"something else"])
def test_what_is_no_package_says_so(models, tmp_path, content):
    (tmp_path / "x.zip").write_bytes(content)
    with pytest.raises(BadRequest):
        models.install(tmp_path / "x.zip")
    with zipfile.ZipFile(tmp_path / "y.zip", "w") as archive:
        archive.writestr("readme.txt", "no manifest here")
    with pytest.raises(ManifestError, match=r"manifest\.json"):
        models.install(tmp_path / "y.zip")
    with pytest.raises(ManifestError, match=r"manifest\.json"):
        models.install(tmp_path)


@pytest.mark.parametrize("packed", [True, False])
def test_a_changed_byte_is_refused_before_anything_is_written(parcels, models, tmp_path, packed):
    path = parcels["1.0"] / "model.bin"
    path.write_bytes(path.read_bytes()[:-1] + b"\x07")
    source = _zip(parcels["1.0"], tmp_path / "p.zip") if packed else parcels["1.0"]
    with pytest.raises(ChecksumMismatch, match=r"model\.bin"):
        models.install(source)
    assert not models.root.exists()


def test_unsigned_and_foreign_packages_are_refused_where_signatures_are_asked_for(
    parcels, tmp_path
):
    private, public, key = signing.generate(tmp_path / "clinic")
    stranger, _, _ = signing.generate(tmp_path / "stranger")
    signing.trust(public, tmp_path / "trusted")
    models = Installed(tmp_path / "models", Trust(tmp_path / "trusted", required=True))
    with pytest.raises(SignatureError, match="not signed"):
        models.install(parcels["1.0"])
    sign_package(parcels["1.0"], stranger)
    with pytest.raises(SignatureError, match="not trusted"):
        models.install(parcels["1.0"])
    assert not models.root.exists()
    sign_package(parcels["1.0"], private)
    package = models.install(_zip(parcels["1.0"], tmp_path / "p.zip"))
    assert package.signed_by == key
    (package.path / "manifest.sig").unlink()
    with pytest.raises(SignatureError):
        models.activate("tiny", "1.0")


def test_the_same_again_is_no_error_another_under_its_name_is(parcels, models):
    models.install(parcels["1.0"])
    models.install(parcels["1.0"])
    path = parcels["1.0"] / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "title": "Another"}))
    with pytest.raises(BadRequest, match="installed already, with other content"):
        models.install(parcels["1.0"])


def test_what_was_changed_on_disk_is_not_activated(parcels, models):
    package = models.install(parcels["1.0"])
    (package.path / "ood.npz").write_bytes(b"")
    with pytest.raises(ChecksumMismatch):
        models.activate("tiny", "1.0")
    assert models.pointer("tiny").version is None


def test_removing(parcels, models):
    for folder in parcels.values():
        models.install(folder)
    models.activate("tiny", "1.0")
    models.activate("tiny", "1.1")
    with pytest.raises(BadRequest, match="is active"):
        models.remove("tiny", "1.1")
    assert models.remove("tiny", "1.0") == ["1.0"]
    assert models.rollback("tiny") is None, "the version before is gone"
    with pytest.raises(NotFound, match="versions: 1.1, 2.0"):
        models.remove("tiny", "1.0")
    assert models.remove("tiny") == ["1.1", "2.0"]
    assert not models.names()
    with pytest.raises(NotFound):
        models.remove("tiny")
    with pytest.raises(NotFound):
        models.activate("tiny", "1.1")
    assert not _left(models.root)


def test_an_active_version_that_vanished_is_an_error_not_another_answer(parcels, models):
    shutil.rmtree(models.install(parcels["1.0"]).path.with_name("1.0"), ignore_errors=True)
    models.install(parcels["1.0"])
    models.activate("tiny", "1.0")
    shutil.rmtree(models.root / "tiny" / "1.0")
    with pytest.raises(ManifestError):
        find_package(sources=Sources(installed=models.root))


@pytest.mark.parametrize("content", [b"", b"{}", b'{"history": ["../x"]}', b"[]"])
def test_a_damaged_pointer_is_an_error_with_the_way_out(parcels, models, content):
    models.install(parcels["1.0"])
    models.activate("tiny", "1.0")
    (models.root / "tiny" / "active.json").write_bytes(content)
    with pytest.raises(ManifestError, match="models activate tiny"):
        list_packages(Sources(installed=models.root))
    models.activate("tiny", "1.0")
    assert find_package(sources=Sources(installed=models.root)).version == "1.0"


def _break_at(monkeypatch, module, name, number, error):
    """Let the given call of a function fail, as a full disk or a signal would."""
    real, calls = getattr(module, name), []

    def broken(*given, **more):
        calls.append(given)
        if len(calls) == number:
            raise error
        return real(*given, **more)

    monkeypatch.setattr(module, name, broken)
    return calls


FULL = OSError(errno.ENOSPC, "No space left on device")
READ_ONLY = OSError(errno.EROFS, "Read-only file system")


@pytest.mark.parametrize(("error", "kind"), [(FULL, Unavailable), (READ_ONLY, BadRequest)])
@pytest.mark.parametrize("number", [1, 4, 9])
def test_a_disk_that_refuses_leaves_nothing_half_written(
    parcels, models, monkeypatch, number, error, kind
):
    models.install(parcels["1.0"])
    models.activate("tiny", "1.0")
    before = _everything(models.root)
    calls = _break_at(monkeypatch, atomic.os, "fsync", number, error)
    with pytest.raises(kind, match=error.strerror):
        models.install(parcels["2.0"])
    assert len(calls) >= number
    monkeypatch.undo()
    assert _everything(models.root) == before
    assert not _left(models.root)
    assert find_package(sources=Sources(installed=models.root)).version == "1.0"


def test_a_full_disk_while_activating_keeps_the_version_that_was(parcels, models, monkeypatch):
    for version in ("1.0", "1.1"):
        models.install(parcels[version])
    models.activate("tiny", "1.0")
    _break_at(monkeypatch, atomic.os, "fsync", 1, FULL)
    with pytest.raises(Unavailable, match="free space"):
        models.activate("tiny", "1.1")
    assert models.pointer("tiny").version == "1.0"
    assert not _left(models.root)


KILLED = """
import os, sys
from pathlib import Path
from appliance import atomic, installed
from appliance.installed import Installed
from appliance.signing import Trust

name, number, verb, root, *rest = sys.argv[1:]
module = installed if hasattr(installed, name) else atomic
real, calls = (Path.replace, []) if name == "replace" else (getattr(module, name), [])
def dies(*given, **more):
    calls.append(1)
    if len(calls) == int(number):
        os.kill(os.getpid(), 9)
    return real(*given, **more)
if name == "replace":
    Path.replace = dies
else:
    setattr(module, name, dies)
models = Installed(Path(root), Trust())
models.install(Path(rest[0])) if verb == "install" else getattr(models, verb)(*rest)
"""


@pytest.mark.parametrize(
    ("where", "number", "verb", "given"),
    [
        ("_write", 3, "install", None),
        ("replace", 1, "install", None),
        ("sync_folder", 1, "install", None),
        ("_write", 1, "activate", ("tiny", "1.1")),
        ("replace", 1, "activate", ("tiny", "1.1")),
        ("replace", 2, "remove", ("tiny", "1.1")),
    ],
)
def test_a_killed_process_leaves_the_old_or_the_new(
    parcels, models, tmp_path, where, number, verb, given
):
    """SIGKILL between the steps, in a process of its own."""
    for version in ("1.0", "1.1"):
        models.install(parcels[version])
    models.activate("tiny", "1.0")
    arguments = given or (str(parcels["2.0"]),)
    done = subprocess.run(
        [sys.executable, "-c", KILLED, where, str(number), verb, str(models.root), *arguments],
        capture_output=True, text=True, check=False, cwd=Path(__file__).parents[1],
    )  # fmt: skip
    assert done.returncode == -9, done.stderr
    sources = Sources(installed=models.root)
    assert find_package(sources=sources).version == "1.0"
    for place in survey(sources):
        assert place.problem is None
        place.package.verify()
    if verb == "install":
        models.install(parcels["2.0"])
        models.activate("tiny", "2.0")
        assert find_package(sources=sources).version == "2.0"
    elif verb == "activate":
        models.activate("tiny", "1.1")
    else:
        assert "1.1" in models.versions("tiny")
        models.remove("tiny", "1.1")
    assert not _left(models.root), "the next change cleans up"


@pytest.mark.skipif(os.name != "posix", reason="locks are POSIX's here")
def test_two_changes_at_once_are_refused_not_mixed(parcels, models):
    models.install(parcels["1.0"])
    with models._changing(), pytest.raises(Unavailable, match="another process"):
        Installed(models.root, Trust()).install(parcels["1.1"])
    assert installed.POINTER not in {p.name for p in (models.root / "tiny").iterdir()}


def test_a_root_that_is_a_file_is_wrong_usage(parcels, tmp_path):
    (tmp_path / "models").write_text("in the way")
    with pytest.raises(BadRequest, match="cannot be written"):
        Installed(tmp_path / "models", Trust()).install(parcels["1.0"])


def test_hidden_folders_are_no_packages(tiny_folder, tmp_path):
    """A process that wrote a package and was killed may leave one behind."""
    shutil.copytree(tiny_folder / "tiny", tmp_path / "tiny")
    shutil.copytree(tiny_folder / "tiny", tmp_path / ".tiny-x1")
    (tmp_path / ".tiny-x1" / "manifest.json").write_text("{")
    assert find_package(sources=[tmp_path]).path == open_package(tmp_path / "tiny").path
