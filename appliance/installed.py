"""Installed packages: several versions of each, one of them active, changed in single steps.

::

    models/
    ├── NAME/
    │   ├── VERSION/         a package, written whole or not at all
    │   └── active.json      which version is active, and which were before it
    └── .…                   work under way; removed by the next change when its process died
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from appliance.atomic import put_file, sync_folder, write_part
from appliance.core.errors import BadRequest, ManifestError, NotFound, Unavailable
from appliance.outputs import writing
from appliance.package import MANIFEST, Package, open_package
from appliance.parcel import unpack
from appliance.signing import Trust

POINTER = "active.json"
SCHEMA = "neuralscan/active/1"
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,63}")
_KEPT = 20


@dataclass(frozen=True)
class Pointer:
    """Which version of a package is active.

    Attributes
    ----------
    history : tuple of str
        Versions in the order they were activated; the last one is active. Empty: none is.
    changed_utc : str
        When this was written, ISO 8601.
    """

    history: tuple[str, ...] = ()
    changed_utc: str = ""

    @property
    def version(self) -> str | None:
        return self.history[-1] if self.history else None


def plain_name(text: str, what: str) -> str:
    """A name that is safe as a folder's; raises BadRequest otherwise.

    >>> plain_name("first-2", "name")
    'first-2'
    """
    if not _PLAIN.fullmatch(text) or ".." in text:
        raise BadRequest(
            f"the package's {what} {text!r} cannot be a folder's name: expected up to 64 letters, "
            "digits and . _ + -"
        )
    return text


class Installed:
    """The installed packages of a folder.

    Parameters
    ----------
    root : Path
        ``models`` below the data folder; made when something is installed.
    trust : Trust
        Whose packages may be installed.
    """

    def __init__(self, root: Path, trust: Trust) -> None:
        self.root, self.trust = root, trust

    def names(self) -> list[str]:
        """Packages of which a version is installed, or should be."""
        pointed = {path.parent.name for path in self.root.glob(f"*/{POINTER}")}
        return sorted({folder.parent.name for folder in self.folders()} | pointed)

    def folders(self) -> list[Path]:
        """The folder of every installed version, by name and version."""
        found = (path.parent for path in self.root.glob(f"*/*/{MANIFEST}"))
        return sorted(f for f in found if f.name[0] != "." and f.parent.name[0] != ".")

    def versions(self, name: str) -> list[str]:
        """Installed versions of a package."""
        return [folder.name for folder in self.folders() if folder.parent.name == name]

    def pointer(self, name: str) -> Pointer:
        """Which version of a package is active.

        Raises
        ------
        ManifestError
            When the file was damaged.
        """
        path = self.root / name / POINTER
        try:
            document = json.loads(path.read_bytes())
            history = tuple(plain_name(v, "version") for v in document["history"])
            if document["schema"] != SCHEMA:
                raise ValueError(f"schema {document['schema']!r}")
            return Pointer(history, str(document["changed_utc"]))
        except FileNotFoundError:
            return Pointer()
        except (OSError, ValueError, KeyError, TypeError, BadRequest) as error:
            raise ManifestError(
                f"which version of {name} is active cannot be read ({error}); "
                f"run `neuralscan models activate {name} VERSION`"
            ) from error

    def active(self) -> list[Path]:
        """Folders of the active versions, the one activated last first."""
        found = []
        for name in self.names():
            pointer = self.pointer(name)
            if pointer.version is not None:
                found.append((pointer.changed_utc, self.root / name / pointer.version))
        return [folder for _, folder in sorted(found, reverse=True)]

    def install(self, source: Path) -> Package:
        """Take over a package from a folder or a zip; it is not active yet.

        Raises
        ------
        BadRequest
            When the source is no package, or another one has this name and version.
        ManifestError, ChecksumMismatch, SignatureError
            When it is not whole, or not signed as asked.
        Unavailable
            When the disk is full.
        """
        manifest, files = unpack(source, self.trust)
        name = plain_name(manifest.name, "name")
        version = plain_name(manifest.version, "version")
        target = self.root / name / version
        with self._changing():
            if target.exists():
                return self._same(target, files[MANIFEST])
            part = write_part(self.root, "install", files)
            try:
                open_package(part, self.trust).verify()  # as it is on disk now
                target.parent.mkdir(exist_ok=True)
                part.replace(target)
            except BaseException:
                shutil.rmtree(part, ignore_errors=True)
                raise
            sync_folder(target.parent)
        return open_package(target, self.trust)

    def _same(self, target: Path, card: bytes) -> Package:
        package = open_package(target, self.trust)
        if (target / MANIFEST).read_bytes() != card:
            raise BadRequest(
                f"{package.name} {package.version} is installed already, with other content; "
                f"run `neuralscan models remove {package.name} {package.version}` first"
            )
        package.verify()
        return package

    def version(self, name: str, version: str) -> Package:
        """An installed version; raises NotFound."""
        if version not in self.versions(name):
            known = ", ".join(self.versions(name)) or "none"
            raise NotFound(f"{name} {version} is not installed; installed versions: {known}")
        return open_package(self.root / name / version, self.trust)

    def activate(self, name: str, version: str) -> Package:
        """Make a version the active one; it is verified first.

        Raises
        ------
        NotFound, ChecksumMismatch, SignatureError
        """
        package = self.version(name, version)
        package.verify()
        with self._changing():
            try:
                history = self.pointer(name).history
            except ManifestError:
                history = ()
            self._point(name, (*(v for v in history if v != version), version))
        return package

    def rollback(self, name: str) -> str | None:
        """Make the version active that was so before.

        Returns
        -------
        str or None
            The version that is active now; None when none is left, so that a package of this
            name elsewhere (the shipped one) answers again.

        Raises
        ------
        NotFound
            When no version is active.
        """
        with self._changing():
            history = self.pointer(name).history
            if not history:
                raise NotFound(f"no installed version of {name} is active: nothing to go back from")
            there = set(self.versions(name))
            before = tuple(v for v in history[:-1] if v in there)
            if before:
                self.version(name, before[-1]).verify()
            self._point(name, before)
        return before[-1] if before else None

    def remove(self, name: str, version: str | None = None) -> list[str]:
        """Remove a version, or all of a package.

        Returns
        -------
        list of str
            The versions that were removed.

        Raises
        ------
        NotFound
            When it is not installed.
        BadRequest
            When the version is the active one.
        """
        with self._changing():
            there = self.versions(name)
            if not there or (version is not None and version not in there):
                known = ", ".join(there) or "none"
                raise NotFound(
                    f"{name} {version or ''}".rstrip() + f" is not installed; versions: {known}"
                )
            if version is None:
                self._drop(self.root / name)
                return there
            pointer = self.pointer(name)
            if version == pointer.version:
                raise BadRequest(
                    f"{name} {version} is active; activate another version first, run "
                    f"`neuralscan models rollback {name}`, or remove all of {name}"
                )
            self._point(name, tuple(v for v in pointer.history if v != version))
            self._drop(self.root / name / version)
        return [version]

    def _drop(self, folder: Path) -> None:
        """Out of sight in one step, then off the disk."""
        gone = self.root / f".gone-{folder.parent.name}-{folder.name}-{os.getpid()}"
        folder.replace(gone)
        sync_folder(folder.parent)
        shutil.rmtree(gone, ignore_errors=True)

    def _point(self, name: str, history: tuple[str, ...]) -> None:
        changed = datetime.now(timezone.utc).isoformat()
        document = {"schema": SCHEMA, "history": history[-_KEPT:], "changed_utc": changed}
        put_file(self.root / name / POINTER, (json.dumps(document, indent=1) + "\n").encode())

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """One change at a time; what a killed process left behind is removed first."""
        remedy = "choose another folder with NEURALSCAN_HOME"
        with writing(self.root, remedy, "packages"):
            self.root.mkdir(parents=True, exist_ok=True)
            with open(self.root / ".lock", "a") as lock:
                _lock(lock.fileno())
                for left in (*self.root.glob(".install-*"), *self.root.glob(".gone-*")):
                    shutil.rmtree(left, ignore_errors=True)
                for left in self.root.glob(f"*/.{POINTER}-*"):
                    left.unlink(missing_ok=True)
                yield


def _lock(handle: int) -> None:
    """Hold the folder until the file is closed; raises Unavailable when another process does."""
    if os.name != "posix":
        return
    import fcntl

    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise Unavailable(
            "another process changes the installed packages; try again in a moment"
        ) from error
