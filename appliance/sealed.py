"""Files of sealed records: a record more costs what it holds, however many are there.

A file is a line that names its format, then records: four bytes of length, a nonce, and what
AES-GCM makes of the content. Each is bound to the name of its file's owner, so records and files
cannot be exchanged between owners. A record whose writing was cut off by a kill or a power cut,
which nobody was told to be kept, is dropped by the next one.

References
----------
NIST SP 800-38D (AES-GCM).
"""

from __future__ import annotations

import io
import os
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from appliance.atomic import put_file

_MAGIC = b"neuralscan-identity-2\n"
_FIRST = b"neuralscan-identity-1\n"
"""The format before: one record and nothing else."""
_NONCE, _LENGTH = 12, 4

Mark = tuple[int, int]
"""A file, by its inode, and a place in it where a record ended."""
NOWHERE: Mark = (0, 0)


class Damaged(ValueError):
    """A file that was changed, exchanged, or sealed with another key."""


def _sealed(cipher: AESGCM, owner: str, content: bytes) -> bytes:
    nonce = secrets.token_bytes(_NONCE)
    body = nonce + cipher.encrypt(nonce, content, _MAGIC + owner.encode())
    return len(body).to_bytes(_LENGTH, "big") + body


def _opened(cipher: AESGCM, bound: bytes, body: bytes) -> bytes:
    try:
        return cipher.decrypt(body[:_NONCE], body[_NONCE:], bound)
    except (InvalidTag, ValueError) as error:
        raise Damaged("not sealed for this place, or not with this key") from error


def replace(path: Path, cipher: AESGCM, owner: str, contents: Sequence[bytes]) -> Mark:
    """Write a file with these records, whole or not at all; where it ends."""
    data = _MAGIC + b"".join(_sealed(cipher, owner, content) for content in contents)
    put_file(path, data, 0o600)
    return path.stat().st_ino, len(data)


def append(path: Path, cipher: AESGCM, owner: str, content: bytes, known: Mark = NOWHERE) -> Mark:
    """Add a record; it is on the disk afterwards.

    Parameters
    ----------
    known : Mark
        Where a record ended before; only what comes after it is looked through.

    Returns
    -------
    Mark
        Where the file ends now.

    Raises
    ------
    Damaged
        When what is there is no such file.
    OSError
    """
    try:
        with path.open("r+b") as stream:
            if stream.read(len(_MAGIC)) == _MAGIC:
                there = os.fstat(stream.fileno())
                same = known[0] == there.st_ino and known[1] <= there.st_size
                stream.seek(_end(stream, known[1] if same else 0, there.st_size))
                stream.truncate()
                stream.write(_sealed(cipher, owner, content))
                stream.flush()
                os.fsync(stream.fileno())
                return there.st_ino, stream.tell()
    except FileNotFoundError:
        return replace(path, cipher, owner, [content])
    return replace(path, cipher, owner, [*read(path, cipher, owner), content])


def read(path: Path, cipher: AESGCM, owner: str) -> list[bytes]:
    """What the records of a file hold, in the order in which they came.

    Raises
    ------
    Damaged
    OSError
        `FileNotFoundError` where there is no file.
    """
    data = path.read_bytes()
    if data.startswith(_FIRST):
        return [_opened(cipher, _FIRST + owner.encode(), data[len(_FIRST) :])]
    if not data.startswith(_MAGIC):
        raise Damaged("a file of another kind")
    with io.BytesIO(data) as stream:
        end = _end(stream, 0, len(data))
    at, found = len(_MAGIC), []
    while at < end:
        first = at + _LENGTH
        at = first + int.from_bytes(data[at:first], "big")
        found.append(_opened(cipher, _MAGIC + owner.encode(), data[first:at]))
    if not found:
        raise Damaged("no record in it is whole")
    return found


def _end(stream: BinaryIO, known: int, size: int) -> int:
    """Where the last whole record ends."""
    at = max(known, len(_MAGIC))
    while at + _LENGTH <= size:
        stream.seek(at)
        after = at + _LENGTH + int.from_bytes(stream.read(_LENGTH), "big")
        if after > size:
            break
        at = after
    return at
