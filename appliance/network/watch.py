"""A watched folder: what arrives is taken in once it stopped growing, then put aside.

Each file or folder at the top is one thing. A thing is first moved to ``.taking``, so that nobody
adds to it, then read, then moved to ``done`` or ``refused`` beside a text with the reason. Links
are never followed: a thing that is one, or holds one, is refused. Single DICOM files join the
received images, so that a series may be dropped file by file.
"""

from __future__ import annotations

import logging
import os
import stat
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from appliance.archives import natural_key
from appliance.audit import operator
from appliance.core.errors import (
    ApplianceError,
    BadRequest,
    Busy,
    InputError,
    TooLarge,
    Unavailable,
    UnsupportedFormat,
)
from appliance.formats import sniff
from appliance.limits import Limits
from appliance.network.intake import Intake
from appliance.service import Service

logger = logging.getLogger(__name__)
TAKING, DONE, REFUSED = ".taking", "done", "refused"
_UNFINISHED = (".part", ".partial", ".tmp", ".crdownload", ".filepart", "~")
_TICK_S, _PAUSE_S = 0.5, 10.0
_LAST = 20
_SENDER = "watched folder"

Signature = tuple[tuple[str, int, int], ...]


class Watcher:
    """The watched folder and the thread that looks into it.

    Raises
    ------
    BadRequest
        When the folder is no folder, or lies in the data folder or around it.
    Unavailable
        When nothing can be moved in it.
    """

    def __init__(
        self,
        service: Service,
        intake: Intake,
        folder: Path,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._service, self._intake, self._clock = service, intake, clock
        self._folder = folder.resolve()
        self._limits, self._quiet = service.settings.limits, service.settings.incoming_quiet_s
        self._seen: dict[str, tuple[Signature, float]] = {}
        self._counts: Counter[str] = Counter()
        self._last: deque[dict[str, Any]] = deque(maxlen=_LAST)
        self._problem, self._paused_until = "", 0.0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="watch", daemon=True)
        data = service.settings.data.resolve()
        if data.is_relative_to(self._folder) or self._folder.is_relative_to(data):
            raise BadRequest("the watched folder and the data folder must lie beside each other")
        if not self._folder.is_dir():
            raise BadRequest(f"expected a folder to watch, there is none at {folder}")
        try:
            for name in (TAKING, DONE, REFUSED):
                (self._folder / name).mkdir(exist_ok=True)
        except OSError as error:
            raise Unavailable(
                f"what was taken in cannot be moved within {folder} ({error.strerror}); give the "
                "server the right to write there"
            ) from error

    def start(self) -> None:
        """Begin to watch, in a thread."""
        self._thread.start()

    def close(self) -> None:
        """Stop; a thing that was being read is read after the next start."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(60)

    def _loop(self) -> None:
        while not self._stop.wait(_TICK_S):
            try:
                self.look()
            except OSError as error:
                self._problem = f"the folder cannot be looked into ({error.strerror})"
            except Exception:
                logger.exception("the watched folder could not be looked through")

    def look(self) -> None:
        """Take in what stopped growing, and what an earlier process was reading."""
        now, found = self._clock(), list(self._things())
        if now < self._paused_until:
            return
        self._problem = ""
        for path in sorted((self._folder / TAKING).iterdir()):
            self._settle(path)
        for name in set(self._seen) - {path.name for path in found}:
            del self._seen[name]
        for path in found:
            if self._stop.is_set():
                return
            signature = _signature(path, self._limits)
            known, since = self._seen.get(path.name, (None, now))
            if known != signature:
                self._seen[path.name] = (signature, now)
            elif now - since >= self._quiet:
                del self._seen[path.name]
                self._settle(_moved(path, self._folder / TAKING))

    def _things(self) -> Iterator[Path]:
        """What lies at the top, without what a program is still writing by another name."""
        own = (DONE, REFUSED)
        for path in sorted(self._folder.iterdir(), key=lambda p: natural_key(p.name)):
            if path.name.startswith(".") or path.name.endswith(_UNFINISHED):
                continue
            if path.name not in own:
                yield path

    def _settle(self, path: Path) -> None:
        """Read a thing that was moved aside, and move it to where it belongs."""
        try:
            reasons = self._take(path)
        except Busy as error:
            self._problem = error.message
            return
        except InputError as error:
            self._refuse(path, error)
            return
        except ApplianceError as error:  # a full disk: later
            self._problem, self._paused_until = error.message, self._clock() + _PAUSE_S
            return
        _moved(path, self._folder / DONE)
        self._say("taken", reasons)

    def _take(self, path: Path) -> list[str]:
        """Take in one thing; what of it could not be read. Raises InputError when nothing could."""
        _demand_no_links(path)
        if path.is_file() and _head(path, self._limits):
            self._intake.take(path.read_bytes(), _SENDER)
            return []
        uid, study = self._service.add_path(path)
        if uid is None:
            first = study.refusals[0]
            error = InputError(first.message)
            error.code = first.code
            raise error
        for series in study.series:
            self._start(uid, series.series_instance_uid)
        return [f"{refusal.code}: {refusal.message}" for refusal in study.refusals]

    def _start(self, study: str, series: str) -> None:
        """Queue an analysis, waiting for room where the queue is full; raises Busy at the end."""
        while True:
            try:
                options = {"series": series, "options": {"deliver": True}}
                self._service.start(study, "analyze", options)
                return
            except Busy:
                if self._stop.is_set():
                    raise
                self._service.jobs.wait(1.0)

    def _refuse(self, path: Path, error: InputError) -> None:
        moved = _moved(path, self._folder / REFUSED)
        note = moved.with_name(f"{moved.name}.reason.txt")
        note.write_text(f"{error.code}: {error.message}\n", encoding="utf-8")
        self._say("refused", [f"{error.code}: {error.message}"])

    def _say(self, what: str, reasons: list[str]) -> None:
        """Tell the audit and the status; no file is named, its name may be a person's."""
        self._counts[what] += 1
        self._last.appendleft({"state": what, "reason": "; ".join(reasons) or None})
        self._service.audit.record(
            f"file.{what}", f"server, {operator()}", source=_SENDER, reasons=reasons or None
        )

    def status(self) -> dict[str, Any]:
        """Counts since the start, what is being waited for, and what became of the last."""
        return {
            "taken": self._counts["taken"],
            "refused": self._counts["refused"],
            "waiting": len(self._seen),
            "problem": self._problem or None,
            "last": list(self._last),
        }


def _signature(path: Path, limits: Limits) -> Signature:
    """Sizes and times of a thing and all in it; two that are alike mean that it rests."""
    try:
        kind = path.lstat()
        if not stat.S_ISDIR(kind.st_mode):
            return ((path.name, kind.st_size, kind.st_mtime_ns),)
        found = []
        for root, folders, names in os.walk(path):
            for name in (*folders, *names):
                one = Path(root, name).lstat()
                found.append((os.path.join(root, name), one.st_size, one.st_mtime_ns))
                if len(found) > 2 * limits.members:
                    return tuple(found)
        return tuple(sorted(found))
    except FileNotFoundError:  # removed, or replaced, while it was looked at
        return ((path.name, -1, time.monotonic_ns()),)


def _demand_no_links(path: Path) -> None:
    """Raise UnsupportedFormat where a thing is, or holds, anything but files and folders."""
    for count, one in enumerate(_inside(path)):
        mode = one.lstat().st_mode
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
            raise UnsupportedFormat(
                "expected plain files and folders, found a link or a device: links are not "
                "followed out of the watched folder"
            )
        if count > 2 * Limits().members:
            raise TooLarge("expected fewer files in one folder; send a smaller part")


def _inside(path: Path) -> Iterator[Path]:
    yield path
    if path.is_symlink() or not path.is_dir():
        return
    for root, folders, names in os.walk(path):
        for name in (*folders, *names):
            yield Path(root, name)


def _head(path: Path, limits: Limits) -> bool:
    """Whether a file is a DICOM file of a size that is taken."""
    with path.open("rb") as stream:
        found = sniff(stream.read(4096)) == "dicom"
    if path.stat().st_size > limits.file_bytes:
        raise TooLarge(f"expected a file of at most {limits.file_bytes >> 20} MiB")
    return found


def _moved(path: Path, folder: Path) -> Path:
    """A thing moved into a folder, under a free name there."""
    target, number = folder / path.name, 1
    while os.path.lexists(target):
        number += 1
        target = folder / f"{number}-{path.name}"
    return path.rename(target)
