"""The source revision is that of this folder and no other; the data root has to be there."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from appliance.core.errors import NotFound
from appliance.provenance import commit, data_root


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    folder = tmp_path / "source"
    folder.mkdir()
    (folder / "a.py").write_text("1\n")
    who = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"]
    for command in (["init", "-q"], ["add", "a.py"], [*who, "commit", "-qm", "first"]):
        subprocess.run(["git", "-C", str(folder), *command], check=True, capture_output=True)
    return folder


def test_the_revision_says_when_files_differ_from_it(checkout):
    clean = commit(checkout)
    assert len(clean) == 12
    assert set(clean) <= set("0123456789abcdef")
    (checkout / "a.py").write_text("2\n")
    assert commit(checkout) == clean + "+"


def test_a_folder_that_is_no_checkout_has_no_revision(checkout, tmp_path):
    assert commit(tmp_path) == ""
    inner = checkout / "inner"
    inner.mkdir()
    assert commit(inner) == ""  # the checkout around it is not its own
    assert commit(tmp_path / "missing") == ""


def test_without_git_there_is_no_revision(monkeypatch, checkout):
    monkeypatch.setenv("PATH", "")
    assert commit(checkout) == ""


def test_the_data_root_is_the_one_named(monkeypatch, tmp_path):
    monkeypatch.delenv("NEURALSCAN_DATA", raising=False)
    for wrong in (None, "", tmp_path / "missing"):
        with pytest.raises(NotFound, match="NEURALSCAN_DATA"):
            data_root(wrong)
    monkeypatch.setenv("NEURALSCAN_DATA", str(tmp_path))
    assert data_root(None) == tmp_path
    other = tmp_path / "other"
    other.mkdir()
    assert data_root(str(other)) == other
