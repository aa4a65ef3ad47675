"""`appliance.heap`: what was freed is no longer this process's."""

from __future__ import annotations

import mmap
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

from appliance import heap


def test_small_work_is_not_worth_it():
    assert not heap.give_back(heap.WORTH_IT - 1)


@pytest.mark.skipif(heap._trim() is None, reason="no glibc")
def test_freed_pieces_go_back_to_the_system():
    script = """
        import re
        import numpy as np
        from appliance import heap

        def resident():
            text = open("/proc/self/status").read()
            return int(re.search(r"RssAnon:\\s+(\\d+)", text)[1]) >> 10

        np.zeros(30 << 20, np.uint8)  # from now on so large a piece comes from the heap
        pieces = [np.ones(1 << 20, np.uint8) for _ in range(128)]
        last = bytearray(100_000)  # keeps the heap from shrinking by itself
        del pieces
        before = resident()
        assert heap.give_back(heap.WORTH_IT)
        print(before - resident())
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 64


def resident(path) -> int:
    """Kilobytes of a file's mapping that are in this process."""
    lines = Path("/proc/self/smaps").read_text().splitlines()
    at = next(i for i, line in enumerate(lines) if line.endswith(str(path)))
    return next(int(line.split()[1]) for line in lines[at:] if line.startswith("Rss:"))


@pytest.mark.skipif(not hasattr(mmap, "MADV_DONTNEED"), reason="no madvise")
def test_pages_of_a_mapped_array_leave_and_come_back(tmp_path, monkeypatch):
    monkeypatch.setattr(heap, "WORTH_IT", 1 << 20)
    path = tmp_path / "a.npy"
    np.save(path, np.arange(1 << 20, dtype=np.int32))
    array = np.asarray(np.load(path, mmap_mode="r"))
    total = int(array.sum(dtype=np.int64))
    assert resident(path) > 3000
    mapped = heap.Mapped([array, np.zeros(3)])
    mapped.passed(0.1)
    assert resident(path) > 3000
    mapped.passed(0.6)
    assert resident(path) < 100
    assert int(array.sum(dtype=np.int64)) == total
    assert not heap.let_go(np.zeros(3))
