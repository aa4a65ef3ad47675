"""The anatomy a phantom starts from: the MNI152 template, and distances to its surfaces.

nilearn ships the skull-stripped T1 average of 152 people, so the cranial cavity and the head
around it are reconstructed here as signed distances.

References
----------
Fonov V, Evans AC, Botteron K, Almli CR, McKinstry RC, Collins DL. Unbiased average
age-appropriate atlases for pediatric studies. NeuroImage 54 (2011) 313-327. The template may be
used, copied and modified freely with its copyright notice (C) 1993-2009 Louis Collins, McConnell
Brain Imaging Centre, Montreal Neurological Institute, McGill University.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import nibabel
import numpy as np
from scipy import ndimage

from appliance.core.errors import Unavailable

TEMPLATE = "datasets/data/mni_icbm152_t1_tal_nlin_sym_09a_converted.nii.gz"
CISTERNS = (
    ((0.0, 2.0, -19.0), (16.0, 12.0, 8.0)),
    ((0.0, -10.0, -34.0), (13.0, 7.0, 16.0)),
)
FACE = (
    ((0.0, 28.0, -64.0), (71.0, 62.0, 60.0)),
    ((0.0, 38.0, -100.0), (56.0, 56.0, 50.0)),
    ((0.0, 88.0, -62.0), (13.0, 24.0, 20.0)),
    ((0.0, -34.0, -110.0), (58.0, 62.0, 90.0)),
    ((79.0, -28.0, -44.0), (7.0, 13.0, 22.0)),
    ((-79.0, -28.0, -44.0), (7.0, 13.0, 22.0)),
)
GRID_MM = 2.0
GRID_ORIGIN = np.array([-112.0, -152.0, -132.0])
GRID_SHAPE = (113, 143, 127)
CSF_LEVEL, GREY_LEVEL, WHITE_LEVEL = 75.0, 165.0, 222.0


@dataclass(frozen=True)
class Template:
    """Static anatomy in MNI RAS millimetres.

    Attributes
    ----------
    t1 : (197, 233, 189) uint8
        Skull-stripped signal, 0 outside the brain.
    soft : (197, 233, 189) uint8
        ``t1`` blurred by 1.3 mm, for an unsharp mask.
    origin : (3,) float64
        Where voxel 0 of ``t1`` lies; its voxels are 1 mm.
    cavity, hull, face : (113, 143, 127) float32
        Signed distance in mm, negative inside: to the closed surface of the brain, to that
        surface with the hollows of the temples and the base filled, and to the skin of the face,
        ears and neck.
    """

    t1: np.ndarray
    soft: np.ndarray
    origin: np.ndarray
    cavity: np.ndarray
    hull: np.ndarray
    face: np.ndarray


def template_path() -> Path:
    """Path of the template that nilearn installs; nilearn itself is not imported.

    Raises
    ------
    Unavailable
        When nilearn is not installed.
    """
    spec = find_spec("nilearn")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        path = Path(folder) / TEMPLATE
        if path.is_file():
            return path
    raise Unavailable(
        "phantoms need the MNI152 template that nilearn carries, which is not installed; "
        "remedy: pip install nilearn"
    )


@lru_cache(maxsize=1)
def load_template() -> Template:
    """The template with its distance fields; computed once in a process (about a second)."""
    image = nibabel.load(template_path())
    t1 = np.ascontiguousarray(np.asanyarray(image.dataobj).astype(np.uint8))
    origin = image.affine[:3, 3].astype(float)
    filled = np.where(t1 == 0, np.uint8(CSF_LEVEL), t1)
    soft = ndimage.gaussian_filter(filled, 1.3, truncate=2.5)
    brain = _brain_on_grid(t1, origin)
    cavity = _closed_distance(brain, GRID_MM, 7.0)
    hull = _closed_distance(brain[::2, ::2, ::2], 2 * GRID_MM, 34.0)
    hull = ndimage.zoom(ndimage.gaussian_filter(hull, 2.5), 2, order=1)
    hull = np.pad(hull, [(0, max(0, n - m)) for n, m in zip(GRID_SHAPE, hull.shape, strict=True)],
                  mode="edge")[: GRID_SHAPE[0], : GRID_SHAPE[1], : GRID_SHAPE[2]]  # fmt: skip
    cavity = _with_cisterns(ndimage.gaussian_filter(cavity, 0.9))
    return Template(t1, soft, origin, cavity, np.ascontiguousarray(hull, np.float32), _face())


def _brain_on_grid(t1: np.ndarray, origin: np.ndarray) -> np.ndarray:
    brain = np.zeros(GRID_SHAPE, bool)
    index = [
        np.rint(GRID_ORIGIN[k] + GRID_MM * np.arange(GRID_SHAPE[k]) - origin[k]).astype(int)
        for k in range(3)
    ]
    valid = [(i >= 0) & (i < n) for i, n in zip(index, t1.shape, strict=True)]
    picked = t1[np.ix_(*(i[v] for i, v in zip(index, valid, strict=True)))]
    brain[np.ix_(*valid)] = picked > 0
    return brain


def _with_cisterns(cavity: np.ndarray) -> np.ndarray:
    """The cavity, enlarged by the cisterns that the skull-stripping cut away."""
    grid = _grid()
    for centre, radii in CISTERNS:
        extra = ellipsoid(grid, centre, radii).reshape(GRID_SHAPE)
        cavity = smooth_minimum(cavity, extra, 4.0)
    return cavity.astype(np.float32)


def _face() -> np.ndarray:
    """Signed distance to the parts of the head that lie below and before the brain case."""
    grid = _grid()
    surface = ellipsoid(grid, *FACE[0])
    for centre, radii in FACE[1:]:
        width = 8.0 if min(radii) > 8 else 2.0
        surface = smooth_minimum(surface, ellipsoid(grid, centre, radii), width)
    return surface.reshape(GRID_SHAPE).astype(np.float32)


def _grid() -> np.ndarray:
    axes = [
        (GRID_ORIGIN[k] + GRID_MM * np.arange(GRID_SHAPE[k])).astype(np.float32) for k in range(3)
    ]
    return np.stack(np.meshgrid(*axes, indexing="ij")).reshape(3, -1)


def ellipsoid(points: np.ndarray, centre: Sequence[float], radii: Sequence[float]) -> np.ndarray:
    """Approximate signed distance in mm to an ellipsoid, negative inside, at points (3, n)."""
    scaled = [(points[k] - centre[k]) / radii[k] for k in range(3)]
    norm = np.sqrt(scaled[0] ** 2 + scaled[1] ** 2 + scaled[2] ** 2)
    return (norm - 1.0) * min(radii)


def smooth_minimum(a: np.ndarray, b: np.ndarray, width: float) -> np.ndarray:
    """Union of two signed distances with a rounded seam ``width`` mm wide."""
    h = np.clip(0.5 + 0.5 * (b - a) / width, 0.0, 1.0)
    return b + (a - b) * h - width * h * (1.0 - h)


def _closed_distance(mask: np.ndarray, spacing: float, radius_mm: float) -> np.ndarray:
    """Signed distance in mm to the morphological closing of a mask by a ball."""
    margin = int(np.ceil((radius_mm + 3 * spacing) / spacing)) + 2
    found = [np.flatnonzero(mask.any(tuple({0, 1, 2} - {k}))) for k in range(3)]
    crop = tuple(
        slice(max(0, f[0] - margin), min(n, f[-1] + margin + 1))
        for f, n in zip(found, mask.shape, strict=True)
    )
    core = mask[crop]
    grown = _distance(~core, spacing) <= radius_mm
    inside = _distance(grown, spacing) - np.float32(radius_mm)
    closed = core | (inside > 0)
    signed = np.where(closed, -np.maximum(inside, 0.5 * spacing), _distance(~closed, spacing))
    edges = [(c.start, n - c.stop) for c, n in zip(crop, mask.shape, strict=True)]
    return np.pad(signed.astype(np.float32), edges, mode="linear_ramp", end_values=60.0)


def _distance(mask: np.ndarray, spacing: float) -> np.ndarray:
    """Distance in mm of every true voxel from the nearest false one, float32."""
    return ndimage.distance_transform_edt(mask, spacing).astype(np.float32)


def sample(field: np.ndarray, points: np.ndarray, origin: np.ndarray, spacing: float) -> np.ndarray:
    """Trilinear samples of a field at points, the border value beyond its edge.

    Parameters
    ----------
    field : (i, j, k) numeric
    points : (3, n) float, RAS mm

    Returns
    -------
    (n,) float32
    """
    index = (points - origin[:, None]) / spacing
    return ndimage.map_coordinates(
        field, index, order=1, output=np.float32, mode="nearest", prefilter=False
    )


def blend(base: np.ndarray, top: np.ndarray | float, alpha: np.ndarray) -> np.ndarray:
    """``base`` where ``alpha`` is 0, ``top`` where it is 1."""
    return base + (top - base) * alpha


def smoothstep(x: np.ndarray, low: float, high: float) -> np.ndarray:
    """0 below ``low``, 1 above ``high``, a smooth ramp between.

    >>> smoothstep(np.array([0.0, 1.0, 2.0]), 0.0, 2.0).tolist()
    [0.0, 0.5, 1.0]
    """
    t = np.clip((x - low) / (high - low), 0.0, 1.0)
    return t * t * (3.0 - 2.0 * t)


def noise_cube(rng: np.random.Generator, size: int = 48) -> np.ndarray:
    """A periodic random field (size, size, size) float32 of mean 0 and deviation 1."""
    cube = ndimage.gaussian_filter(rng.standard_normal((size,) * 3), 1.5, mode="wrap")
    return ((cube - cube.mean()) / cube.std()).astype(np.float32)


def noise(cube: np.ndarray, points: np.ndarray, scale_mm: float, shift: float = 0.0) -> np.ndarray:
    """The random field at points, features about ``3 * scale_mm`` wide; ``shift`` decorrelates."""
    index = points / scale_mm + shift
    return ndimage.map_coordinates(
        cube, index, order=1, output=np.float32, mode="grid-wrap", prefilter=False
    )
