"""The case lists an export carries, read with the appliance's own reader and `prepare`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from appliance import pictures
from appliance.core.errors import NotFound
from appliance.core.preprocess import Prepared, Preprocessing, prepare


@dataclass(frozen=True)
class Case:
    """One listed slice; paths are absolute, ``mask`` None for a slice without tumour."""

    image: Path
    mask: Path | None
    label: str
    fold: int
    group: str
    source: str

    def picture(self) -> np.ndarray:
        """(rows, columns) uint8 or uint16."""
        return pictures.read(self.image.read_bytes())[0][0]

    def truth(self) -> np.ndarray:
        """(rows, columns) bool."""
        if self.mask is None:
            return np.zeros(self.picture().shape, bool)
        return pictures.read(self.mask.read_bytes())[0][0] > 0


def read_cases(export: Path, root: Path, part: str) -> list[Case]:
    """A list of the export (``training``, ``validation``, ``other_sources``).

    Raises
    ------
    NotFound
        When the export or an image of the list is missing.
    """
    path = export / "cases.json"
    if not path.is_file():
        raise NotFound(f"{export.name} is no export: run `python -m training export CONFIG` first")
    cases = [
        Case(
            root / row["image"],
            None if row["mask"] is None else root / row["mask"],
            row["label"],
            row["fold"],
            row["group"],
            row["source"],
        )
        for row in json.loads(path.read_text())[part]
    ]
    if missing := [case.image.name for case in cases if not case.image.is_file()]:
        raise NotFound(
            f"{len(missing)} images of the list are not under --data, first {missing[0]}"
        )
    return cases


def prepared(cases: list[Case], spec: Preprocessing) -> Iterator[Prepared]:
    """Each case prepared, in order."""
    with ThreadPoolExecutor(2) as pool:
        yield from pool.map(lambda case: prepare(case.picture(), spec), cases)
