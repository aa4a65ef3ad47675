"""Files and folders that are there whole or not at all, whenever a process dies or a disk fills.

References
----------
renameat2(2), RENAME_EXCHANGE: two names swap what they stand for in one step (Linux).
"""

from __future__ import annotations

import ctypes
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

_AT_FDCWD, _EXCHANGE = -100, 2


def sync_folder(folder: Path) -> None:
    """Make a rename survive a power cut, where the system lets folders be synced."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _write(path: Path, data: bytes) -> None:
    with path.open("wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())


def put_file(path: Path, data: bytes, mode: int = 0o644) -> None:
    """Write a file in one step: readers see the old content or the new one."""
    handle, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    os.close(handle)
    part = Path(name)
    try:
        _write(part, data)
        part.chmod(mode)
        part.replace(path)
    except BaseException:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def write_part(folder: Path, prefix: str, files: Mapping[str, bytes]) -> Path:
    """A fresh hidden folder with these files in it, on disk; nothing stays behind on failure.

    Parameters
    ----------
    folder : Path
        Where it is made; renaming it inside the same file system is one step.
    files : mapping
        Relative path, with ``/``, to content.
    """
    part = Path(tempfile.mkdtemp(prefix=f".{prefix}-", dir=folder))
    try:
        for name, data in files.items():
            path = part / name
            path.parent.mkdir(parents=True, exist_ok=True)
            _write(path, data)
        part.chmod(0o755)
        for inner in {(part / name).parent for name in files} | {part}:
            sync_folder(inner)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise
    return part


def clear_parts(folder: Path, prefix: str, older_than_s: float = 3600.0) -> None:
    """Remove what killed processes left of `write_part`; younger ones may still be written."""
    for left in folder.glob(f".{prefix}-*"):
        with suppress(OSError):
            if left.is_dir() and time.time() - left.stat().st_mtime > older_than_s:
                shutil.rmtree(left, ignore_errors=True)


def _exchange(one: Path, other: Path) -> bool:
    """Swap two names in one step; False where the system cannot."""
    if not sys.platform.startswith("linux"):
        return False
    try:
        call = ctypes.CDLL(None, use_errno=True).renameat2
    except (OSError, AttributeError):
        return False
    return call(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _EXCHANGE) == 0


def put_folder(part: Path, target: Path) -> None:
    """Give a finished folder its name, in place of what had it; the old content is removed.

    In one step where the system can swap names; elsewhere a moment passes in which the old
    folder already has another, hidden name.
    """
    if target.exists():
        if _exchange(part, target):
            old = part
        else:
            old = part.with_name(part.name + "-old")
            target.replace(old)
            part.replace(target)
        sync_folder(target.parent)
        shutil.rmtree(old, ignore_errors=True)
    else:
        part.replace(target)
        sync_folder(target.parent)
