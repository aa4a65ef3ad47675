"""What was done here: a log that is only ever appended to, each entry sealed to the one before.

One JSON object a line: number, time, who, action, the study and series it was done to (their
pseudonyms), the model, details, the seal of the entry before and its own. The seal is the SHA-256
of everything else in the entry, so a line that is changed, dropped, moved or put in breaks the
chain there. The last number and seal also stand in a file of their own: lines missing at the end
are noticed too. Whoever may write both files can forge a whole new chain; against that, copy the
last seal elsewhere from time to time (``neuralscan audit verify`` prints it).

References
----------
NIST SP 800-92 (log integrity); IHE ITI-19 and ITI-20 (what is worth recording).
"""

from __future__ import annotations

import fcntl
import getpass
import hashlib
import json
import logging
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from appliance.core.errors import Unavailable

logger = logging.getLogger(__name__)
SCHEMA = "neuralscan/audit/1"
FILE, HEAD = "audit.jsonl", "audit.head"
START = "0" * 64
"""The seal before the first entry."""
_TAIL = 1 << 16
_SYNC_S = 1.0


@dataclass(frozen=True)
class Verification:
    """What came of checking a chain.

    Attributes
    ----------
    entries : int
        Good entries, up to the first bad line.
    good : bool
    line : int or None
        The first line, counted from 1, that is not what it was; one past the end where lines are
        missing.
    reason : str
    seal : str
        Of the last good entry.
    """

    entries: int
    good: bool
    line: int | None
    reason: str
    seal: str

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def seal_of(entry: dict[str, Any]) -> str:
    """The seal of an entry: the digest of all it says but the seal itself.

    Examples
    --------
    >>> seal_of({"number": 1, "seal": "x"}) == seal_of({"number": 1})
    True
    >>> seal_of({"number": 1}) == seal_of({"number": 2})
    False
    """
    said = {key: value for key, value in entry.items() if key != "seal"}
    text = json.dumps(said, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def operator() -> str:
    """Who runs this process, as the system calls them."""
    try:
        return f"user {getpass.getuser()}"
    except (KeyError, OSError):
        return f"user {os.getuid()}"


class Audit:
    """The log of a data folder; safe for several threads and processes.

    Parameters
    ----------
    folder : Path
        Made when the first entry is written.
    """

    def __init__(self, folder: Path) -> None:
        self._path, self._head = folder / FILE, folder / HEAD
        self._lock = threading.Lock()
        self._missed = 0
        self._synced = float("-inf")

    def record(
        self,
        action: str,
        who: str,
        study: str | None = None,
        series: str | None = None,
        model: dict[str, Any] | None = None,
        at_once: bool = True,
        **detail: Any,
    ) -> None:
        """Append an entry. What was done is done: a log that cannot be written stops nobody.

        It is said in the server's log, and the next entry that can be written says how many are
        missing before it.

        Parameters
        ----------
        at_once : bool
            Wait until the disk has it. Otherwise it is written, and on disk a second later with
            the next entry; only a power cut can take it.
        """
        entry = {
            "schema": SCHEMA,
            "utc": datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            "who": who,
            "action": action,
            "study": study,
            "series": series,
            "model": model,
            "detail": detail,
        }
        with self._lock:
            if self._missed:
                entry["missed"] = self._missed
            try:
                self._append(entry, at_once or time.monotonic() - self._synced > _SYNC_S)
                self._missed = 0
            except OSError as error:
                self._missed += 1
                logger.error("an audit entry (%s) could not be written: %s", action, error.strerror)

    def _append(self, entry: dict[str, Any], sync: bool) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            size = os.fstat(handle).st_size
            last, torn = _last(handle, size)
            if torn:  # the power went while it was written; nobody was told that it was there
                size -= torn
                os.ftruncate(handle, size)
                entry["torn_bytes"] = torn
            entry = {"number": last["number"] + 1, **entry, "previous": last["seal"]}
            entry["seal"] = seal_of(entry)
            line = json.dumps(entry, ensure_ascii=True).encode() + b"\n"
            try:
                if os.write(handle, line) < len(line):
                    raise OSError(28, "No space left on device")
                if sync:
                    os.fsync(handle)
                    self._synced = time.monotonic()
            except OSError:
                os.ftruncate(handle, size)
                raise
            _put_head(self._head, entry)
        finally:
            os.close(handle)

    def entries(self, limit: int = 100, offset: int = 0) -> tuple[list[dict[str, Any]], int]:
        """Entries, newest first, and how many there are.

        Raises
        ------
        Unavailable
            When the log cannot be read.
        """
        with _reading(self._path) as lines:
            kept = list(lines)
        last = len(kept) - offset
        chosen = kept[max(0, last - limit) : max(0, last)]
        found = []
        for line in reversed(chosen):
            try:
                found.append(json.loads(line))
            except ValueError:
                found.append({"unreadable": True})
        return found, len(kept)

    def verify(self) -> Verification:
        """Check the chain from the first line to the last.

        Raises
        ------
        Unavailable
            When the log cannot be read.
        """
        seal, count = START, 0
        head = _head_of(self._head)
        with _reading(self._path) as lines:
            for count, line in enumerate(lines, 1):
                reason = _wrong(line, count, seal)
                if reason is None and head and count == head["number"]:
                    own = json.loads(line)["seal"]
                    if own != head["seal"]:
                        reason = "it is not the entry that was written last when it was"
                if reason is not None:
                    return Verification(count - 1, False, count, reason, seal)
                seal = json.loads(line)["seal"]
        if head and head["number"] > count:
            missing = head["number"] - count
            reason = f"{missing} entries are missing at the end"
            return Verification(count, False, count + 1, reason, seal)
        if head is None and count:
            return Verification(count, False, count, f"the file {HEAD} is gone", seal)
        return Verification(count, True, None, "", seal)


def _last(handle: int, size: int) -> tuple[dict[str, Any], int]:
    """Number and seal of the last whole line, and how many bytes after it are torn off.

    A last line that cannot be read counts as one whose seal is its digest: the chain goes on, and
    `verify` names the damage.
    """
    tail = os.pread(handle, min(size, _TAIL), max(0, size - _TAIL))
    torn = len(tail) - (tail.rfind(b"\n") + 1)
    whole = tail[: len(tail) - torn].rstrip(b"\n")
    if not whole:
        return {"number": 0, "seal": START}, torn
    line = whole[whole.rfind(b"\n") + 1 :]
    try:
        entry = json.loads(line)
        return {"number": int(entry["number"]), "seal": str(entry["seal"])}, torn
    except (ValueError, KeyError, TypeError):
        return {"number": 0, "seal": hashlib.sha256(line).hexdigest()}, torn


def _wrong(line: bytes, number: int, previous: str) -> str | None:
    """Why a line does not belong where it is; None when it does."""
    try:
        entry = json.loads(line)
        own, before, counted = entry["seal"], entry["previous"], entry["number"]
    except (ValueError, KeyError, TypeError):
        return "it is no entry"
    if own != seal_of(entry):
        return "it was changed after it was sealed"
    if before != previous or counted != number:
        return "the entry before it is another one than when it was written"
    return None


@contextmanager
def _reading(path: Path) -> Iterator[Iterator[bytes]]:
    try:
        with path.open("rb") as stream:
            yield iter(stream)
    except FileNotFoundError:
        yield iter(())
    except OSError as error:
        raise Unavailable(f"the audit cannot be read ({path}: {error.strerror})") from error


def _head_of(path: Path) -> dict[str, Any] | None:
    try:
        head = json.loads(path.read_bytes())
        return {"number": int(head["number"]), "seal": str(head["seal"])}
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _put_head(path: Path, entry: dict[str, Any]) -> None:
    part = path.with_name(f"{path.name}.part")
    part.write_text(json.dumps({"number": entry["number"], "seal": entry["seal"]}))
    os.replace(part, path)
