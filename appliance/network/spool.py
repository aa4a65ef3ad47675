"""Received images of series that are not complete yet: files below ``incoming``, under pseudonyms.

A folder for each series, a file for each image; written whole, and on the disk before the sender is
told so. A restart finds what was there. Other processes (``neuralscan pacs fetch``) may add to it.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from appliance.atomic import put_file
from appliance.core.errors import CorruptFile, Unavailable
from appliance.dicom_frame import Frame
from appliance.network.frames import pack, unpack

FOLDER, OUTBOX = "incoming", "outbox"
_DONE = "done"
_KEY = re.compile(r"([0-9.]{1,64})_([0-9.]{1,64})")
_SUFFIX = ".npz"


class Full(Unavailable):
    """There is no room for another image: of this series, of the folder, or on the disk."""


@dataclass(frozen=True, order=True)
class Key:
    """A series, by the pseudonyms of its study and of itself."""

    study: str
    series: str

    @property
    def name(self) -> str:
        """Its folder."""
        return f"{self.study}_{self.series}"


@dataclass(frozen=True)
class Room:
    """How much may be kept.

    Attributes
    ----------
    images, series_bytes : int
        Of one series.
    total_bytes : int
        Of all of them.
    reserve_bytes : int
        What has to stay free on the disk.
    """

    images: int
    series_bytes: int
    total_bytes: int
    reserve_bytes: int


class Spool:
    """The folder of received images; safe for several threads.

    Parameters
    ----------
    data : Path
        The data folder.
    """

    def __init__(self, data: Path, room: Room) -> None:
        self._folder, self._room = data / FOLDER, room
        self._lock = threading.RLock()
        self._sizes: dict[Key, dict[str, int]] = {}
        self._on_the_way = 0
        try:
            (self._folder / _DONE).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise Unavailable(
                f"received images cannot be kept in {self._folder} ({error.strerror})"
            ) from error
        self.look()

    def look(self) -> list[Key]:
        """All series there are; takes note of what other processes added or removed."""
        found = [key for path in self._folder.iterdir() if (key := _key_of(path.name))]
        with self._lock:
            for key in set(self._sizes) - set(found):
                del self._sizes[key]
            for key in found:
                if key not in self._sizes:
                    self._sizes[key] = self._measured(key)
        return sorted(found)

    def _measured(self, key: Key) -> dict[str, int]:
        sizes = {}
        with suppress(FileNotFoundError):
            for path in (self._folder / key.name).glob(f"*{_SUFFIX}"):
                with suppress(FileNotFoundError):
                    sizes[path.name] = path.stat().st_size
        return sizes

    def put(self, frames: list[Frame]) -> Key:
        """Keep the frames of one image, under pseudonyms already; it is on the disk afterwards.

        Raises
        ------
        Full
            When there is no room. Nothing is left behind.
        Unavailable
            When nothing can be written.
        """
        header = frames[0].header
        key = Key(header.study_instance_uid, header.series_instance_uid)
        if not _KEY.fullmatch(key.name):
            raise CorruptFile("expected UIDs of study and series; export the series again")
        image = hashlib.sha256(frames[0].instance[0].encode()).hexdigest()[:32] + _SUFFIX
        data = pack(frames)
        with self._lock:
            self._make_room(key, image, len(data))
            self._on_the_way += len(data)
        try:
            folder = self._folder / key.name
            folder.mkdir(exist_ok=True)
            put_file(folder / image, data, 0o600)
        except OSError as error:
            if error.errno in (28, 122):  # no space, over quota
                raise Full("the disk is full; free space on it") from error
            raise Unavailable(f"a received image cannot be kept ({error.strerror})") from error
        finally:
            with self._lock:
                self._on_the_way -= len(data)
        with self._lock:
            self._sizes.setdefault(key, {})[image] = len(data)
        return key

    def _make_room(self, key: Key, image: str, size: int) -> None:
        room, kept = self._room, self._sizes.get(key, {})
        if image not in kept and len(kept) >= room.images:
            raise Full(f"expected at most {room.images} images in a series")
        if sum(kept.values()) - kept.get(image, 0) + size > room.series_bytes:
            raise Full(f"expected at most {room.series_bytes >> 20} MiB in a series")
        if self._fits(size):
            return
        for old in self._finished():
            if old != key:
                self.remove(old)
                if self._fits(size):
                    return
        raise Full("there is no room for further images; wait until those here are done")

    def _fits(self, size: int) -> bool:
        if self.bytes + self._on_the_way + size > self._room.total_bytes:
            return False
        free = shutil.disk_usage(self._folder).free
        return free - self._on_the_way - size >= self._room.reserve_bytes

    def _finished(self) -> list[Key]:
        """Series that are done, the one that arrived first leading."""
        done = [key for key in self._sizes if self.is_done(key)]
        return sorted(done, key=lambda key: self.changed(key) or 0)

    @property
    def bytes(self) -> int:
        """Of all images."""
        return sum(sum(sizes.values()) for sizes in list(self._sizes.values()))

    def count(self, key: Key) -> int:
        """Images of a series, as far as this process knows."""
        return len(self._sizes.get(key, {}))

    def changed(self, key: Key) -> int | None:
        """A number that changes with every image that comes; None when the series is gone."""
        try:
            return (self._folder / key.name).stat().st_mtime_ns
        except FileNotFoundError:
            return None

    def frames(self, key: Key) -> list[Frame]:
        """All frames of a series, without those whose file is damaged."""
        with self._lock:
            self._sizes[key] = sizes = self._measured(key)
        found: list[Frame] = []
        for name in sorted(sizes):
            with suppress(FileNotFoundError, CorruptFile):
                found += unpack((self._folder / key.name / name).read_bytes())
        return found

    def finish(self, key: Key, changed: int) -> None:
        """Say that a series is done as it was when `changed` was asked."""
        put_file(self._folder / _DONE / key.name, json.dumps({"changed": changed}).encode(), 0o600)

    def is_done(self, key: Key) -> bool:
        """Whether a series is done and nothing came since."""
        try:
            said = json.loads((self._folder / _DONE / key.name).read_bytes())
            return said["changed"] == self.changed(key)
        except (OSError, ValueError, KeyError):
            return False

    def remove(self, key: Key) -> None:
        """Forget a series."""
        with self._lock:
            self._sizes.pop(key, None)
            shutil.rmtree(self._folder / key.name, ignore_errors=True)
            (self._folder / _DONE / key.name).unlink(missing_ok=True)


def _key_of(name: str) -> Key | None:
    match = _KEY.fullmatch(name)
    return Key(*match.groups()) if match else None


def waiting_studies(data: Path) -> set[str]:
    """The pseudonyms of studies of which images are kept here."""
    try:
        names = os.listdir(data / FOLDER)
    except OSError:
        return set()
    return {key.study for name in names if (key := _key_of(name))}


def forget(data: Path, study: str) -> None:
    """Remove what was received of a study, and what is waiting to be sent of it."""
    for folder in (data / FOLDER, data / FOLDER / _DONE, data / OUTBOX):
        for path in folder.glob(f"{study}_*"):
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
