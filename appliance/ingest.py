"""Any upload or path to a `Study`: recognised by content, unpacked within limits, then read.

A study always comes back. What could not be read stands in it as a refusal, with the reason; only
a path that does not exist raises. Nothing is unpacked to disk, names are never used as paths, and
identifiers stay behind in the readers.
"""

from __future__ import annotations

import hashlib
import io
import logging
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from appliance import archives, dicom, nifti, pictures
from appliance.archives import natural_key
from appliance.core.errors import (
    ApplianceError,
    CorruptFile,
    EmptyFile,
    EncryptedFile,
    InputError,
    NotFound,
    TooLarge,
    UnsupportedFormat,
)
from appliance.core.types import Refusal, Series, Study, Volume
from appliance.dicom_frame import Frame
from appliance.dicom_stack import assemble, uid_from
from appliance.formats import foreign, is_junk, kind_of, sniff
from appliance.gzipped import Unpacking
from appliance.limits import Limits

__all__ = ["Limits", "base_name", "read_bytes", "read_files", "read_path"]

logger = logging.getLogger(__name__)

_READABLE = "a PNG, JPEG, TIFF or BMP picture, DICOM, NIfTI or a zip of these"
_DEFAULT = Limits()
_HEAD, _STEP = 4096, 1 << 20

Content = bytes | BinaryIO
"""What a file holds; a seekable file is read in pieces where its kind allows it."""


def read_bytes(data: Content, name: str, limits: Limits = _DEFAULT, linked: bool = False) -> Study:
    """The study in one uploaded file: a picture, a DICOM file, a NIfTI or a zip.

    Parameters
    ----------
    data : bytes or seekable binary file
    name : str
        What the user calls it; shown, and read for a NIfTI's sequence, never used as a path.
    linked : bool
        Keep what names patient and study in a DICOM header, as `Source.header`.

    Returns
    -------
    Study
        With no series and one refusal when the file cannot be read at all.

    Examples
    --------
    >>> read_bytes(b"", "scan.png").refusals[0].code
    'empty'
    """
    collector = _Collector(base_name(name), limits, linked)
    collector.add(name, data)
    return collector.study(alone=True)


def read_files(
    files: Iterable[tuple[str, Content]], limits: Limits = _DEFAULT, linked: bool = False
) -> Study:
    """The study in several uploaded files; DICOM files are grouped into series.

    Parameters
    ----------
    files : iterable of (name, bytes or seekable binary file)
    """
    files = list(files)
    if len(files) == 1:
        return read_bytes(files[0][1], files[0][0], limits, linked)
    names = [name.replace("\\", "/").strip("/") for name, _ in files]
    folders = {name.split("/")[0] for name in names if "/" in name}
    shown = folders.pop() if len(folders) == 1 else base_name(names[0]) if names else ""
    collector = _Collector(base_name(shown), limits, linked)
    collector.add_all((name, _given(data)) for name, (_, data) in zip(names, files, strict=True))
    return collector.study()


def read_path(
    path: str | os.PathLike[str], limits: Limits = _DEFAULT, linked: bool = False
) -> Study:
    """The study in a file, or in all files below a folder.

    Raises
    ------
    NotFound
        When there is nothing at the path.
    """
    path = Path(path)
    if not path.exists():
        raise NotFound(f"expected a file or folder, there is nothing at {path}")
    collector = _Collector(base_name(path.name or path.resolve().name), limits, linked)
    if path.is_dir():
        collector.add_all(_below(path, limits))
        return collector.study()
    collector.add_all([(path.name, _opener(path, limits))])
    return collector.study(alone=True)


def base_name(name: str) -> str:
    """The last part of a path, as text every output can hold: a name may be any bytes."""
    base = name.replace("\\", "/").rstrip("/").rsplit("/", 1)[-1]
    return base.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _given(data: Content) -> Callable[[], Content]:
    return lambda: data


def _below(folder: Path, limits: Limits) -> Iterator[tuple[str, Callable[[], Content]]]:
    """Every file of a folder with its relative path, links to folders not followed."""
    found = [Path(root, name) for root, _, names in os.walk(folder) for name in names]
    for path in sorted(found, key=lambda p: natural_key(p.relative_to(folder).as_posix())):
        yield path.relative_to(folder).as_posix(), _opener(path, limits)


def _opener(path: Path, limits: Limits) -> Callable[[], Content]:
    def load() -> Content:
        try:
            if not path.is_file():
                raise UnsupportedFormat("expected a plain file, found something else")
            if path.stat().st_size > limits.file_bytes:
                raise _too_many_bytes(limits)
            return path.open("rb")
        except OSError as error:
            raise CorruptFile("expected a file that can be opened; check its rights") from error

    return load


def _too_many_bytes(limits: Limits) -> TooLarge:
    return TooLarge(
        f"expected a file of at most {limits.file_bytes >> 20} MiB; send a smaller part"
    )


class _Collector:
    """Gathers what the files of one study turn out to be."""

    def __init__(self, name: str, limits: Limits, linked: bool) -> None:
        self._name, self._limits, self._linked = name, limits, linked
        self._series: list[Series] = []
        self._refusals: list[Refusal] = []
        self._junk: list[Refusal] = []
        self._frames: list[Frame] = []
        self._digests: list[str] = []
        self._decoded = 0

    def add_all(self, members: Iterable[tuple[str, Callable[[], Content]]], depth: int = 0) -> None:
        """Add each member, loaded one at a time, within the limits on number and bytes."""
        total = 0
        for count, (name, load) in enumerate(members, 1):
            if count > self._limits.members or total > self._limits.unpacked_bytes:
                error = TooLarge(
                    f"expected at most {self._limits.members} files and "
                    f"{self._limits.unpacked_bytes >> 20} MiB together, found more; "
                    "send a smaller part"
                )
                self._refuse(self._name, "", "unknown", error)
                return
            try:
                data = load()
            except InputError as error:
                self._refuse(name, "", "unknown", error)
                continue
            total += self.add(name, data, depth)

    def add(self, name: str, data: Content, depth: int = 0) -> int:
        """One file, whatever it is; its bytes."""
        digest, kind, length = "", "unknown", 0
        with io.BytesIO(data) if isinstance(data, bytes) else data as file:
            try:
                digest, length = _digest_of(file)
                self._digests.append(digest)
                kind = sniff(file.read(_HEAD))
                file.seek(0)
                if length > self._limits.file_bytes:
                    raise _too_many_bytes(self._limits)
                if kind == "zip":
                    self._add_zip(file, depth)
                else:
                    self._add_scan(base_name(name), file, length, digest, kind)
            except InputError as error:
                self._refuse(name, digest, kind, error)
            except Exception as error:
                # The last resort: an upload may end in a refusal, never in a traceback.
                logger.warning("reader failed on %s: %s", digest[:12], type(error).__name__)
                damaged = CorruptFile(f"expected {_READABLE}; this one is damaged: export it again")
                self._refuse(name, digest, kind, damaged)
        return length

    def _add_scan(self, name: str, file: BinaryIO, length: int, digest: str, kind: str) -> None:
        most: int | None = length
        if kind == "gzip":
            kind = sniff(Unpacking(file, length, self._limits).read(_HEAD))
            if kind in ("zip", "gzip"):
                raise UnsupportedFormat("expected a scan in the gzip file, found another archive")
            file.seek(0)
            file, most = io.BufferedReader(Unpacking(file, length, self._limits), _STEP), None
        if kind == "nifti":
            self._keep(nifti.read(file, name, digest, self._limits, most))
            return
        data = file.read()
        if kind == "dicom":
            frames = dicom.parse(data, digest, self._limits, self._linked)
            self._tally(sum(frame.array.nbytes for frame in frames))
            self._frames += frames
        elif kind in ("png", "jpeg", "tiff", "bmp"):
            array, warnings = pictures.read(data, self._limits)
            self._keep(Series(Volume(array), "image", name, digest, warnings=warnings))
        else:
            raise _not_a_scan(data, kind)

    def _keep(self, series: Series) -> None:
        self._tally(series.volume.array.nbytes)
        self._series.append(series)

    def _tally(self, size: int) -> None:
        if self._decoded + size > self._limits.unpacked_bytes:
            raise TooLarge(
                f"expected at most {self._limits.unpacked_bytes >> 20} MiB of pixels in one study; "
                "send a smaller part"
            )
        self._decoded += size

    def _add_zip(self, file: BinaryIO, depth: int) -> None:
        if depth:
            raise UnsupportedFormat("expected scans in the zip, found another zip; unpack it first")
        members, locked = archives.members(file, self._limits)
        self.add_all(members, depth + 1)
        if locked:
            raise EncryptedFile(
                f"expected an open zip, {locked} of its files are protected by a password; "
                "pack it without one"
            )

    def _refuse(self, name: str, digest: str, kind: str, error: ApplianceError) -> None:
        shown = base_name(name)
        refusal = Refusal(error.code, error.message, shown, digest, kind_of(shown, kind))
        (self._junk if is_junk(name, kind) else self._refusals).append(refusal)

    def study(self, alone: bool = False) -> Study:
        """Everything gathered; clutter is mentioned only when there is nothing else.

        Parameters
        ----------
        alone : bool
            Whether the study is one file, which then is no clutter.
        """
        stacks, refused = assemble(self._frames, self._name)
        refusals = [*self._refusals, *refused]
        found = [*self._series, *stacks]
        if not found and not refusals:
            refusals = self._junk if alone and len(self._junk) == 1 else [self._nothing()]
        digest = hashlib.sha256("".join(sorted(self._digests)).encode()).hexdigest()
        of_dicom = {series.study_instance_uid for series in stacks}
        uid = of_dicom.pop() if len(of_dicom) == 1 else uid_from(f"study {digest}")
        series, taken = [], set()
        for one in found:
            own = one.series_instance_uid or uid_from(f"series {one.sha256}")
            while own in taken:
                own = uid_from(f"{own}#")
            taken.add(own)
            study_uid = one.study_instance_uid or uid
            series.append(replace(one, series_instance_uid=own, study_instance_uid=study_uid))
        return Study(uid, tuple(series), tuple(refusals))

    def _nothing(self) -> Refusal:
        if not self._junk:
            message = "expected scans, found no files; check the folder or the archive"
            return Refusal(EmptyFile.code, message, self._name)
        message = f"expected {_READABLE}, found {len(self._junk)} files of other kinds"
        return Refusal(UnsupportedFormat.code, message, self._name)


def _digest_of(file: BinaryIO) -> tuple[str, int]:
    """SHA-256 and length of a file, which stands at its start before and afterwards."""
    digest, length = hashlib.sha256(), 0
    while part := file.read(_STEP):
        digest.update(part)
        length += len(part)
    file.seek(0)
    return digest.hexdigest(), length


def _not_a_scan(data: bytes, kind: str) -> InputError:
    if kind == "empty":
        return EmptyFile("expected a scan, the file is empty; copy or export it again")
    if kind == "encrypted":
        return EncryptedFile("the file is encrypted; export it without protection")
    found = foreign(data) or {"text": "a text; export the scan itself"}.get(kind)
    found = found or "bytes of no known kind; check the file, or export it again"
    return UnsupportedFormat(f"expected {_READABLE}, found {found}")
