"""Gzip files read as they unpack: within limits, and never as a whole unless that is asked for."""

from __future__ import annotations

import io
import zlib
from typing import BinaryIO

from appliance.core.errors import CorruptFile, TooLarge
from appliance.limits import Limits

_STEP = 1 << 20
_PACKED_STEP = 256 << 10
_MAGIC = b"\x1f\x8b"


class Unpacking(io.RawIOBase):
    """What a gzip file holds, from its start to its end, once.

    Reading raises CorruptFile where the file is damaged or ends too early, and TooLarge where it
    grows beyond the limits.

    Parameters
    ----------
    packed : binary file
        Read from where it stands.
    length : int
        Of the packed file, bytes: what it may grow to depends on it.
    """

    def __init__(self, packed: BinaryIO, length: int, limits: Limits) -> None:
        self._packed = packed
        allowed = max(limits.ratio_from_bytes, min(limits.unpacked_bytes, limits.ratio * length))
        self._allowed = min(allowed, limits.unpacked_bytes)
        self._stream = zlib.decompressobj(wbits=31)
        self._rest = b""
        self._total = 0
        self._over = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:
        part = b""
        while not part and not self._over and len(buffer):
            part = self._next(min(len(buffer), _STEP))
        buffer[: len(part)] = part
        return len(part)

    def _next(self, most: int) -> bytes:
        """The next bytes, none of them where a step of the way yields nothing yet."""
        self._rest = self._rest or self._packed.read(_PACKED_STEP)
        if self._stream.eof:
            return self._following()
        try:
            part = self._stream.decompress(self._rest, most)
        except zlib.error as error:
            raise CorruptFile(
                "expected a whole gzip file, its data are damaged; copy the file again"
            ) from error
        if not part and not self._rest and not self._stream.eof:
            raise CorruptFile("expected a whole gzip file, its end is missing; copy the file again")
        self._rest = self._stream.unused_data or self._stream.unconsumed_tail
        self._total += len(part)
        if self._total > self._allowed:
            raise TooLarge(
                f"expected a gzip file of at most {self._allowed >> 20} MiB unpacked, found more; "
                "send the volume uncompressed"
            )
        return part

    def _following(self) -> bytes:
        """Begin with the next gzip file where one follows; else this was all."""
        self._rest = self._rest.lstrip(b"\0")
        if not self._rest:
            self._rest = self._packed.read(_PACKED_STEP)
            self._over = not self._rest
        elif len(self._rest) == 1:
            more = self._packed.read(1)
            self._rest, self._over = self._rest + more, not more
        else:
            self._over = not self._rest.startswith(_MAGIC)
            self._stream = zlib.decompressobj(wbits=31)
        return b""


def gunzip(data: bytes, limits: Limits) -> bytes:
    """All of a gzip file, unless it is damaged or grows beyond the limits.

    Raises
    ------
    CorruptFile, TooLarge

    Examples
    --------
    >>> import gzip
    >>> gunzip(gzip.compress(b"ab") + gzip.compress(b"cd"), Limits())
    b'abcd'
    """
    return Unpacking(io.BytesIO(data), len(data), limits).read()
