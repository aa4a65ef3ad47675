"""Who appears twice: the pairs of slices that should not meet, and what they mean for a split."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from appliance import pictures
from appliance.core.errors import InputError
from appliance.core.preprocess import prepare
from training.data import Case
from training.likeness import GRID, ORIENTATIONS, Alike, Look, alike, look

COPY = 0.75
"""Correlation from which two slices count as the same slice."""
SAME_HEAD = 0.55
"""Correlation from which two slices count as the same person's."""
SMALL_PX, SMALL_COPY = 4000, 0.90
"""Where fewer pixels of 128×128 overlap (slices through the forehead), chance goes up to 0.7:
only copies are told there, from this correlation on."""
BYSTANDERS = ("ct_mr/CT", "ct_mr/MR")
"""Sets without a label here; they are looked at, because a copy may come from anywhere."""
COLUMNS = (
    "a",
    "b",
    "kind",
    "relation",
    "correlation",
    "orientation",
    "bits",
    "group_a",
    "group_b",
    "fold_a",
    "fold_b",
)


@dataclass(frozen=True)
class Pair:
    """Two slices of different groups that look alike.

    Attributes
    ----------
    a, b : str
        Names relative to the data root.
    kind : str
        ``copy`` (the same slice) or ``same head`` (another slice of what looks like one person).
    relation : str
        ``across folds``, ``across sets`` or ``same fold`` (of one set).
    bits : float
        Share of the hash that differs.
    """

    a: str
    b: str
    kind: str
    relation: str
    correlation: float
    orientation: str
    bits: float
    group_a: str
    group_b: str
    fold_a: int
    fold_b: int

    @property
    def parted(self) -> bool:
        """Whether a copy lies on two sides that must never meet."""
        return self.kind == "copy" and self.fold_a != self.fold_b and "" not in self.groups

    @property
    def groups(self) -> tuple[str, str]:
        return self.group_a, self.group_b

    def row(self) -> dict[str, Any]:
        """One line of ``census.csv``."""
        values = {column: getattr(self, column) for column in COLUMNS}
        return values | {"correlation": round(self.correlation, 4), "bits": round(self.bits, 4)}


@dataclass(frozen=True)
class Census:
    """What was compared and found.

    Attributes
    ----------
    pairs : tuple of Pair
        Pairs of different groups, most alike first.
    within : dict
        Pairs inside a group, expected: how many were confirmed as each kind.
    strangers : float
        Highest correlation between two sets below the threshold: how far chance goes.
    left_out : int
        Pictures of sets without labels that could not be compared (colour, blank).
    """

    slices: int
    compared: int
    pairs: tuple[Pair, ...]
    within: dict[str, int]
    strangers: float
    left_out: int = 0

    def counts(self) -> dict[str, dict[str, int]]:
        """Kind to relation to number of pairs."""
        found = Counter((pair.kind, pair.relation) for pair in self.pairs)
        relations = ("across folds", "across sets", "same fold")
        return {
            kind: {relation: found[kind, relation] for relation in relations}
            for kind in ("copy", "same head")
        }

    def links(self) -> list[tuple[str, str]]:
        """Groups that are held together by a pair, within one set."""
        return [pair.groups for pair in self.pairs if pair.relation != "across sets"]


def bystanders(root: Path) -> list[Case]:
    """Slices of sets without a label, where the root has them; a group each."""
    return [
        Case(path, None, "", 0, "", name)
        for name in BYSTANDERS
        for path in sorted((root / name).glob("*.png"))
    ]


def _look(case: Case) -> Look:
    try:
        picture = pictures.read(case.image.read_bytes())[0][0]
        return look(prepare(picture, GRID).array[..., 0])
    except InputError as error:
        raise InputError(f"{case.image.name} cannot be compared: {error.message}") from error
    except OSError as error:
        raise InputError(f"{case.image.name} is in the case list but not readable") from error


def _looks(cases: Sequence[Case]) -> list[Look | None]:
    """None for a bystander that cannot be compared; a labelled slice has to be readable."""

    def one(case: Case) -> Look | None:
        try:
            return _look(case)
        except InputError:
            if case.label:
                raise
            return None

    with ThreadPoolExecutor(2) as pool:
        return list(tqdm(pool.map(one, cases), "census", len(cases), disable=None))


def kind(one: Alike) -> str:
    """``copy``, ``same head`` or nothing."""
    if one.overlap < SMALL_PX:
        return "copy" if one.correlation >= SMALL_COPY else ""
    if one.correlation >= COPY:
        return "copy"
    return "same head" if one.correlation >= SAME_HEAD else ""


def _relation(a: Case, b: Case) -> str:
    if a.source != b.source:
        return "across sets"
    return "same fold" if a.fold == b.fold else "across folds"


@dataclass(frozen=True)
class Compared:
    """Slices and how alike they are, before anybody said which of them may meet."""

    cases: tuple[Case, ...]
    found: tuple[Alike, ...]
    left_out: int

    def pairs(self) -> list[tuple[Case, Case]]:
        """The slices of every pair that is a copy or of the same head."""
        return [(self.cases[one.a], self.cases[one.b]) for one in self.found if kind(one)]


def compare(cases: Iterable[Case]) -> Compared:
    """Compare every slice with every other.

    Parameters
    ----------
    cases : iterable of Case
        Labelled slices, and bystanders with an empty label and group.

    Raises
    ------
    InputError
        When a labelled slice cannot be read; the message names it.
    """
    cases = list(cases)
    looks = _looks(cases)
    kept = [index for index, found in enumerate(looks) if found is not None]
    found = alike([one for one in looks if one is not None])
    return Compared(tuple(cases[index] for index in kept), tuple(found), len(cases) - len(kept))


def judge(compared: Compared, cases: Sequence[Case], root: Path) -> Census:
    """What the likeness means for the groups and folds of `cases`.

    Parameters
    ----------
    cases : sequence of Case
        The same slices as compared, perhaps with other groups and folds.
    root : Path
        Names in the census are relative to it.
    """
    now = {case.image: case for case in cases}
    pairs, within, strangers = [], Counter(), 0.0
    for one in compared.found:
        a, b = (now[compared.cases[index].image] for index in (one.a, one.b))
        found = kind(one)
        if not found:
            if a.source != b.source and one.overlap >= SMALL_PX:
                strangers = max(strangers, one.correlation)
        elif a.group and a.group == b.group:
            within[found] += 1
        elif a.label or b.label:
            pairs.append(_pair(a, b, found, one, root))
    size = len(compared.cases)
    return Census(
        size, len(compared.found), tuple(pairs), dict(within), strangers, compared.left_out
    )


def _pair(a: Case, b: Case, found: str, one: Alike, root: Path) -> Pair:
    return Pair(
        a.image.relative_to(root).as_posix(),
        b.image.relative_to(root).as_posix(),
        found,
        _relation(a, b),
        one.correlation,
        ORIENTATIONS[one.orientation],
        one.bits,
        a.group,
        b.group,
        a.fold,
        b.fold,
    )


def write_csv(path: Path, census: Census) -> None:
    """The pairs, most alike first."""
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(pair.row() for pair in census.pairs)


def read_accepted(path: Path) -> set[frozenset[str]]:
    """The pairs of an earlier census, or of a table with at least the columns ``a`` and ``b``.

    Raises
    ------
    InputError
        When the columns are missing.
    """
    with path.open(newline="", encoding="utf-8") as stream:
        rows = csv.DictReader(stream)
        if not {"a", "b"} <= set(rows.fieldnames or ()):
            raise InputError(f"{path.name}: expected the columns a and b, as census.csv has them")
        return {frozenset((row["a"], row["b"])) for row in rows}
