"""Generated heads scanned twice, unchanged or with a lesion grown by a known share."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from appliance.core.types import Series, Volume
from appliance.phantom import Person, make, make_person, slice_of
from appliance.phantom.paint import Paint

_RADII = {"glioma": (12.0, 20.0), "meningioma": (10.0, 18.0), "pituitary": (8.0, 12.0)}
_HEIGHT_MM = 152.0
_NOISE = (0.02, 0.05)


@dataclass(frozen=True, eq=False)
class Pair:
    """Two scans of one head and the truth.

    Attributes
    ----------
    change : float
        Natural logarithm of the ratio of the lesion's true volumes, or of its true areas in the
        section of the first scan.
    """

    prior: Series
    current: Series
    change: float
    kind: str


def pair(source: str, number: int, seed: int) -> Pair:
    """A pair; every other one is unchanged.

    Parameters
    ----------
    source : str
        ``stack`` or ``picture``.
    """
    rng = np.random.default_rng([seed, number, source == "stack"])
    kind = str(rng.choice(list(_RADII), p=(0.4, 0.4, 0.2)))
    radius = float(rng.uniform(*_RADII[kind]))
    growth = float(np.exp(rng.uniform(-0.22, 0.22))) if number % 2 else 1.0
    head = int(rng.integers(1_000_000))
    people = [
        _person(kind, head, r, visit, rng) for visit, r in enumerate((radius, radius * growth))
    ]
    if source == "stack":
        return _stacks(*people, kind, rng)
    return _pictures(*people, kind, rng)


def _person(kind: str, head: int, radius: float, visit: int, rng: np.random.Generator) -> Person:
    """The same head at a visit: its own noise, and a lesion of a radius."""
    paint = replace(Paint.of("t1c"), noise=float(rng.uniform(*_NOISE)))
    return replace(make_person(kind, head, paint, radius_mm=radius), seed=head + visit)


def _stacks(first: Person, second: Person, kind: str, rng: np.random.Generator) -> Pair:
    thick = float(rng.uniform(3.5, 6.0))
    found = []
    for number, person in enumerate((first, second)):
        step = thick * (float(rng.uniform(0.8, 1.25)) if number else 1.0)
        pixel = float(rng.uniform(1.2, 1.45))
        scan = make(
            shape=(int(_HEIGHT_MM / step), 160, 160),
            spacing_mm=(step, pixel, pixel),
            oblique_deg=float(rng.uniform(-8, 8)) if number else 0.0,
            centre_mm=tuple(np.array((0, 0, 12.0)) + number * rng.uniform(-3, 3, 3)),
            person=person,
        )
        found.append(_series(scan.volume, number))
    return Pair(*found, float(np.log(second.volume_ml / first.volume_ml)), kind)


def _pictures(first: Person, second: Person, kind: str, rng: np.random.Generator) -> Pair:
    at = float(first.centre_lps[2])
    one = slice_of(first, offset_mm=at, size=256, pixel_mm=float(rng.uniform(0.85, 1.0)))
    pixel = float(rng.uniform(0.85, 1.0))
    now = slice_of(second, offset_mm=at + float(rng.uniform(-1.5, 1.5)), size=256, pixel_mm=pixel)
    truth = slice_of(second, offset_mm=at, size=128, pixel_mm=2 * pixel).truth.array
    areas = one.truth.array.sum() * _area(one.volume), truth.sum() * 4 * pixel**2
    same = first.volume_ml == second.volume_ml
    turn = cv2.getRotationMatrix2D((127.5, 127.5), float(rng.uniform(-12, 12)), 1.0)
    turned = cv2.warpAffine(now.volume.array[0], turn, (256, 256))
    shown = [
        Volume((array / np.percentile(array, 99.8) * 235).clip(0, 255).astype(np.uint8)[None])
        for array in (one.volume.array[0], turned)
    ]
    change = 0.0 if same else float(np.log(areas[1] / areas[0]))
    return Pair(*(_series(v, n) for n, v in enumerate(shown)), change, kind)


def _area(volume: Volume) -> float:
    return float(np.prod(np.linalg.norm(volume.affine[:3, 1:3], axis=0)))


def _series(volume: Volume, number: int) -> Series:
    kind = "image" if volume.affine is None else "nifti"
    return Series(volume, kind, f"visit-{number + 1}", f"{number}" * 64)
