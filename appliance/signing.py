"""Ed25519 signatures over a package's manifest, and the folder of public keys that are trusted.

The manifest holds the digest of every other file, so a signature over its bytes covers the
package. What is signed are those bytes and nothing else: any tool that knows Ed25519 can check
``manifest.sig`` against ``manifest.json``.

References
----------
RFC 8032 (Ed25519). RFC 8410 and RFC 7468 (keys as PEM).
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from appliance.atomic import put_file
from appliance.core.errors import BadRequest, SignatureError, Unavailable

SIGNATURE = "manifest.sig"
SCHEMA = "neuralscan/signature/1"
_LARGEST = 1 << 16


@dataclass(frozen=True)
class Trust:
    """Whose packages are used.

    Attributes
    ----------
    folder : Path, optional
        Holds the trusted public keys, ``*.pub``.
    required : bool
        Refuse packages without a signature.
    """

    folder: Path | None = None
    required: bool = False


def key_id(key: Ed25519PublicKey) -> str:
    """Short name of a public key: the start of its SHA-256."""
    raw = key.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    return hashlib.sha256(raw).hexdigest()[:16]


def generate(out: Path) -> tuple[Path, Path, str]:
    """Make a key pair: ``OUT.key``, which only its owner may read, and ``OUT.pub``.

    Returns
    -------
    private, public : Path
    name : str
        The key's `key_id`.

    Raises
    ------
    BadRequest
        When one of the files exists: a key is never overwritten.
    """
    private, public = out.with_name(out.name + ".key"), out.with_name(out.name + ".pub")
    for path in (private, public):
        if path.exists():
            raise BadRequest(f"{path} exists and keys are never overwritten; choose another name")
    key = Ed25519PrivateKey.generate()
    secret = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    out.parent.mkdir(parents=True, exist_ok=True)
    try:
        _create(private, secret, 0o600)
        try:
            _create(public, _public_pem(key.public_key()), 0o644)
        except OSError:
            private.unlink(missing_ok=True)
            raise
    except FileExistsError as error:
        raise BadRequest(
            f"{error.filename} exists and keys are never overwritten; choose another name"
        ) from error
    return private, public, key_id(key.public_key())


def _public_pem(key: Ed25519PublicKey) -> bytes:
    return key.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def _create(path: Path, data: bytes, mode: int) -> None:
    """Write a file that must not exist yet; nothing stays behind when that fails."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
    except OSError:
        with suppress(OSError):
            path.unlink(missing_ok=True)
        raise


def _pem(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            return stream.read(_LARGEST)
    except OSError as error:
        raise BadRequest(f"the key {path} cannot be read ({error.strerror})") from error


def read_private(path: Path) -> Ed25519PrivateKey:
    """A private key; raises BadRequest when it is none, or when others may read it."""
    data = _pem(path)
    if os.name == "posix" and path.stat().st_mode & 0o077:
        raise BadRequest(f"the key {path} may be read by others; run `chmod 600 {path}` first")
    try:
        key = serialization.load_pem_private_key(data, None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise BadRequest(
            f"expected a private Ed25519 key in {path}; make one with `neuralscan models keygen`"
        ) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise BadRequest(f"expected a private Ed25519 key in {path}, found another kind")
    return key


def read_public(path: Path) -> Ed25519PublicKey:
    """A public key; raises BadRequest when the file holds none."""
    try:
        key = serialization.load_pem_public_key(_pem(path))
    except (ValueError, UnsupportedAlgorithm) as error:
        raise BadRequest(
            f"expected a public Ed25519 key in {path}; `neuralscan models keygen` makes NAME.pub"
        ) from error
    if not isinstance(key, Ed25519PublicKey):
        raise BadRequest(f"expected a public Ed25519 key in {path}, found another kind")
    return key


def trusted(folder: Path | None) -> dict[str, Ed25519PublicKey]:
    """The keys of a trust folder by `key_id`; none where there is no folder.

    Raises
    ------
    Unavailable
        When a file in it is no public key: leaving one out unseen would be a surprise later.
    """
    found = {}
    for path in sorted(folder.glob("*.pub")) if folder is not None else ():
        try:
            key = read_public(path)
        except BadRequest as error:
            raise Unavailable(f"{error.message}; or take it out of the trust folder") from error
        found[key_id(key)] = key
    return found


def trust(public: Path, folder: Path) -> tuple[Path, str]:
    """Add a public key to a trust folder; where it is now, and its `key_id`."""
    key = read_public(public)
    name = key_id(key)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.pub"
    put_file(path, _public_pem(key))
    return path, name


def sign(manifest: bytes, key: Ed25519PrivateKey) -> bytes:
    """Content of ``manifest.sig`` for these bytes."""
    document = {
        "schema": SCHEMA,
        "algorithm": "Ed25519",
        "key": key_id(key.public_key()),
        "signature": base64.b64encode(key.sign(manifest)).decode(),
    }
    return (json.dumps(document, indent=1) + "\n").encode()


def check(
    manifest: bytes, signature: bytes, keys: Mapping[str, Ed25519PublicKey], what: str
) -> str:
    """The key that signed a manifest.

    Parameters
    ----------
    keys : mapping
        Trusted keys by `key_id`.
    what : str
        What messages call the package.

    Raises
    ------
    SignatureError
        When the signature is unreadable, by a key that is not trusted, or does not fit.
    """
    try:
        document = json.loads(signature)
        if document["schema"] != SCHEMA or document["algorithm"] != "Ed25519":
            raise ValueError(f"schema {document['schema']!r}, {document['algorithm']!r}")
        name, raw = str(document["key"]), base64.b64decode(document["signature"], validate=True)
    except (ValueError, KeyError, TypeError) as error:
        raise SignatureError(
            f"package {what}: {SIGNATURE} is damaged or of another version ({error}); "
            "get the package again"
        ) from error
    if name not in keys:
        known = ", ".join(sorted(keys)) or "none"
        raise SignatureError(
            f"package {what} is signed by the key {name[:16]}, which is not trusted here "
            f"(trusted: {known}); if you know whose it is, add it with "
            "`neuralscan models trust FILE.pub`"
        )
    try:
        keys[name].verify(raw, manifest)
    except InvalidSignature as error:
        raise SignatureError(
            f"package {what}: the manifest is not the one that {name} signed; get the package again"
        ) from error
    return name


def demand(manifest: bytes, signature: bytes | None, policy: Trust, what: str) -> str | None:
    """Apply a policy: the key that signed, None for an accepted package without signature.

    Raises
    ------
    SignatureError
        When the signature is wrong, or there is none and one is required.
    """
    if signature is not None:
        return check(manifest, signature, trusted(policy.folder), what)
    if policy.required:
        raise SignatureError(
            f"package {what} is not signed, and NEURALSCAN_REQUIRE_SIGNATURE asks for a "
            "signature; get a signed one or turn the setting off"
        )
    return None
