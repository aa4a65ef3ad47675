"""Zip archives within limits, in memory: nothing is unpacked to disk, names are never paths."""

from __future__ import annotations

import io
import lzma
import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import BinaryIO

from appliance.core.errors import CorruptFile, EmptyFile, TooLarge, UnsupportedFormat
from appliance.limits import Limits

_LARGE, _STEP = 64 << 20, 1 << 20
_DAMAGED = (
    zipfile.BadZipFile,
    zlib.error,
    OSError,
    EOFError,
    ValueError,
    RuntimeError,
    AttributeError,
    LookupError,
    struct.error,
    lzma.LZMAError,
)


def natural_key(path: str) -> list[tuple[bool, int | str]]:
    """A sort key that puts slice 2 before slice 10.

    Examples
    --------
    >>> sorted(["s10", "s2"], key=natural_key)
    ['s2', 's10']
    """
    return [(p.isdigit(), int(p) if p.isdigit() else p) for p in re.split(r"([0-9]{1,18})", path)]


def members(
    data: bytes | BinaryIO, limits: Limits
) -> tuple[list[tuple[str, Callable[[], bytes | BinaryIO]]], int]:
    """The readable files of a zip, each with its loader, and the number of locked ones.

    Sizes are those of the table of contents; the loaders never yield more than it promises.

    Parameters
    ----------
    data : bytes or seekable binary file

    Returns
    -------
    members : list of (name, load)
        In natural order of the names; ``load`` raises CorruptFile or UnsupportedFormat. A large
        one is a file that unpacks while it is read, and raises them then.
    locked : int
        Files protected by a password.

    Raises
    ------
    CorruptFile, EmptyFile, TooLarge, UnsupportedFormat
    """
    file = io.BytesIO(data) if isinstance(data, bytes) else data
    try:
        archive = zipfile.ZipFile(file)
    except (*_DAMAGED, NotImplementedError) as error:
        raise CorruptFile(
            "expected a whole zip, its table of contents is damaged or missing; pack it again"
        ) from error
    infos = [info for info in archive.infolist() if not info.is_dir()]
    names = {info.filename for info in infos}
    if "[Content_Types].xml" in names or "META-INF/MANIFEST.MF" in names:
        raise UnsupportedFormat(
            "expected scans in the zip, found an office document or program; "
            "export the picture itself"
        )
    _check(infos, file.seek(0, io.SEEK_END), limits)
    opened = [info for info in infos if not info.flag_bits & 0x1]
    opened.sort(key=lambda info: natural_key(info.filename))
    return [(i.filename, _loader(archive, i)) for i in opened], len(infos) - len(opened)


def _check(infos: list[zipfile.ZipInfo], packed: int, limits: Limits) -> None:
    total = sum(info.file_size for info in infos)
    if not infos:
        raise EmptyFile("expected scans in the zip, it holds no files")
    if len(infos) > limits.members or total > limits.unpacked_bytes:
        raise TooLarge(
            f"expected a zip of at most {limits.members} files and "
            f"{limits.unpacked_bytes >> 20} MiB unpacked, found {len(infos)} files and "
            f"{total >> 20} MiB; send a smaller part"
        )
    if total > limits.ratio_from_bytes and total > limits.ratio * packed:
        raise TooLarge(
            f"expected a zip that unpacks to at most {limits.ratio} times its size, found "
            f"{total // max(packed, 1)} times; send the files themselves"
        )


def _loader(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Callable[[], bytes | BinaryIO]:
    def load() -> bytes | BinaryIO:
        with _explained():
            if info.file_size > _LARGE:
                return io.BufferedReader(_Member(archive, info), _STEP)
            return archive.read(info)

    return load


class _Member(io.RawIOBase):
    """A file of a zip that unpacks while it is read."""

    def __init__(self, archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> None:
        self._archive, self._info = archive, info
        self._file = archive.open(info)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._file.tell()

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Back to the start, or to the end; nowhere else without unpacking again."""
        if whence == io.SEEK_END and offset == 0:
            return self._info.file_size
        with _explained():
            return self._file.seek(offset, whence)

    def readinto(self, buffer) -> int:
        with _explained():
            part = self._file.read(len(buffer))
        buffer[: len(part)] = part
        return len(part)


@contextmanager
def _explained() -> Iterator[None]:
    """What zipfile raises, as errors of ours."""
    try:
        yield
    except NotImplementedError as error:
        raise UnsupportedFormat(
            "expected a zip packed with deflate, found another method; pack it again"
        ) from error
    except _DAMAGED as error:
        raise CorruptFile(
            "expected a whole file in the zip, it is damaged; pack the zip again"
        ) from error
