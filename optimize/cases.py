"""The case lists an export carries, read with the appliance's own reader and `prepare`."""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from appliance import pictures
from appliance.core.errors import CorruptFile, NotFound
from appliance.core.preprocess import Prepared, Preprocessing, prepare


@dataclass(frozen=True)
class Case:
    """One listed slice; paths are absolute, ``mask`` None for a slice without tumour.

    Attributes
    ----------
    group : str
        Run of consecutive slices or cluster of look-alikes: what is split and resampled by.
    plane : str or None
        ``ax``, ``co``, ``sa``; None where the source does not say.
    sha256 : str
        Of the image; empty where the list does not say.
    """

    image: Path
    mask: Path | None
    label: str
    fold: int
    group: str
    source: str
    plane: str | None = None
    sha256: str = ""

    def picture(self) -> np.ndarray:
        """(rows, columns) uint8 or uint16."""
        return pictures.read(self.image.read_bytes())[0][0]

    def truth(self) -> np.ndarray:
        """(rows, columns) bool."""
        if self.mask is None:
            return np.zeros(self.picture().shape, bool)
        return pictures.read(self.mask.read_bytes())[0][0] > 0


def _lists(export: Path) -> dict[str, list[dict]]:
    path = export / "cases.json"
    if not path.is_file():
        raise NotFound(f"{export.name} is no export: run `python -m training export CONFIG` first")
    return json.loads(path.read_text())


def _planes(root: Path) -> dict[str, str]:
    """Image, relative to the root, to its plane, from the tables that name one."""
    found = {}
    for table in ("no_tumor.csv", "other_sources/labels.csv"):
        path = root / table
        if path.is_file():
            with path.open(newline="") as stream:
                for row in csv.DictReader(stream):
                    image = (path.parent / row["image"]).relative_to(root).as_posix()
                    if row.get("plane"):
                        found[image] = row["plane"]
    return found


def _case(row: Mapping, root: Path, planes: Mapping[str, str]) -> Case:
    return Case(
        root / row["image"],
        None if row["mask"] is None else root / row["mask"],
        row["label"],
        row["fold"],
        row["group"],
        row["source"],
        row.get("plane") or planes.get(row["image"]),
        row.get("sha256", ""),
    )


def _demand_images(cases: Sequence[Case]) -> None:
    if missing := [case.image.name for case in cases if not case.image.is_file()]:
        raise NotFound(
            f"{len(missing)} images of the list are not under --data, first {missing[0]}"
        )


def read_cases(export: Path, root: Path, part: str) -> list[Case]:
    """A list of the export (``training``, ``validation``, ``other_sources``).

    Raises
    ------
    NotFound
        When the export or an image of the list is missing.
    """
    planes = _planes(root)
    cases = [_case(row, root, planes) for row in _lists(export).get(part, [])]
    _demand_images(cases)
    return cases


def all_cases(exports: Iterable[Path], root: Path) -> list[Case]:
    """Every slice that any list of these exports names, once each, in a fixed order."""
    planes = _planes(root)
    rows = {
        row["image"]: row for export in exports for rows in _lists(export).values() for row in rows
    }
    cases = [_case(rows[image], root, planes) for image in sorted(rows)]
    _demand_images(cases)
    return cases


def demand_unchanged(cases: Iterable[Case]) -> None:
    """Compare the images with the digests of the lists.

    Raises
    ------
    CorruptFile
        When an image is another one than the run was made with.
    """
    for case in cases:
        if case.sha256 and hashlib.sha256(case.image.read_bytes()).hexdigest() != case.sha256:
            raise CorruptFile(
                f"{case.image.name} is not the image the run was made with (checksum differs); "
                "give the same data root, or export the run again"
            )


def prepared(cases: Sequence[Case], spec: Preprocessing) -> Iterator[Prepared]:
    """Each case prepared, in order."""
    with ThreadPoolExecutor(2) as pool:
        yield from pool.map(lambda case: prepare(case.picture(), spec), cases)
