"""appliance.files: written once, whole or not at all."""

import errno
import os

import numpy as np
import pytest

from appliance import files as files_module
from appliance.core.errors import NotFound, Unavailable
from appliance.files import Files


@pytest.mark.parametrize("order", ["C", "F"])
def test_an_array_comes_back_and_is_mapped(tmp_path, order):
    files = Files(tmp_path)
    array = np.asarray(np.arange(24, dtype=np.int16).reshape(2, 3, 4), order=order)
    digest, new = files.put_array(array)
    back = files.array(digest)
    assert new
    assert isinstance(back.base, np.memmap)
    np.testing.assert_array_equal(back, array)
    assert not back.flags.writeable


def test_the_same_content_is_one_file(tmp_path):
    files = Files(tmp_path)
    first, _ = files.put_json("results", {"b": 1, "a": 2})
    second, new = files.put_json("results", {"b": 1, "a": 2})
    assert first == second
    assert not new
    assert files.digests("results") == {first}
    assert list(files.json("results", first)) == ["b", "a"]


def test_nothing_is_left_of_a_write_that_fails(tmp_path, monkeypatch):
    files = Files(tmp_path)

    def full(handle):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        files.put_array(np.zeros(5))
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == []


def test_nothing_is_left_when_closing_fails_too(tmp_path, monkeypatch):
    """As on a full disk: what the buffer still holds cannot be written either."""
    files = Files(tmp_path)
    real = files_module.NamedTemporaryFile

    def temporary(**how):
        stream = real(**how)
        close = stream.close

        def closing():
            close()
            raise OSError(errno.ENOSPC, "No space left on device")

        stream.close = closing
        return stream

    monkeypatch.setattr(files_module, "NamedTemporaryFile", temporary)
    with pytest.raises(OSError, match="No space"):
        files.put_json("results", {})
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == []


def test_left_over_parts_are_swept_at_the_start(tmp_path):
    Files(tmp_path)
    (tmp_path / "arrays" / "tmp.part").write_bytes(b"half")
    Files(tmp_path)
    assert not list(tmp_path.rglob("*.part"))


def test_missing_and_damaged_files_say_so(tmp_path):
    files = Files(tmp_path)
    digest, _ = files.put_array(np.zeros(5))
    files.path("arrays", digest).write_bytes(b"no numpy")
    with pytest.raises(Unavailable, match="damaged"):
        files.array(digest)
    files.remove("arrays", digest)
    with pytest.raises(NotFound):
        files.array(digest)
    with pytest.raises(NotFound):
        files.json("results", "0" * 64)
