"""Case lists and the loader: slices read once, prepared by the one `prepare`, split by fold."""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from appliance import pictures
from appliance.core.errors import BlankImage, NotFound
from appliance.core.preprocess import Prepared, Preprocessing, prepare, prepare_mask
from appliance.core.types import LABELS
from training.folds import Split
from training.known import trainable

PLANES = ("ax", "co", "sa")
"""Planes as the case lists name them."""


@dataclass(frozen=True)
class Case:
    """One slice of a data root.

    Attributes
    ----------
    fold : int
        0 for sets that are never trained on.
    group : str
        Run of consecutive slices, patient or cluster of look-alikes; the unit of splitting and
        resampling.
    plane : str
        ``ax``, ``co`` or ``sa`` where the list says it, else empty.
    """

    image: Path
    mask: Path | None
    label: str
    fold: int
    group: str
    source: str
    plane: str = ""

    def to_json(self, root: Path) -> dict[str, Any]:
        """The row of a case list: paths below `root`, and the image's SHA-256."""
        return {
            "image": str(self.image.relative_to(root)),
            "sha256": hashlib.sha256(self.image.read_bytes()).hexdigest(),
            "mask": None if self.mask is None else str(self.mask.relative_to(root)),
            "label": self.label,
            "fold": self.fold,
            "group": self.group,
            "source": self.source,
        }


def _rows(path: Path) -> list[dict[str, str]]:
    if not path.is_file():
        raise NotFound(
            f"expected the case list {path.name} in {path.parent}; see training/README.md"
        )
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))


def tumour_cases(root: Path) -> list[Case]:
    """The figshare slices with expert masks."""
    folder = root / "figshare"
    return [
        Case(
            folder / row["image"],
            folder / row["mask"],
            row["label"],
            int(row["fold"]),
            f"figshare-{row['run']}",
            "figshare",
        )
        for row in _rows(folder / "labels.csv")
    ]


def healthy_cases(root: Path) -> list[Case]:
    """The slices without tumour."""
    return [
        Case(
            root / row["image"],
            None,
            "no_tumor",
            int(row["fold"]),
            f"no_tumor-{row['group']}",
            "no_tumor",
            row.get("plane", ""),
        )
        for row in _rows(root / "no_tumor.csv")
    ]


def other_source_cases(root: Path) -> list[Case]:
    """Tumour slices of other scanners: to choose between recipes, never to train (fold 0)."""
    folder = root / "other_sources"
    return [
        Case(
            folder / row["image"],
            folder / row["mask"],
            row["label"],
            0,
            f"other-{row['group']}",
            "other_sources",
            row.get("plane", ""),
        )
        for row in _rows(folder / "labels.csv")
    ]


def split(
    cases: Iterable[Case], folds: Sequence[int], apart_from: Sequence[int] = ()
) -> list[Case]:
    """Cases of some folds, whole groups only (`training.folds.Split` holds both parts).

    Raises
    ------
    ValueError
        When a fold is asked for twice, is 0 (never trained on) or is shared with `apart_from`, or
        when any group of the list lies in two folds.
    """
    return Split(tuple(cases), tuple(folds), tuple(apart_from)).chosen


def parts(
    cases: Sequence[Case], train_folds: Sequence[int], held_out_folds: Sequence[int]
) -> tuple[list[Case], list[Case]]:
    """What is trained on, less what `training.known` keeps away, and what is held out."""
    held_out = split(cases, held_out_folds, apart_from=train_folds)
    return trainable(split(cases, train_folds, apart_from=held_out_folds), held_out), held_out


def case_lists(
    root: Path, train_folds: Sequence[int], held_out_folds: Sequence[int]
) -> dict[str, list[Case]]:
    """What a network learns from (``training``), ``validation`` and ``other_sources``."""
    cases = tumour_cases(root) + healthy_cases(root)
    training, held_out = parts(cases, train_folds, held_out_folds)
    return {
        "training": training,
        "validation": held_out,
        "other_sources": other_source_cases(root),
    }


def rows_of(lists: Mapping[str, Sequence[Case]], root: Path) -> dict[str, list[dict[str, Any]]]:
    """The lists as ``export/cases.json`` holds them."""
    return {name: [case.to_json(root) for case in cases] for name, cases in lists.items()}


def write_case_lists(path: Path, rows: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
    """Write ``export/cases.json``, which `optimize` reads."""
    path.write_text(json.dumps(rows, indent=0))


def lists_digest(rows: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
    """SHA-256 of what a network was trained on and what was held out, whatever the files' names."""
    parts = ("training", "validation")
    told = [
        (part, *(row[k] for k in ("sha256", "label", "fold")))
        for part in parts
        for row in rows[part]
    ]
    return hashlib.sha256(json.dumps(sorted(told)).encode()).hexdigest()


@dataclass(frozen=True)
class Slices:
    """Prepared slices in memory.

    Attributes
    ----------
    arrays : (n, size, size, 1) float32, what `prepare` returned
    masks : (n, size, size) uint8, coverage times 255 on the network's input grid
    labels : (n,) int64, index into `LABELS`
    """

    cases: tuple[Case, ...]
    arrays: np.ndarray
    masks: np.ndarray
    labels: np.ndarray

    def plane(self, index: int) -> int:
        """Index into `PLANES`, or -1 where the case list names none."""
        name = self.cases[index].plane
        return PLANES.index(name) if name in PLANES else -1


SECOND_READER = Path("figshare", "second_reader_masks")


def load_case(
    case: Case, spec: Preprocessing, second_reader: Path | None = None
) -> tuple[Prepared, np.ndarray]:
    """The prepared slice, and its mask on the input grid, (size, size) uint8.

    Parameters
    ----------
    second_reader : Path, optional
        Folder with a second reader's masks; where it has one, the mask is the mean of both.
    """
    picture = pictures.read(case.image.read_bytes())[0][0]
    prepared = prepare(picture, spec)
    if case.mask is None:
        return prepared, np.zeros((spec.size, spec.size), np.uint8)
    mask = pictures.read(case.mask.read_bytes())[0][0]
    soft = prepare_mask(mask, prepared, spec.size)
    other = None if second_reader is None else second_reader / case.mask.name
    if other is not None and other.is_file():
        second = pictures.read(other.read_bytes())[0][0]
        soft = 0.5 * (soft + prepare_mask(second, prepared, spec.size))
    return prepared, np.rint(soft * 255).astype(np.uint8)


def joined(first: Slices, second: Slices) -> Slices:
    """Both sets, one after the other."""
    return Slices(
        first.cases + second.cases,
        np.concatenate([first.arrays, second.arrays]),
        np.concatenate([first.masks, second.masks]),
        np.concatenate([first.labels, second.labels]),
    )


def load(
    cases: Sequence[Case],
    spec: Preprocessing,
    what: str = "slices",
    second_reader: Path | None = None,
) -> Slices:
    """Read and prepare all cases; a blank slice is an error that names the file."""

    def one(case: Case) -> tuple[np.ndarray, np.ndarray]:
        try:
            prepared, mask = load_case(case, spec, second_reader)
        except BlankImage as error:
            raise BlankImage(f"{case.image.name}: {error}") from error
        return prepared.array, mask

    with ThreadPoolExecutor(2) as pool:
        pairs = list(tqdm(pool.map(one, cases), total=len(cases), desc=what, disable=None))
    return Slices(
        tuple(cases),
        np.stack([array for array, _ in pairs]),
        np.stack([mask for _, mask in pairs]),
        np.array([LABELS.index(case.label) for case in cases], np.int64),
    )
