"""A package as it is handed over, a folder or a zip, read within limits and verified.

Only what the manifest lists is taken, each file as long as the manifest says and with its digest:
nothing else of a zip is ever unpacked, so no name in it can lead anywhere.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from appliance import signing
from appliance.archives import members
from appliance.core.errors import (
    BadRequest,
    ChecksumMismatch,
    InputError,
    ManifestError,
)
from appliance.core.manifest import Manifest, parse
from appliance.limits import Limits
from appliance.package import MANIFEST
from appliance.signing import SIGNATURE, Trust

LIMITS = Limits(file_bytes=1 << 30, unpacked_bytes=1 << 30, members=1000, ratio=1000)
"""Of a whole parcel, packed and unpacked."""
_CARD_BYTES = 16 << 20

Reader = Callable[[str, int], bytes]
"""A file's content by its name inside the package, at most so many bytes plus one."""


def unpack(source: Path, trust: Trust) -> tuple[Manifest, dict[str, bytes]]:
    """Everything of a package, verified, in memory.

    Parameters
    ----------
    source : Path
        A folder with ``manifest.json``, or a zip that holds one, alone or in its one folder.

    Returns
    -------
    manifest : Manifest
    files : dict
        Every file by its name, ``manifest.json`` and the signature included.

    Raises
    ------
    BadRequest
        When the source is neither a folder nor a zip, or is too large.
    ManifestError, ChecksumMismatch, SignatureError
    """
    try:
        read = _folder(source) if source.is_dir() else _zip(source)
        return _verified(read, source.name, trust)
    except OSError as error:
        raise BadRequest(f"{source} cannot be read ({error.strerror or error})") from error
    except InputError as error:
        raise BadRequest(f"{source.name} is no package: {error.message}") from error


def _folder(source: Path) -> Reader:
    def read(name: str, limit: int) -> bytes:
        with (source / name).open("rb") as stream:
            return stream.read(limit + 1)

    return read


def _zip(source: Path) -> Reader:
    if not zipfile.is_zipfile(source):
        raise BadRequest(f"expected a folder or a zip with a package, {source.name} is neither")
    if source.stat().st_size > LIMITS.file_bytes:
        raise BadRequest(f"{source.name} exceeds {LIMITS.file_bytes >> 20} MiB")
    found, _ = members(source.read_bytes(), LIMITS)
    loaders = dict(found)
    cards = [name for name in loaders if name.split("/")[-1] == MANIFEST and name.count("/") < 2]
    if len(cards) != 1:
        raise ManifestError(
            f"expected one {MANIFEST} in {source.name}, at the top or in its one folder, "
            f"found {len(cards)}"
        )
    prefix = cards[0][: -len(MANIFEST)]

    def read(name: str, limit: int) -> bytes:
        if prefix + name not in loaders:
            raise FileNotFoundError(2, "not in the zip", name)
        return loaders[prefix + name]()  # never longer than the zip's table says, see LIMITS

    return read


def _verified(read: Reader, what: str, trust: Trust) -> tuple[Manifest, dict[str, bytes]]:
    try:
        card = read(MANIFEST, _CARD_BYTES)
        document: Any = json.loads(card)
    except FileNotFoundError as error:
        raise ManifestError(f"{what} is no package: it has no {MANIFEST}") from error
    except ValueError as error:
        raise ManifestError(f"{what}: {MANIFEST} cannot be read: {error}") from error
    if len(card) > _CARD_BYTES:
        raise ManifestError(f"{what}: {MANIFEST} is larger than {_CARD_BYTES >> 20} MiB")
    files = {MANIFEST: card}
    with contextlib.suppress(FileNotFoundError):
        files[SIGNATURE] = read(SIGNATURE, _CARD_BYTES)
    signing.demand(card, files.get(SIGNATURE), trust, what)
    manifest = parse(document)
    _check_sizes(manifest)
    for name, entry in manifest.files.items():
        if name in files:
            raise ManifestError(f"{what}: the manifest lists {name} among the files")
        files[name] = _one(read, name, entry, what)
    return manifest, files


def _check_sizes(manifest: Manifest) -> None:
    sizes = [entry["bytes"] for entry in manifest.files.values()]
    if not all(isinstance(size, int) and size >= 0 for size in sizes):
        raise ManifestError(f"package {manifest.name}: the manifest has a file of no size")
    if len(sizes) > LIMITS.members or sum(sizes) > LIMITS.unpacked_bytes:
        raise BadRequest(
            f"package {manifest.name} lists {len(sizes)} files of {sum(sizes) >> 20} MiB; at most "
            f"{LIMITS.members} files of {LIMITS.unpacked_bytes >> 20} MiB are taken"
        )


def _one(read: Reader, name: str, entry: Any, what: str) -> bytes:
    try:
        data = read(name, entry["bytes"])
    except FileNotFoundError as error:
        raise ChecksumMismatch(f"{what}: {name} is missing; get the package again") from error
    if len(data) != entry["bytes"] or hashlib.sha256(data).hexdigest() != entry["sha256"]:
        raise ChecksumMismatch(f"{what}: {name} differs from the manifest; get the package again")
    return data
