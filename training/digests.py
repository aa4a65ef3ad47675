"""Checksums of a data root: against the list it carries, or against those of the last time."""

from __future__ import annotations

import csv
import hashlib
import re
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from appliance.core.errors import CorruptFile

CHECKSUMS = "SHA256SUMS"
_LINE = re.compile(r"^([0-9a-f]{64}) [ *](.+)$")


@dataclass(frozen=True)
class Changes:
    """How files differ from a list of digests; names relative to the root, sorted."""

    changed: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    new: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        """Whether a listed file differs or is gone; a new file contradicts nothing."""
        return bool(self.changed or self.missing)

    def words(self) -> str:
        """``2 changed (a.png, b.png), 1 missing (c.png)``; at most five names of each kind."""
        parts = []
        for kind in ("changed", "missing", "new"):
            names = getattr(self, kind)
            if names:
                more = ", …" if len(names) > 5 else ""
                parts.append(f"{len(names)} {kind} ({', '.join(names[:5])}{more})")
        return ", ".join(parts) or "nothing changed"


def compare(listed: Mapping[str, str], found: Mapping[str, str]) -> Changes:
    """What `found` says otherwise than `listed`, both name to digest.

    Examples
    --------
    >>> compare({"a": "1", "b": "2"}, {"b": "3", "c": "4"}).words()
    '1 changed (b), 1 missing (a), 1 new (c)'
    """
    both = listed.keys() & found.keys()
    return Changes(
        tuple(sorted(name for name in both if listed[name] != found[name])),
        tuple(sorted(listed.keys() - found.keys())),
        tuple(sorted(found.keys() - listed.keys())),
    )


def digest(path: Path) -> str:
    """SHA-256 of a file, hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def digests(root: Path) -> dict[str, str]:
    """Digest of every file under a folder except its checksum list, by POSIX name, sorted."""
    names = sorted(
        path.relative_to(root).as_posix()
        for path in root.rglob("*")
        if path.is_file() and path != root / CHECKSUMS
    )
    with ThreadPoolExecutor(2) as pool:
        found = pool.map(lambda name: digest(root / name), names)
        return dict(zip(names, tqdm(found, "checksums", len(names), disable=None), strict=True))


def read_checksums(path: Path) -> dict[str, str]:
    """Name to digest, from a file as ``sha256sum`` writes it.

    Raises
    ------
    CorruptFile
        When a line is no digest and name.
    """
    listed = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip():
            continue
        match = _LINE.match(line)
        if match is None:
            raise CorruptFile(
                f"{path.name}, line {number}: expected 64 hexadecimal digits, two spaces and a name"
            )
        listed[match[2].removeprefix("./")] = match[1]
    return listed


def write_checksums(root: Path) -> None:
    """A checksum list in a folder, of everything in it."""
    lines = (f"{value}  ./{name}\n" for name, value in digests(root).items())
    (root / CHECKSUMS).write_text("".join(lines), encoding="utf-8")


def read_list(path: Path) -> dict[str, str] | None:
    """The digests an earlier run wrote, or None when there was none.

    Raises
    ------
    CorruptFile
        When the file is something else.
    """
    if not path.is_file():
        return None
    with path.open(newline="", encoding="utf-8") as stream:
        rows = csv.DictReader(stream)
        if rows.fieldnames != ["file", "sha256"]:
            raise CorruptFile(f"{path.name}: expected the columns file,sha256; delete it or --out")
        return {row["file"]: row["sha256"] for row in rows}


def write_list(path: Path, found: Mapping[str, str]) -> None:
    """Name and digest of every file, as CSV."""
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(("file", "sha256"))
        writer.writerows(found.items())
