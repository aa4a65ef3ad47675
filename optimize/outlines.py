"""Radiomic features of listed tumours: as experts drew them, as a slip of the hand would have
drawn them, and as a network draws them on folds it has not seen.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields

import cv2
import numpy as np
from tqdm import tqdm

from appliance import runtime  # noqa: F401  isort: skip (oneDAL before OpenVINO)
from appliance.core.errors import InputError
from appliance.core.manifest import Manifest
from appliance.core.preprocess import Preprocessing, prepare
from appliance.core.radiomics import LEAST_PX, NAMES, features
from appliance.core.stripping import disc
from appliance.core.types import Series
from appliance.ingest import read_bytes
from appliance.interpret import interpret
from appliance.opinion import TYPES, on_grid, telling
from appliance.reading import read
from optimize.answers import network_of
from optimize.cases import Case
from optimize.kept import code_digest, kept_bytes, kept_file
from optimize.runs import Run

_CODE = (
    "appliance.core.radiomics",
    "appliance.core.texture",
    "appliance.opinion",
    "optimize.outlines",
)


@dataclass(frozen=True)
class Outlines:
    """Features of cases, in their order.

    Attributes
    ----------
    expert : (n, features) float32
    moved : (n, copies, features) float32
        Of the expert's outline dilated, eroded, shifted and smoothed at random.
    drawn : (n, features) float32
        Of a network's outline; nan where it drew none or was trained on the slice.
    network : (n,) int
        The type that network names; -1 likewise.
    types, folds : (n,) int
    """

    expert: np.ndarray
    moved: np.ndarray
    drawn: np.ndarray
    network: np.ndarray
    types: np.ndarray
    folds: np.ndarray


def move(mask: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """An outline as another hand might draw it.

    Parameters
    ----------
    mask : (side, side) bool

    Returns
    -------
    (side, side) uint8; the mask itself where nothing would be left of it
    """
    mask = mask.astype(np.uint8)
    radius = float(np.sqrt(np.count_nonzero(mask) / np.pi))
    by = int(np.clip(rng.integers(-3, 5), -int(radius / 4), int(radius / 3)))
    out = cv2.dilate(mask, disc(by)) if by > 0 else cv2.erode(mask, disc(-by))
    most = max(1, int(radius / 5))
    down, right = (int(v) for v in rng.integers(-most, most + 1, 2))
    shift = np.array([[1, 0, right], [0, 1, down]], np.float32)
    out = cv2.warpAffine(out, shift, mask.shape[::-1], flags=cv2.INTER_NEAREST)
    if rng.random() < 0.7:
        soft = cv2.GaussianBlur(out.astype(np.float32), (0, 0), rng.uniform(0.5, radius / 3 + 0.6))
        out = (soft > rng.uniform(0.35, 0.6)).astype(np.uint8)
    return out if np.count_nonzero(out) >= LEAST_PX else mask


def _of_expert(case: Case, spec: Preprocessing, copies: int) -> np.ndarray | None:
    """(1 + copies, features) of one case; None for a speck."""
    picture, inside = on_grid(prepare(case.picture(), spec), case.truth())
    first = features(picture, inside)
    if first is None:
        return None
    rng = np.random.default_rng([copies, *case.image.name.encode()])
    others = [features(picture, move(inside, rng)) for _ in range(copies)]
    return np.stack([first, *(first if row is None else row for row in others)])


def expert_outlines(
    cases: Sequence[Case], spec: Preprocessing, copies: int
) -> tuple[np.ndarray, np.ndarray]:
    """(n, features) and (n, copies, features) float32; nan where the outline is a speck."""
    empty = np.full((1 + copies, len(NAMES)), np.nan, np.float32)
    with ThreadPoolExecutor(2) as pool:
        found = pool.map(lambda case: _of_expert(case, spec, copies), cases)
        bar = tqdm(found, total=len(cases), desc="features", disable=None)
        rows = np.stack([empty if row is None else row for row in bar])
    return rows[:, 0], rows[:, 1:]


def _series(case: Case) -> Series:
    (series,) = read_bytes(case.image.read_bytes(), case.image.name).series
    return series


def drawn_outlines(
    run: Run, manifest: Manifest, cases: Sequence[Case]
) -> tuple[np.ndarray, np.ndarray]:
    """Features of what a run's network draws, read as it is served, and the type it names.

    Returns
    -------
    (n, features) float32, nan where nothing is drawn
    (n,) int, index into `TYPES`; -1 likewise
    """
    network = network_of(run.network("INT8"), dict(manifest.outputs))
    values = np.full((len(cases), len(NAMES)), np.nan, np.float32)
    named = np.full(len(cases), -1)
    for row, case in enumerate(tqdm(cases, desc=f"{run.name} outlines", disable=None)):
        try:
            found = interpret(read(_series(case), network.infer_many, manifest), manifest)
        except InputError:
            continue
        seen = telling(found)
        if seen is not None:
            values[row] = seen.values
            named[row] = int(found.series.probabilities[: len(TYPES)].argmax())
    return values, named


def outlines_of(
    cases: Sequence[Case],
    manifest: Manifest,
    unseen: Mapping[int, Run],
    run: Run,
    what: str,
    copies: int = 2,
) -> Outlines:
    """All of it, kept under ``RUN/kept``.

    Parameters
    ----------
    cases : tumours only
    unseen : mapping
        Fold to a run whose network has not seen it.
    what : str
        Name of the file.
    """
    networks = {run.folder: run for run in unseen.values()}
    path = kept_file(
        run.folder / "kept",
        f"outlines-{what}",
        "npz",
        manifest.preprocessing.to_json(),
        manifest.verdict.to_json(),
        [[case.image.name, case.sha256, case.fold] for case in cases],
        {str(fold): run.digest for fold, run in sorted(unseen.items())},
        copies,
        code_digest(*_CODE),
    )

    def make() -> bytes:
        expert, moved = expert_outlines(cases, manifest.preprocessing, copies)
        drawn, named = np.full_like(expert, np.nan), np.full(len(cases), -1)
        for one in networks.values():
            own = [i for i, case in enumerate(cases) if unseen.get(case.fold) is one]
            if own:
                drawn[own], named[own] = drawn_outlines(one, manifest, [cases[i] for i in own])
        types = np.array([TYPES.index(case.label) for case in cases])
        folds = np.array([case.fold for case in cases])
        stream = io.BytesIO()
        found = Outlines(expert, moved, drawn, named, types, folds)
        np.savez(stream, **{f.name: getattr(found, f.name) for f in fields(found)})
        return stream.getvalue()

    with np.load(io.BytesIO(kept_bytes(path, make)), allow_pickle=False) as archive:
        return Outlines(**{f.name: archive[f.name] for f in fields(Outlines)})


def training_rows(found: Outlines, folds: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """Rows to fit on, from these folds: expert outlines, one moved copy, and a network's where
    every one of these folds has them.

    Returns
    -------
    (rows, features) float32, (rows,) int
    """
    own = np.isin(found.folds, folds)
    parts = [found.expert[own], found.moved[own, 0]]
    drawn = ~np.isnan(found.drawn[:, 0])
    if all((drawn & (found.folds == fold)).any() for fold in folds):
        parts.append(found.drawn[own])
    rows = np.concatenate(parts)
    types = np.tile(found.types[own], len(parts))
    whole = ~np.isnan(rows[:, 0])
    return rows[whole], types[whole]


def judged_rows(found: Outlines, fold: int) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Rows of a fold by kind of outline, and which cases they are; a copy is judged that no fit
    has seen."""
    own = np.flatnonzero(found.folds == fold)
    kinds = {"expert": found.expert, "moved": found.moved[:, -1], "network": found.drawn}
    whole = {kind: own[~np.isnan(rows[own, 0])] for kind, rows in kinds.items()}
    return {kind: (kinds[kind][at], at) for kind, at in whole.items() if len(at)}
