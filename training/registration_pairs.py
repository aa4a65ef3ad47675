"""Pairs of pictures for the verdict of a registration: right ones, and ones broken on purpose.

Right pairs are two contrasts of one generated head, and a real slice with itself in invented
contrast, moved by a known similarity. They are made to disagree as real ones do: bent by a pixel or
two, a slice a little higher or lower, a scalp that the other one does not show. Broken ones take
another person, a slice ten or more millimetres away, the mirror image, or noise. The real slices
are of the data root's CC BY sets; the CT/MR pairs are never fitted on, only judged.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import cv2
import numpy as np

from appliance import pictures
from appliance.core.transforms import about, rotation
from appliance.limits import Limits
from appliance.registration.likeness import resampled

RIGHT = "right"
BROKEN = ("another patient", "mirrored", "slices away", "noise")
_SIDE = 256


@dataclass(frozen=True, eq=False)
class Pair:
    """Two pictures and the truth about them.

    Attributes
    ----------
    fixed, moving : (rows, columns) float32
    truth : (3, 3) float64 or None
        FIXED to MOVING; None where no transform is right.
    kind : str
        `RIGHT` or one of `BROKEN`.
    group : str
        Whose head FIXED is: never on both sides of a split.
    """

    fixed: np.ndarray
    moving: np.ndarray
    truth: np.ndarray | None
    kind: str
    source: str
    group: str


def known(rng: np.random.Generator, side: int = _SIDE) -> np.ndarray:
    """A random similarity about the middle: 20 degrees, 20 pixels, scale 0.9 to 1.1 at most."""
    middle = np.full(2, (side - 1) / 2)
    turn = rng.uniform(0.9, 1.1) * rotation(rng.uniform(-20, 20))
    return about(middle, turn, rng.uniform(-20, 20, 2))


def displaced(picture: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """The picture such that a pixel ``p`` of the old one is found at ``truth p``."""
    array = np.ascontiguousarray(picture, np.float32)
    return resampled(array, array.shape, np.linalg.inv(truth))


def _kinds(number: int) -> str:
    """Half of the pairs are right; the broken kinds take turns, the hard ones more often."""
    turns = ("another patient", "mirrored", "slices away", "another patient", "mirrored", "noise")
    return RIGHT if number % 2 == 0 else turns[number // 2 % len(turns)]


def _broken(kind: str, rng: np.random.Generator, moving: np.ndarray) -> np.ndarray:
    if kind == "mirrored":
        return np.ascontiguousarray(moving[:, ::-1])
    if kind == "noise":
        blur = rng.uniform(0.5, 8.0)
        return cv2.GaussianBlur(rng.random(moving.shape).astype(np.float32), (0, 0), blur)
    return moving


def _bent(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Two scans never agree exactly: a smooth displacement of up to a few pixels."""
    coarse = rng.standard_normal((2, 5, 5)).astype(np.float32) * rng.uniform(0.3, 1.8)
    size = picture.shape[::-1]
    rows, columns = (cv2.resize(c, size, interpolation=cv2.INTER_CUBIC) for c in coarse)
    grid = np.indices(picture.shape, dtype=np.float32)
    return cv2.remap(picture, grid[1] + columns, grid[0] + rows, cv2.INTER_LINEAR)


def _without_scalp(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The outermost tissue made dark, as a window for the brain does."""
    inside = (picture > 0.1 * np.percentile(picture, 99)).astype(np.uint8)
    filled = cv2.morphologyEx(inside, cv2.MORPH_CLOSE, np.ones((15, 15), np.uint8))
    depth = cv2.distanceTransform(np.pad(filled, 1), cv2.DIST_L2, 5)[1:-1, 1:-1]
    return np.where(depth > rng.uniform(4.0, 10.0), picture, 0.0).astype(np.float32)


def generated(k: int, seed: int) -> Pair:
    """Pair number ``k`` of generated heads: two of CT, T1c and T2."""
    from appliance.phantom import make_person, slice_of
    from appliance.phantom.paint import Paint

    rng = np.random.default_rng([seed, 7, k])
    kind = _kinds(k)
    contrasts = [str(c) for c in rng.permutation(["ct", "t2", "t1c"])[:2]]
    offset = float(rng.uniform(-15, 55))
    person = int(rng.integers(100_000))
    lesion = str(rng.choice(["none", "glioma", "meningioma"]))

    def scan(contrast: str, who: int, where: float) -> np.ndarray:
        head = make_person(lesion, who, Paint.of(contrast))
        found = slice_of(head, offset_mm=where, size=_SIDE, pixel_mm=0.9)
        picture = found.volume.array[0].astype(np.float32)
        if contrast == "ct" and person % 2:  # half of them in a brain window, as pictures are
            picture = np.clip(picture / np.percentile(picture[picture > 0], 75), 0, 1.25)
        return picture

    away = kind == "slices away"
    between = rng.choice([-1, 1]) * rng.uniform(30, 60) if away else rng.normal(0.0, 1.5)
    where = offset + float(between)
    who = person + 1 if kind == "another patient" else person
    truth = known(rng)
    moving = _bent(scan(contrasts[1], who, where), rng)
    moving = _broken(kind, rng, displaced(moving, truth))
    right = truth if kind == RIGHT else None
    fixed = scan(contrasts[0], person, offset)
    return Pair(fixed, moving, right, kind, "generated", f"g{person}")


@cache
def _rows(root: Path) -> tuple[tuple[str, str], ...]:
    """Picture and group of the real slices of folds 1 to 3."""
    rows = []
    with (root / "figshare" / "labels.csv").open(newline="") as stream:
        rows += [(f"figshare/{r['image']}", r["run"], r["fold"]) for r in csv.DictReader(stream)]
    with (root / "no_tumor.csv").open(newline="") as stream:
        rows += [(r["image"], f"n{r['group']}", r["fold"]) for r in csv.DictReader(stream)]
    return tuple((image, group) for image, group, fold in rows if fold in ("1", "2", "3"))


def real(root: Path, k: int, seed: int) -> Pair:
    """Pair number ``k`` of real slices, the moving one in an invented contrast."""
    rows = _rows(root)
    rng = np.random.default_rng([seed, 8, k])
    kind = _kinds(k)
    kind = "another patient" if kind == "slices away" else kind
    name, group = rows[int(rng.integers(len(rows)))]
    other = name
    if kind == "another patient":
        candidates = [row for row in rows if row[1] != group]
        other = candidates[int(rng.integers(len(candidates)))][0]
    truth = known(rng)
    source = read(root / other)
    if rng.random() < 0.4:
        source = _without_scalp(source, rng)
    moving = displaced(_bent(_invented(source, rng), rng), truth)
    moving = _broken(kind, rng, moving)
    right = truth if kind == RIGHT else None
    return Pair(read(root / name), moving, right, kind, "real", group)


def read(path: Path) -> np.ndarray:
    """A picture file's first channel at the side that registration was developed on, float32."""
    picture, _ = pictures.read(path.read_bytes(), Limits())
    return cv2.resize(picture[0].astype(np.float32), (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)


def _invented(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The same anatomy in another contrast: a crooked curve, a bias field, blur and noise."""
    top = np.percentile(picture, 99.5)
    value = np.clip(picture / max(float(top), 1e-6), 0, 1)
    knots = np.linspace(0, 1, 6)
    heights = np.concatenate([[0.0, 0.0], rng.uniform(0, 1, 4)])
    changed = np.interp(value, knots * 0.9 + 0.02, heights)
    bias = cv2.resize(
        rng.uniform(0.75, 1.25, (3, 3)), (_SIDE, _SIDE), interpolation=cv2.INTER_CUBIC
    )
    blurred = cv2.GaussianBlur((changed * bias).astype(np.float32), (0, 0), rng.uniform(0.4, 1.4))
    noisy = blurred + rng.uniform(0.005, 0.05) * rng.standard_normal(blurred.shape)
    return np.abs(noisy).astype(np.float32)


def of_atlas(root: Path, k: int, seed: int) -> Pair:
    """Pair number ``k`` of the CT/MR slices, the MR moved: to judge, never to fit."""
    folder = root / "ct_mr"
    names = sorted(path.stem for path in (folder / "CT").glob("*.png"))
    rng = np.random.default_rng([seed, 9, k])
    kind = _kinds(k)
    name = names[int(rng.integers(len(names)))]
    other = _partner(names, name, kind, rng)
    truth = known(rng)
    moving = _broken(kind, rng, displaced(read(folder / "MR" / f"{other}.png"), truth))
    fixed = read(folder / "CT" / f"{name}.png")
    return Pair(fixed, moving, truth if kind == RIGHT else None, kind, "ct_mr", name[:-3])


def _partner(names: list[str], name: str, kind: str, rng: np.random.Generator) -> str:
    """The MR a broken pair takes: another patient's at the same height, or ten slices away."""
    patient, level = name[:-3], int(name[-3:])
    if kind == "another patient":
        found = [n for n in names if n[:-3] != patient and abs(int(n[-3:]) - level) <= 1]
    elif kind == "slices away":
        found = [n for n in names if n[:-3] == patient and abs(int(n[-3:]) - level) >= 10]
    else:
        return name
    if not found:  # no slice of this patient is so far away: take another patient's
        found = [n for n in names if n[:-3] != patient and abs(int(n[-3:]) - level) >= 10]
    return found[int(rng.integers(len(found)))]
