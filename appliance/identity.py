"""Original identifiers, kept sealed for results that go back to the archive they came from.

Only the linked mode writes here. What the pseudonyms of a study stand for is one file below the
data folder, encrypted with a key that lies outside it: whoever takes the data folder alone, or a
backup of it, learns nothing. Whoever can read both, as the account that runs the server can,
learns everything. An entry ends with its study.

References
----------
NIST SP 800-38D (AES-GCM): the study's pseudonym is authenticated with each entry, so that entries
cannot be exchanged for one another (`appliance.sealed`).
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import stat
import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from appliance import sealed
from appliance.atomic import put_file
from appliance.core.errors import Unavailable
from appliance.dicom_origin import Origin
from appliance.pseudonym import secret_file

FOLDER = "identities"
KEY_FILE = "identity.key"
_SUFFIX, _KEY_BYTES = ".sealed", 32
_RECORDS = 64
"""More than so many are made one when they are read."""
_CHECK = "key.check"
_MAGIC = b"neuralscan-identity-1\n"


class Vault:
    """Original identifiers by the pseudonym of their study; safe for several threads.

    Parameters
    ----------
    folder : Path
        The data folder; entries are files below its ``identities``.
    key : Path or None
        The file of the key: 32 bytes, readable by its owner only, made when it is missing and
        nothing was sealed yet. None for a vault that can only erase: no key is looked at.

    Raises
    ------
    Unavailable
        When the key is missing, damaged, readable by others, another one than sealed the entries
        that are there, or lies in the data folder itself.
    """

    def __init__(self, folder: Path, key: Path | None) -> None:
        self._folder = folder / FOLDER
        self._lock = threading.Lock()
        self._ends: dict[str, sealed.Mark] = {}
        self._cipher = None
        if key is not None:
            secret = _key(key, folder, sealed=bool(self.studies()))
            self._demand_same(secret, key)
            self._cipher = AESGCM(secret)

    @property
    def open(self) -> bool:
        """Whether there is a key: whether identifiers can be kept and read."""
        return self._cipher is not None

    def put(self, study_uid: str, origin: Origin) -> None:
        """Keep what a study's pseudonyms stand for, together with what is known of it already.

        What is known is not read for it: an image more costs the same at any number of images.

        Raises
        ------
        Unavailable
            When there is no key, an earlier entry is none of ours, or nothing can be written.
        """
        cipher, path = self._demand_key(), self._path(study_uid)
        with self._lock, _explained():
            known = self._ends.get(study_uid, sealed.NOWHERE)
            self._ends[study_uid] = sealed.append(path, cipher, study_uid, _plain(origin), known)

    def get(self, study_uid: str) -> Origin | None:
        """What a study's pseudonyms stand for; None when that was not kept.

        Raises
        ------
        Unavailable
            When there is no key, or the entry was damaged, exchanged or sealed with another key.
        """
        cipher, path = self._demand_key(), self._path(study_uid)
        with self._lock, _explained():
            try:
                records = sealed.read(path, cipher, study_uid)
            except FileNotFoundError:
                return None
            whole = Origin.together(Origin(**json.loads(record)) for record in records)
            if len(records) > _RECORDS:
                with suppress(OSError):  # else it stays as it is: longer, not wrong
                    self._ends[study_uid] = sealed.replace(path, cipher, study_uid, [_plain(whole)])
            return whole

    def erase(self, study_uid: str) -> None:
        """Forget a study: its entry is overwritten and removed. Needs no key."""
        with self._lock:
            self._ends.pop(study_uid, None)
            self._erase(self._path(study_uid))

    def studies(self) -> set[str]:
        """The pseudonyms of the studies that have an entry."""
        return {path.name.removesuffix(_SUFFIX) for path in self._folder.glob(f"*{_SUFFIX}")}

    def keep_only(self, studies: Collection[str]) -> None:
        """Erase the entries of studies that are no more, and what a kill left half written."""
        with self._lock:
            for study in self.studies() - set(studies):
                self._ends.pop(study, None)
                self._erase(self._path(study))
            for part in self._folder.glob(".*"):
                self._erase(part)

    def _path(self, study_uid: str) -> Path:
        return self._folder / f"{study_uid}{_SUFFIX}"

    def _demand_key(self) -> AESGCM:
        if self._cipher is None:
            raise Unavailable("identifiers are kept in the linked mode only: serve --linked")
        return self._cipher

    def _erase(self, path: Path) -> None:
        """Overwrite what some file systems would leave readable on the disk, then remove it."""
        with suppress(OSError), path.open("r+b") as stream:
            stream.write(secrets.token_bytes(os.fstat(stream.fileno()).st_size))
            stream.flush()
            os.fsync(stream.fileno())
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise Unavailable(
                f"the original identifiers of a study cannot be removed ({error.strerror}); "
                "check the rights of the data folder"
            ) from error

    def _demand_same(self, secret: bytes, key: Path) -> None:
        """Make sure that this key sealed what is there; remember it by a digest otherwise."""
        path = self._folder / _CHECK
        said = hashlib.sha256(_MAGIC + secret).hexdigest()[:16]
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            if self.studies() and path.exists() and path.read_text() != said:
                raise Unavailable(
                    f"the key {key} is not the one that sealed the identifiers kept here; restore "
                    "that one, or delete the studies in question"
                )
            put_file(path, said.encode(), 0o600)
        except OSError as error:
            raise Unavailable(
                f"the original identifiers cannot be kept in {self._folder} ({error.strerror})"
            ) from error


def _plain(origin: Origin) -> bytes:
    return json.dumps(origin.to_json(), ensure_ascii=False).encode()


@contextmanager
def _explained() -> Iterator[None]:
    """What goes wrong with an entry, as errors of ours."""
    try:
        yield
    except OSError as error:
        raise Unavailable(
            f"the original identifiers cannot be kept or read ({error.strerror or error}); free "
            "space on the disk, or serve without --linked"
        ) from error
    except (ValueError, TypeError) as error:
        raise Unavailable(
            "the original identifiers of this study cannot be opened: the entry is damaged, or "
            "sealed with another key; restore the key, or delete the study and send it again"
        ) from error


def _key(path: Path, data: Path, sealed: bool) -> bytes:
    """The key in a file, made when there is none and nothing depends on an earlier one."""
    if path.resolve().is_relative_to(data.resolve()):
        raise Unavailable(
            f"the key of the identifiers ({path}) would lie in the data folder it protects; name "
            "a place outside it with NEURALSCAN_IDENTITY_KEY"
        )
    try:
        if not path.exists():
            if sealed:
                raise Unavailable(
                    f"the key of the identifiers is gone ({path}), entries sealed with it are "
                    "there; restore it, or delete the studies they belong to"
                )
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            secret_file(path, _KEY_BYTES)
        if os.name == "posix" and stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise Unavailable(
                f"the key of the identifiers ({path}) can be read by others than its owner; "
                f"run: chmod 600 {path}"
            )
        key = path.read_bytes()
    except OSError as error:
        raise Unavailable(
            f"the key of the identifiers cannot be read or written ({path}: "
            f"{error.strerror or error}); name another place with NEURALSCAN_IDENTITY_KEY"
        ) from error
    if len(key) != _KEY_BYTES:
        raise Unavailable(
            f"expected {_KEY_BYTES} bytes in {path}, found {len(key)}; make one with: "
            f"openssl rand -out FILE {_KEY_BYTES}"
        )
    return key
