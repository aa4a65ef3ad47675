"""Whatever happens in the middle, readers see the old or the new, never a part."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from appliance import atomic
from appliance.atomic import clear_parts, put_file, put_folder, write_part


def _names(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


def _full(*_):
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_file_is_replaced_whole(tmp_path):
    path = tmp_path / "a.json"
    put_file(path, b"one")
    put_file(path, b"two")
    assert path.read_bytes() == b"two"
    assert _names(tmp_path) == ["a.json"]


def test_a_full_disk_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "a.json"
    put_file(path, b"one")
    monkeypatch.setattr(atomic.os, "fsync", _full)
    with pytest.raises(OSError, match="No space"):
        put_file(path, b"two")
    assert path.read_bytes() == b"one"
    assert _names(tmp_path) == ["a.json"]


@pytest.mark.parametrize("swap", [True, False])
def test_a_folder_takes_the_place_of_another(tmp_path, monkeypatch, swap):
    if not swap:
        monkeypatch.setattr(atomic, "_exchange", lambda *_: False)
    for content in (b"one", b"two"):
        put_folder(write_part(tmp_path, "p", {"x": content, "in/y": content}), tmp_path / "p")
        assert (tmp_path / "p" / "in" / "y").read_bytes() == content
        assert _names(tmp_path) == ["p"]


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="renameat2 is Linux's")
def test_on_this_system_names_are_swapped_in_one_step(tmp_path):
    for name in "ab":
        (tmp_path / name).mkdir()
        (tmp_path / name / name).touch()
    assert atomic._exchange(tmp_path / "a", tmp_path / "b")
    assert _names(tmp_path / "a") == ["b"]


def test_a_full_disk_leaves_no_part(tmp_path, monkeypatch):
    calls = []

    def second_fails(handle):
        calls.append(handle)
        if len(calls) == 2:
            _full()

    monkeypatch.setattr(atomic.os, "fsync", second_fails)
    with pytest.raises(OSError, match="No space"):
        write_part(tmp_path, "p", {"x": b"1", "y": b"2"})
    assert not _names(tmp_path)


KILLED = """
import os, sys
from pathlib import Path
from appliance import atomic

step, folder = sys.argv[1], Path(sys.argv[2])
real = getattr(atomic, step)
def dies(*given):
    if step == "_exchange":
        real(*given)
    os.kill(os.getpid(), 9)
setattr(atomic, step, dies)
part = atomic.write_part(folder, "p", {"x": b"new", "in/y": b"new"})
atomic.put_folder(part, folder / "p")
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="one step is Linux's")
@pytest.mark.parametrize(("step", "content"), [("_write", b"old"), ("_exchange", b"new")])
def test_a_killed_process_leaves_the_old_or_the_new_and_hidden_rests(tmp_path, step, content):
    put_folder(write_part(tmp_path, "p", {"x": b"old", "in/y": b"old"}), tmp_path / "p")
    done = subprocess.run(
        [sys.executable, "-c", KILLED, step, tmp_path], check=False, cwd=Path(__file__).parents[1]
    )
    assert done.returncode == -9
    assert [(tmp_path / "p" / n).read_bytes() for n in ("x", "in/y")] == [content] * 2
    (left,) = (p for p in tmp_path.iterdir() if p.name != "p")
    assert left.name.startswith(".p-")
    clear_parts(tmp_path, "p")
    assert left.exists(), "it may still be written"
    os.utime(left, (0, 0))
    clear_parts(tmp_path, "p")
    assert _names(tmp_path) == ["p"]
