"""Find model packages, verify them, list them without compiling anything."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from appliance.core.errors import ChecksumMismatch, ManifestError, NotFound, Unavailable
from appliance.core.manifest import Manifest, parse

SHIPPED = Path(__file__).parent / "models"


@dataclass(frozen=True)
class Package:
    """A folder with a manifest; files are verified before they are used."""

    path: Path
    manifest: Manifest

    @property
    def name(self) -> str:
        return self.manifest.name

    @property
    def version(self) -> str:
        return self.manifest.version

    @property
    def sha256(self) -> str:
        """Digest of the manifest file, which holds the digests of all others."""
        return hashlib.sha256((self.path / "manifest.json").read_bytes()).hexdigest()

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


def open_package(folder: Path) -> Package:
    """The package in a folder; raises ManifestError when its manifest is unusable."""
    try:
        document = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ManifestError(f"{folder.name}/manifest.json cannot be read: {error}") from error
    return Package(folder, parse(document))


def list_packages(folders: Iterable[Path] = ()) -> list[Package]:
    """Packages in the shipped folder and in further ones, those first, by name and version.

    Raises
    ------
    Unavailable
        When a further folder holds no package: the shipped one must not answer in its place.
    ManifestError
        When a manifest is unusable.
    """
    found = []
    for root in (*folders, SHIPPED):
        inside = sorted(p.parent for p in root.glob("*/manifest.json"))
        if not inside and root != SHIPPED:
            raise Unavailable(
                f"no model package in {root}: expected {root.name}/NAME/manifest.json; "
                "correct NEURALSCAN_MODELS"
            )
        found += [open_package(folder) for folder in inside]
    return found


def find_package(name: str | None = None, folders: Iterable[Path] = ()) -> Package:
    """A package by name; the first one when no name is given.

    Raises
    ------
    NotFound
        When there is no package of that name.
    Unavailable
        When there is no package at all.
    """
    packages = list_packages(folders)
    if not packages:
        raise Unavailable(
            "no model package found; reinstall neuralscan-edge or point NEURALSCAN_MODELS at one"
        )
    if name is None:
        return packages[0]
    for package in packages:
        if package.name == name:
            return package
    known = ", ".join(sorted({p.name for p in packages}))
    raise NotFound(f"no model package {name!r}; known are {known}")
