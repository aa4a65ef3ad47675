"""One generated person: pose, individual deformation, vessels, and at most one lesion."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from appliance.core.geometry import LPS_FROM_RAS
from appliance.phantom.lesions import StarBody, plan_lesion
from appliance.phantom.paint import Paint
from appliance.phantom.template import (
    GRID_MM,
    GRID_ORIGIN,
    Template,
    load_template,
    noise_cube,
    sample,
    smooth_minimum,
)

FIELD_CENTRE = np.array([0.0, -16.0, 2.0])
"""The point of MNI space, RAS mm, that lies at the origin of the patient's coordinates."""

VEINS = (
    # waypoints in MNI RAS mm, radius mm, whether the path is pulled onto the inner skull
    (((0, 66, 5), (0, 58, 40), (0, 20, 76), (0, -30, 84), (0, -75, 62), (0, -103, 20),
      (0, -100, -12)), 3.0, True),
    (((0, -100, -14), (30, -92, -18), (52, -66, -22), (50, -42, -38)), 3.4, True),
    (((0, -100, -14), (-30, -92, -18), (-52, -66, -22), (-50, -42, -38)), 2.8, True),
    (((0, -42, 6), (0, -62, 2), (0, -98, -10)), 1.8, False),
    (((0, -42, 6), (3, -30, 14), (3, -5, 14)), 1.1, False),
    (((0, -42, 6), (-3, -30, 14), (-3, -5, 14)), 1.1, False),
    (((13, 0, -34), (14, 2, -22), (24, 4, -18), (40, 4, -16), (46, -6, -2)), 1.3, False),
    (((-13, 0, -34), (-14, 2, -22), (-24, 4, -18), (-40, 4, -16), (-46, -6, -2)), 1.3, False),
    (((0, -14, -40), (0, -12, -24)), 1.8, False),
    (((2, 14, -16), (2, 34, -4), (2, 36, 14), (2, 14, 30), (2, -14, 34)), 1.0, False),
)  # fmt: skip
CHOROID = (
    ((14, -12, 22), (20, -30, 18), (25, -42, 10), (28, -34, -2)),
    ((-14, -12, 22), (-20, -30, 18), (-25, -42, 10), (-28, -34, -2)),
    ((3, -50, -34), (-3, -50, -34)),
)


@dataclass(frozen=True, eq=False, repr=False)
class Person:
    """Anatomy drawn from a seed; the same seed with another lesion is the same head.

    Attributes
    ----------
    mni_from_lps : (4, 4) float64
        Linear part of the way from patient millimetres to the template.
    skin : (113, 143, 127) float32
        Signed distance in mm to the surface of the head, negative inside.
    cube : (48, 48, 48) float32
        Periodic random field behind every irregularity.
    waves, folds : (n, 7) float64
        Plane waves of the smooth deformation, and of the fine one that only the brain has.
    vessels, choroid : (197, 233, 189) uint8
        Enhancing tubes on the template's grid, 255 at their middle.
    lesion : StarBody or None
        In MNI RAS mm before the individual deformation, which leaves it alone.
    """

    seed: int
    kind: str
    paint: Paint
    template: Template
    mni_from_lps: np.ndarray
    skin: np.ndarray
    cube: np.ndarray
    waves: np.ndarray
    folds: np.ndarray
    vessels: np.ndarray
    choroid: np.ndarray
    lesion: StarBody | None

    def warp(self, points: np.ndarray) -> np.ndarray:
        """Template points (3, n) of linearly placed points (3, n): the smooth deformation."""
        return points + _displacement(self.waves, points)

    def fold(self, points: np.ndarray) -> np.ndarray:
        """Template points with the fine deformation added that only the brain has."""
        return points + _displacement(self.folds, points)

    @property
    def centre_lps(self) -> np.ndarray | None:
        """Centroid (3,) of the lesion in patient LPS mm."""
        if self.lesion is None:
            return None
        return (np.linalg.inv(self.mni_from_lps) @ np.append(self.lesion.centroid, 1.0))[:3]

    @property
    def volume_ml(self) -> float:
        """Volume of the lesion in the patient, by quadrature; 0 without one."""
        if self.lesion is None:
            return 0.0
        return self.lesion.volume_ml / abs(float(np.linalg.det(self.mni_from_lps[:3, :3])))

    def to_mni(self, points_lps: np.ndarray) -> np.ndarray:
        """Linearly placed MNI points (3, n) of patient points (3, n)."""
        return self.mni_from_lps[:3, :3] @ points_lps + self.mni_from_lps[:3, 3:]


def make_person(
    kind: str = "none", seed: int = 0, paint: Paint | None = None, radius_mm: float | None = None
) -> Person:
    """A person with a lesion of the kind, fully determined by the arguments."""
    paint = paint or Paint()
    template = load_template()
    body = np.random.default_rng([seed, 1])
    matrix = _pose(body, paint)
    waves = _waves(body, 5, 120.0, paint.warp_mm)
    folds = _waves(body, 7, 30.0, paint.fold_mm)
    cube = noise_cube(body)

    def dura(points: np.ndarray) -> np.ndarray:
        placed = points + _displacement(waves, points)
        return sample(template.cavity, placed, GRID_ORIGIN, GRID_MM) - paint.csf_mm

    def place(point: np.ndarray) -> np.ndarray:
        return point - _displacement(waves, point[:, None])[:, 0]

    layers = paint.csf_mm + paint.skull_mm + paint.scalp_mm
    skin = smooth_minimum(template.hull - np.float32(layers), template.face, 10.0)
    vessels = _draw_tubes(template, _vein_paths(template, body))
    choroid = _draw_tubes(template, [(_curve(np.array(path, float)), 2.3) for path in CHOROID])
    lesion = plan_lesion(kind, np.random.default_rng([seed, 2]), dura, place, radius_mm)
    return Person(
        seed, kind, paint, template, matrix, skin, cube, waves, folds, vessels, choroid, lesion
    )


def _pose(rng: np.random.Generator, paint: Paint) -> np.ndarray:
    """A small rotation, a change of size along each axis and a shift, as (4, 4) LPS to MNI."""
    rotation = np.eye(3)
    for axis, angle in enumerate(np.radians(rng.uniform(-paint.tilt_deg, paint.tilt_deg, 3))):
        c, s = np.cos(angle), np.sin(angle)
        turn = np.eye(3)
        i, j = (axis + 1) % 3, (axis + 2) % 3
        turn[[i, i, j, j], [i, j, i, j]] = c, -s, s, c
        rotation = turn @ rotation
    size = 1.0 + rng.uniform(-paint.resize, paint.resize, 3)
    matrix = np.eye(4)
    matrix[:3, :3] = np.diag(1.0 / size) @ rotation @ LPS_FROM_RAS[:3, :3]
    matrix[:3, 3] = FIELD_CENTRE + rng.uniform(-4, 4, 3)
    return matrix


def _waves(
    rng: np.random.Generator, count: int, wavelength_mm: float, amplitude_mm: float
) -> np.ndarray:
    """Plane waves (n, 7) whose sum deforms the head: wave vector, amplitudes and phase."""
    direction = rng.standard_normal((count, 3))
    direction *= 2 * np.pi / wavelength_mm / np.linalg.norm(direction, axis=1, keepdims=True)
    direction *= rng.uniform(0.8, 1.3, (count, 1))
    size = rng.standard_normal((count, 3)) * amplitude_mm * np.sqrt(2.0 / count) * 0.6
    return np.hstack([direction, size, rng.uniform(0, 2 * np.pi, (count, 1))])


def _displacement(waves: np.ndarray, points: np.ndarray) -> np.ndarray:
    dtype = np.float32 if points.dtype == np.float32 else np.float64
    out = np.zeros(points.shape, dtype)
    for row in waves.astype(dtype):
        wave = np.sin(row[:3] @ points + row[6])
        out += row[3:6, None] * wave
    return out


def _curve(waypoints: np.ndarray, step: float = 0.7) -> np.ndarray:
    """Points (n, 3) along a smooth curve through the waypoints."""
    length = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(waypoints, axis=0), axis=1))])
    at = np.arange(0.0, length[-1], step)
    line = np.stack([np.interp(at, length, waypoints[:, k]) for k in range(3)], 1)
    return ndimage.gaussian_filter1d(line, 4.0 / step, axis=0, mode="nearest")


def _vein_paths(template: Template, rng: np.random.Generator) -> list[tuple[np.ndarray, float]]:
    """Sinuses and arteries everybody has, and a random net of veins over the convexity."""
    paths = []
    for waypoints, radius, snapped in VEINS:
        line = _curve(np.array(waypoints, float))
        paths.append((_on_skull(template, line, 1.0) if snapped else line, radius))
    for _ in range(46):
        point, heading = rng.standard_normal(3), rng.standard_normal(3)
        point *= 60.0 / np.linalg.norm(point)
        point[2] = abs(point[2]) * 1.3 - 15.0
        line = []
        for _ in range(rng.integers(25, 70)):
            heading += 0.35 * rng.standard_normal(3)
            heading /= np.linalg.norm(heading)
            point = point + heading
            line.append(point + FIELD_CENTRE)
        depth = rng.choice([1.0, 2.5, 7.0, 12.0], p=[0.4, 0.3, 0.2, 0.1])
        paths.append((_on_skull(template, _curve(np.array(line)), -depth), rng.uniform(0.8, 1.3)))
    return paths


def _on_skull(template: Template, line: np.ndarray, depth: float) -> np.ndarray:
    """The line pulled along the gradient of the cavity until it lies at a depth in mm."""
    points = line.T.copy()
    for _ in range(8):
        here = sample(template.cavity, points, GRID_ORIGIN, GRID_MM)
        beside = [points + 2 * np.eye(3)[:, k : k + 1] for k in range(3)]
        slope = np.stack([sample(template.cavity, b, GRID_ORIGIN, GRID_MM) - here for b in beside])
        norm = np.sqrt((slope**2).sum(0)) + 1e-3
        points -= 0.6 * (here - depth) * slope / norm
    return ndimage.gaussian_filter1d(points.T, 2.0, axis=0, mode="nearest")


def _draw_tubes(template: Template, paths: list[tuple[np.ndarray, float]]) -> np.ndarray:
    """Soft tubes on the template's grid, (197, 233, 189) uint8."""
    shape = template.t1.shape
    out = np.zeros(shape, np.uint8)
    for line, radius in paths:
        reach = int(np.ceil(radius + 1.0))
        offset = np.stack(np.meshgrid(*[np.arange(-reach, reach + 1)] * 3, indexing="ij"))
        offset = offset.reshape(3, -1)
        centre = (line - template.origin).T
        base = np.rint(centre).astype(int)
        voxel = base[:, :, None] + offset[:, None, :]
        away = np.sqrt(((voxel - centre[:, :, None]) ** 2).sum(0))
        value = (np.clip(radius + 0.6 - away, 0, 1) * 255 * min(1.0, radius)).astype(np.uint8)
        good = np.all((voxel >= 0) & (voxel < np.array(shape)[:, None, None]), 0)
        np.maximum.at(out, tuple(voxel[:, good]), value[good])
    return out
