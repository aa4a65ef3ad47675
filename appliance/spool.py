"""What is too large for memory on its way in or out, on disk only under a key nobody keeps.

A web server puts long requests and answers into temporary files, with the names of patients in
them. Such a file has no name and goes with its process, but its blocks stay on the disk. So what is
written there is encrypted with a key that exists in this process's memory, for that file alone.

References
----------
NIST SP 800-38A 6.5 (counter mode: any place can be read by itself).
"""

from __future__ import annotations

import io
import secrets
from tempfile import TemporaryFile

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR

_BLOCK = 16


class _Sealed(io.RawIOBase):
    """A nameless file, encrypted place by place. No place is meant to be written twice."""

    def __init__(self) -> None:
        self._file = TemporaryFile("w+b", buffering=0)  # noqa: SIM115
        self._key, self._start = secrets.token_bytes(32), secrets.randbits(64) << 64

    def _mixed(self, data: bytes, place: int) -> bytes:
        """Encrypted or decrypted: in counter mode both are the same."""
        whole, rest = divmod(place, _BLOCK)
        counter = (self._start + whole).to_bytes(_BLOCK, "big")
        mix = Cipher(AES(self._key), CTR(counter)).encryptor()
        mix.update(bytes(rest))
        return mix.update(data)

    def readinto(self, buffer) -> int:
        place = self._file.tell()
        data = self._file.read(len(buffer))
        buffer[: len(data)] = self._mixed(data, place)
        return len(data)

    def write(self, data) -> int:
        return self._file.write(self._mixed(bytes(data), self._file.tell()))

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def readable(self) -> bool:
        return True

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def close(self) -> None:
        if not self.closed:
            self._file.close()
        super().close()


def sealed_file() -> io.BufferedRandom:
    """A temporary file, to write and read, that means nothing to anybody else.

    Examples
    --------
    >>> with sealed_file() as stream:
    ...     _ = stream.write(b"Doe, Jane")
    ...     _ = stream.seek(5)
    ...     stream.read()
    b'Jane'
    """
    return io.BufferedRandom(_Sealed(), 1 << 16)
