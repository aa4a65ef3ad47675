"""Lesions of known size: bodies described by their radius in every direction from a point."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from appliance.core.errors import BadRequest

LESIONS = ("none", "glioma", "meningioma", "pituitary")
ROWS, COLUMNS = 90, 180


@dataclass(frozen=True)
class StarBody:
    """A body that every ray from ``centre`` leaves exactly once.

    Attributes
    ----------
    centre : (3,) float64, mm
    radius : (90, 180) float64, mm
        By polar angle (0 to 180 degrees, cell centres) and azimuth (0 to 360).
    """

    centre: np.ndarray
    radius: np.ndarray

    @property
    def reach(self) -> float:
        """Radius of the smallest ball about ``centre`` that holds the body."""
        return float(self.radius.max())

    @property
    def volume_ml(self) -> float:
        """Volume by quadrature of ``r**3 / 3`` over the sphere; no voxels involved."""
        return float((self.radius**3 / 3.0 * _solid_angles()).sum() / 1000.0)

    @property
    def centroid(self) -> np.ndarray:
        """Centre of mass (3,), by quadrature."""
        weight = self.radius**4 / 4.0 * _solid_angles()
        return self.centre + (_directions() * weight).sum((1, 2)) / (self.volume_ml * 1000.0)

    def depth(self, points: np.ndarray) -> np.ndarray:
        """Distance in mm beyond the surface along the ray, negative inside, at points (3, n)."""
        away, border = self.polar(points)
        return away - border

    def polar(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Distance of points (3, n) from ``centre``, and the radius of the body towards them."""
        delta = points - self.centre[:, None]
        away = np.sqrt((delta**2).sum(0)) + 1e-9
        row = np.arccos(np.clip(delta[2] / away, -1, 1)) / np.pi * ROWS - 0.5
        column = np.arctan2(delta[1], delta[0]) / (2 * np.pi) * COLUMNS - 0.5
        column = np.mod(column, COLUMNS)
        padded = np.concatenate([self.radius, self.radius[:, :1]], 1)
        border = ndimage.map_coordinates(
            padded, [np.clip(row, 0, ROWS - 1), column], order=1, mode="nearest", prefilter=False
        )
        return away, border

    def moved(self, matrix: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
        """``depth`` as a function of points that ``matrix`` (4, 4) brings into this space."""
        return lambda points: self.depth(matrix[:3, :3] @ points + matrix[:3, 3:])


def _directions() -> np.ndarray:
    """Unit vectors (3, 90, 180) of the cells of a radius table."""
    polar = ((np.arange(ROWS) + 0.5) * np.pi / ROWS)[:, None]
    azimuth = ((np.arange(COLUMNS) + 0.5) * 2 * np.pi / COLUMNS)[None]
    flat = np.ones_like(azimuth)
    return np.stack(
        [np.sin(polar) * np.cos(azimuth), np.sin(polar) * np.sin(azimuth), np.cos(polar) * flat]
    )


def _solid_angles() -> np.ndarray:
    edges = np.cos(np.arange(ROWS + 1) * np.pi / ROWS)
    return ((edges[:-1] - edges[1:]) * (2 * np.pi / COLUMNS))[:, None] * np.ones((1, COLUMNS))


def _bumps(rng: np.random.Generator, detail: float) -> np.ndarray:
    """Smooth random radius factors of mean about 1: ``detail`` is their deviation."""
    direction = _directions()
    value = np.zeros((ROWS, COLUMNS))
    for frequency, weight in ((1.6, 1.0), (3.2, 0.7), (6.0, 0.4)):
        for _ in range(4):
            wave = rng.standard_normal(3) * frequency
            phase = rng.uniform(0, 2 * np.pi)
            value += weight * np.sin(np.tensordot(wave, direction, 1) + phase)
    return 1.0 + detail * (value - value.mean()) / value.std()


def _ellipsoidal(radii: np.ndarray) -> np.ndarray:
    direction = _directions()
    return 1.0 / np.sqrt(((direction / radii[:, None, None]) ** 2).sum(0))


def _clipped(
    radius: np.ndarray, centre: np.ndarray, inside: Callable[[np.ndarray], np.ndarray]
) -> np.ndarray:
    """Radii shortened so that the body stays where ``inside`` (signed distance) is negative."""
    steps = np.linspace(0.0, 1.0, 41)[1:]
    direction = _directions().reshape(3, -1)
    full = radius.reshape(-1)
    points = centre[:, None, None] + direction[:, :, None] * (full[:, None] * steps)
    value = inside(points.reshape(3, -1)).reshape(full.size, steps.size)
    blocked = value >= 0
    first = np.where(blocked.any(1), blocked.argmax(1), steps.size)
    clipped = np.where(first < steps.size, full * np.concatenate([[0.02], steps])[first], full)
    return ndimage.gaussian_filter(clipped.reshape(ROWS, COLUMNS), 1.0, mode=("nearest", "wrap"))


GLIOMA_SITES = (
    (30, 30, 22),
    (38, -38, 26),
    (42, -14, -16),
    (30, 2, 38),
    (28, -64, 18),
    (26, 46, 4),
)
MENINGIOMA_SITES = (
    (1, 0.3, 0.75),
    (1, -0.5, 0.7),
    (0.9, 0.9, 0.35),
    (1, 0.1, 0.1),
    (0.8, -0.9, 0.5),
)
HEAD_CENTRE = np.array([0.0, -18.0, 5.0])


def plan_lesion(
    kind: str,
    rng: np.random.Generator,
    dura: Callable[[np.ndarray], np.ndarray],
    place: Callable[[np.ndarray], np.ndarray] = lambda point: point,
    radius_mm: float | None = None,
) -> StarBody | None:
    """The body of a lesion in MNI RAS millimetres, None for ``none``.

    Parameters
    ----------
    kind : str
        One of `LESIONS`.
    dura : callable
        Signed distance of points (3, n) to the inner face of the skull, negative inside.
    place : callable
        From a point (3,) of the template to the same place in this person.
    radius_mm : float, optional
        Mean radius; drawn at random from what is usual when not given.

    Raises
    ------
    BadRequest
        When the kind is unknown.
    """
    if kind == "none":
        return None
    if kind == "glioma":
        return _glioma(rng, dura, place, radius_mm or rng.uniform(16.0, 22.0))
    if kind == "meningioma":
        return _meningioma(rng, dura, radius_mm or rng.uniform(15.0, 20.0))
    if kind == "pituitary":
        return _pituitary(rng, place, radius_mm or rng.uniform(10.0, 13.0))
    raise BadRequest(f"lesion is one of {', '.join(LESIONS)}, not {kind!r}")


def _glioma(rng: np.random.Generator, dura: Callable, place: Callable, size: float) -> StarBody:
    centre = np.array(GLIOMA_SITES[rng.integers(len(GLIOMA_SITES))], float)
    centre[0] *= rng.choice([-1.0, 1.0])
    centre = place(centre + rng.uniform(-3, 3, 3))
    radius = _ellipsoidal(size * rng.uniform(0.82, 1.2, 3)) * _bumps(rng, 0.14)
    return StarBody(centre, _clipped(radius, centre, lambda p: dura(p) + 2.5))


def _meningioma(rng: np.random.Generator, dura: Callable, size: float) -> StarBody:
    towards = np.array(MENINGIOMA_SITES[rng.integers(len(MENINGIOMA_SITES))], float)
    towards = towards * [rng.choice([-1.0, 1.0]), 1, 1] + rng.uniform(-0.1, 0.1, 3)
    towards /= np.linalg.norm(towards)
    along = np.arange(20.0, 130.0, 0.5)
    outside = dura(HEAD_CENTRE[:, None] + towards[:, None] * along) >= 0
    centre = HEAD_CENTRE + towards * (along[outside.argmax()] - 0.62 * size)
    radius = _ellipsoidal(size * rng.uniform(0.92, 1.12, 3)) * _bumps(rng, 0.06)
    return StarBody(centre, _clipped(radius, centre, dura))


def _pituitary(rng: np.random.Generator, place: Callable, size: float) -> StarBody:
    centre = place(np.array([rng.uniform(-1.5, 1.5), 3.0, -35.0 + 0.6 * size]))
    radii = size * np.array(
        [rng.uniform(0.9, 1.15), rng.uniform(0.8, 0.95), rng.uniform(1.05, 1.3)]
    )
    direction = _directions()
    waist = 1.0 - 0.14 * np.exp(-(((direction[2] + 0.35) / 0.2) ** 2))
    return StarBody(centre, _ellipsoidal(radii) * waist * _bumps(rng, 0.05))
