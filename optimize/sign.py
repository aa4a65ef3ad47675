"""Sign a package: a signature over its manifest, which holds the digest of every file."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from appliance import signing
from appliance.atomic import put_file
from appliance.core.errors import ManifestError
from appliance.core.manifest import parse
from appliance.outputs import writing
from appliance.package import MANIFEST, Package
from appliance.signing import SIGNATURE


def sign_package(folder: Path, key: Path) -> str:
    """Write ``manifest.sig``; a signature that was there is replaced.

    The package is verified first: what does not match its manifest is not signed.

    Returns
    -------
    str
        The key's short name.

    Raises
    ------
    BadRequest
        When the key is unusable, or the folder cannot be written.
    ManifestError, ChecksumMismatch
        When the package is not whole.
    """
    private = signing.read_private(key)
    try:
        data = (folder / MANIFEST).read_bytes()
        manifest = parse(json.loads(data))
    except (OSError, ValueError) as error:
        raise ManifestError(f"{folder} is no package: {error}") from error
    Package(folder, manifest, hashlib.sha256(data).hexdigest()).verify()
    with writing(folder, "check the folder's permissions", "the signature"):
        put_file(folder / SIGNATURE, signing.sign(data, private))
    return signing.key_id(private.public_key())
