"""Pairs of volumes for the verdict of a registration: two scans of one generated head, or not.

Grids are coarse, as registration works on two millimetres anyway. Broken pairs take another head
of another size, the mirror image of a head with a lesion on one side, a part of the head that the
other does not show, or noise.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from appliance.core.transforms import about, rotation
from appliance.core.types import Volume
from training.registration_pairs import RIGHT

_SHAPE, _FIELD_MM = (36, 88, 88), (162.0, 228.8, 228.8)
_BROKEN = ("another patient", "mirrored", "noise", "another patient")


@dataclass(frozen=True, eq=False)
class VolumePair:
    """Two volumes and the truth about them, as `training.registration_pairs.Pair`; LPS mm."""

    fixed: Volume
    moving: Volume
    truth: np.ndarray | None
    kind: str
    group: str


def known(rng: np.random.Generator) -> np.ndarray:
    """A rigid motion of 12 degrees and 12 mm a side at most."""
    turn = rotation(float(rng.uniform(-12, 12)), rng.standard_normal(3))
    return about((0.0, 0.0, 0.0), turn, rng.uniform(-12, 12, 3))


def volumes(k: int, seed: int, shape: tuple[int, int, int] = _SHAPE) -> VolumePair:
    """Pair number ``k``: T1c with CT or T2; every second one is broken."""
    from appliance.phantom import make, make_person
    from appliance.phantom.paint import Paint

    rng = np.random.default_rng([seed, 10, k])
    kind = RIGHT if k % 2 == 0 else _BROKEN[k // 2 % len(_BROKEN)]
    person = int(rng.integers(100_000))
    lesion = str(rng.choice(["glioma", "meningioma"]))
    contrast = str(rng.choice(["ct", "t2"]))
    who = person + 1 if kind == "another patient" else person

    def scan(name: str, number: int, oblique: float) -> Volume:
        head = make_person(lesion, number, Paint.of(name))
        spacing = tuple(field / side for field, side in zip(_FIELD_MM, shape, strict=True))
        return make(shape=shape, spacing_mm=spacing, oblique_deg=oblique, person=head).volume

    fixed, other = scan("t1c", person, 0.0), scan(contrast, who, float(rng.uniform(-6, 6)))
    array = other.array.astype(np.float32)
    if kind == "mirrored":
        array = np.ascontiguousarray(array[..., ::-1])
    if kind == "noise":
        blur = float(rng.uniform(0.5, 6.0))
        slices = [cv2.GaussianBlur(s, (0, 0), blur) for s in rng.random(array.shape, np.float32)]
        array = np.stack(slices)
    truth = known(rng)
    moving = Volume(array, truth @ other.affine)
    return VolumePair(fixed, moving, truth if kind == RIGHT else None, kind, f"g{person}")
