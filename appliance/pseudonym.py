"""Pseudonyms: the identifiers of a DICOM input replaced, always by the same ones.

A UID holds the serial number of the scanner and the time of the examination, so it tells a person
to whoever has the department's records. It is replaced by a keyed digest: the same on this
machine, so that objects of one study fit together; another one elsewhere; and nobody without the
key can try out which UID a pseudonym stands for.

References
----------
DICOM PS3.15 E.3.9 (UIDs); PS3.5 B.2 (UIDs from UUIDs); RFC 2104 (HMAC).
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from appliance.core.errors import Unavailable
from appliance.core.types import Refusal, Series, Source, Study
from appliance.ingest import read_path

KEY_FILE = "pseudonym.key"
_KEY_BYTES = 32


@dataclass(frozen=True)
class Pseudonyms:
    """A way of renaming that one key decides.

    Examples
    --------
    >>> names = Pseudonyms(bytes(32))
    >>> names.uid("1.2.840.1") == names.uid("1.2.840.1") != names.uid("1.2.840.2")
    True
    >>> names.uid("1.2.840.1") == Pseudonyms(bytes([1] * 32)).uid("1.2.840.1"), names.uid("")
    (False, '')
    """

    key: bytes = field(repr=False)

    def uid(self, uid: str) -> str:
        """The UID that stands for another; nothing stands for nothing."""
        if not uid:
            return ""
        digest = hmac.new(self.key, uid.encode(), hashlib.sha256).digest()
        return f"2.25.{int.from_bytes(digest[:16], 'big')}"

    def study(self, study: Study, keep_names: bool = True) -> Study:
        """A study without its own identifiers: UIDs renamed, names generated, no header.

        Parameters
        ----------
        keep_names : bool
            Leave pictures and NIfTI files the names their user gave them. DICOM never keeps its
            own.
        """
        of_dicom = {s.study_instance_uid for s in study.series if s.kind == "dicom"}
        uid = study.study_instance_uid
        return Study(
            self.uid(uid) if uid in of_dicom else uid,
            tuple(self.series(one, keep_names) for one in study.series),
            tuple(_renamed(refusal, keep_names) for refusal in study.refusals),
        )

    def series(self, series: Series, keep_names: bool = True) -> Series:
        """A series under its pseudonyms, as `study` makes them."""
        if series.kind != "dicom":
            return series if keep_names else replace(series, name=label_of(series))
        return replace(
            series,
            name=label_of(series),
            series_instance_uid=self.uid(series.series_instance_uid),
            study_instance_uid=self.uid(series.study_instance_uid),
            source=None if series.source is None else self._source(series.source),
        )

    def _source(self, source: Source) -> Source:
        return replace(
            source,
            instances=tuple((self.uid(uid), frame) for uid, frame in source.instances),
            frame_of_reference_uid=self.uid(source.frame_of_reference_uid),
            header={},
        )


def reader(folder: Path, linked: bool = False) -> Callable[[Path], Study]:
    """A function that reads a path to a study, under pseudonyms unless the study stays linked.

    Parameters
    ----------
    folder : Path
        The data folder whose key decides; looked at when the first DICOM file was read.
    linked : bool
        Keep the identifiers, for objects that go back to where their source came from.
    """

    def read(path: Path) -> Study:
        study = read_path(path, linked=linked)
        scans = (*study.series, *study.refusals)
        if linked or all(scan.kind != "dicom" for scan in scans):
            return study
        return load(folder).study(study)

    return read


def label_of(series: Series) -> str:
    """A name for a series that tells nobody's: what it shows, and the start of its digest.

    Examples
    --------
    >>> import numpy as np
    >>> from appliance.core.types import Volume
    >>> label_of(Series(Volume(np.zeros((1, 2, 2))), "dicom", "Doe_Jane.dcm", "ab12cd34ef", "MR"))
    'MR ab12cd34'
    >>> label_of(Series(Volume(np.zeros((1, 2, 2))), "image", "Doe.png", "ab12cd34ef"))
    'image ab12cd34'
    """
    parts = (series.modality or series.kind, series.sequence, series.plane, series.sha256[:8])
    return " ".join(part for part in parts if part)


def _renamed(refusal: Refusal, keep_names: bool) -> Refusal:
    if refusal.kind != "dicom" and keep_names:
        return refusal
    return replace(refusal, name=f"{refusal.kind} {refusal.sha256[:8]}".strip())


def load(folder: Path) -> Pseudonyms:
    """The pseudonyms of a data folder; its key is made when there is none.

    Raises
    ------
    Unavailable
        When the key can be neither read nor written, or is none.
    """
    path = folder / KEY_FILE
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            secret_file(path, _KEY_BYTES)
        key = path.read_bytes()
    except OSError as error:
        raise Unavailable(
            f"the key of the pseudonyms cannot be read or written ({path}: "
            f"{error.strerror or error}); choose another data folder"
        ) from error
    if len(key) != _KEY_BYTES:
        raise Unavailable(
            f"expected {_KEY_BYTES} bytes in {path}, found {len(key)}; restore it from a backup: "
            "with another key, studies sent again would be strangers to those kept"
        )
    return Pseudonyms(key)


def secret_file(path: Path, size: int) -> None:
    """A new random key, whole or not at all, for the owner's eyes; an earlier one wins."""
    part = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}.part")
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(secrets.token_bytes(size))
            stream.flush()
            os.fsync(stream.fileno())
        os.link(part, path)
    except FileExistsError:
        pass
    finally:
        part.unlink(missing_ok=True)
