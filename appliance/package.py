"""A model package on disk: a folder with a manifest, verified before anything of it is used."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from appliance import signing
from appliance.core.errors import ChecksumMismatch, ManifestError, NotFound
from appliance.core.manifest import Manifest, parse
from appliance.ir import Ir
from appliance.signing import SIGNATURE, Trust

MANIFEST = "manifest.json"
PRECISIONS = {"INT8": "", "FP16": "fp16/"}
"""Precisions a package holds, and the folder of each network."""
_LARGEST = 16 << 20


@dataclass(frozen=True)
class Package:
    """A folder with a manifest; files are verified before they are used.

    Attributes
    ----------
    sha256 : str
        Digest of the manifest's bytes, which hold the digests of all other files.
    signed_by : str or None
        The trusted key whose signature over those bytes was checked.
    """

    path: Path
    manifest: Manifest
    sha256: str
    signed_by: str | None = None

    @property
    def name(self) -> str:
        return self.manifest.name

    @property
    def version(self) -> str:
        return self.manifest.version

    def verify(self) -> None:
        """Check every file's size and checksum.

        Raises
        ------
        ChecksumMismatch
            When a file is missing or differs.
        """
        for name in self.manifest.files:
            self.read(name)

    def read(self, name: str) -> bytes:
        """A file's bytes, verified; raises ChecksumMismatch or NotFound."""
        entry = self.manifest.files.get(name)
        if entry is None:
            raise NotFound(f"package {self.name} has no file {name!r}")
        try:
            data = (self.path / name).read_bytes()
        except OSError as error:
            raise ChecksumMismatch(
                f"package {self.name}: {name} cannot be read; install the package again"
            ) from error
        if hashlib.sha256(data).hexdigest() != entry["sha256"]:
            raise ChecksumMismatch(
                f"package {self.name}: {name} was changed since it was packaged; install it again"
            )
        return data

    def network(self, precision: str = "INT8") -> Ir:
        """The network of a precision, as verified bytes.

        Raises
        ------
        ChecksumMismatch
            When a file is missing or differs.
        NotFound
            When the package has no such network.
        """
        if precision not in PRECISIONS:
            raise NotFound(f"precision {precision!r} is unknown; known are {', '.join(PRECISIONS)}")
        folder = PRECISIONS[precision]
        xml, weights = (self.read(f"{folder}model.{kind}") for kind in ("xml", "bin"))
        return Ir(xml, weights, f"{self.name} {precision}")


def open_package(folder: Path, trust: Trust | None = None) -> Package:
    """The package in a folder; its signature is checked where it has one.

    Parameters
    ----------
    trust : Trust, optional
        Default: no key is trusted, so that a signed package is refused.

    Raises
    ------
    ManifestError
        When the manifest is unusable.
    SignatureError
        When the signature is foreign, does not fit, or is required and missing.
    """
    try:
        data = _read(folder / MANIFEST)
        document = json.loads(data)
    except (OSError, ValueError) as error:
        raise ManifestError(f"{folder.name}/{MANIFEST} cannot be read: {error}") from error
    try:
        signature: bytes | None = _read(folder / SIGNATURE)
    except FileNotFoundError:
        signature = None
    except (OSError, ValueError) as error:
        raise ManifestError(f"{folder.name}/{SIGNATURE} cannot be read: {error}") from error
    what = document.get("name", folder.name) if isinstance(document, dict) else folder.name
    signed_by = signing.demand(data, signature, trust or Trust(), str(what))
    return Package(folder, parse(document), hashlib.sha256(data).hexdigest(), signed_by)


def _read(path: Path) -> bytes:
    with path.open("rb") as stream:
        data = stream.read(_LARGEST + 1)
    if len(data) > _LARGEST:
        raise ValueError(f"more than {_LARGEST >> 20} MiB")
    return data
