"""A changed, lost or new file is named."""

import hashlib

import pytest

from appliance.core.errors import CorruptFile
from training.digests import (
    CHECKSUMS,
    compare,
    digests,
    read_checksums,
    read_list,
    write_checksums,
    write_list,
)


@pytest.fixture
def root(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "a.txt").write_text("a")
    (tmp_path / "in" / "b.txt").write_text("b")
    return tmp_path


def test_every_file_by_name(root):
    found = digests(root)
    assert list(found) == ["a.txt", "in/b.txt"]
    assert found["a.txt"] == hashlib.sha256(b"a").hexdigest()


def test_a_written_list_is_read_back_and_leaves_itself_out(root):
    write_checksums(root)
    assert read_checksums(root / CHECKSUMS) == digests(root)
    write_list(root.parent / "list.csv", digests(root))
    assert read_list(root.parent / "list.csv") == digests(root)
    assert read_list(root / "absent.csv") is None


def test_what_changed_is_said(root):
    before = digests(root)
    (root / "a.txt").write_text("other")
    (root / "in" / "b.txt").unlink()
    (root / "new.txt").write_text("n")
    changes = compare(before, digests(root))
    assert (changes.changed, changes.missing, changes.new) == (
        ("a.txt",),
        ("in/b.txt",),
        ("new.txt",),
    )
    assert changes


def test_a_new_file_contradicts_nothing(root):
    assert not compare({}, digests(root))


@pytest.mark.parametrize("text", ["hello\n", f"{'0' * 63}  a\n"])
def test_a_list_that_is_none(tmp_path, text):
    (tmp_path / CHECKSUMS).write_text(text)
    with pytest.raises(CorruptFile, match="line 1"):
        read_checksums(tmp_path / CHECKSUMS)


def test_a_table_that_is_no_list(tmp_path):
    (tmp_path / "x.csv").write_text("a,b\n1,2\n")
    with pytest.raises(CorruptFile, match="columns"):
        read_list(tmp_path / "x.csv")
