"""Scanning a generated person: a grid of slices, thick voxels, blur and Rician noise."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import cv2
import numpy as np

from appliance.core.errors import BadRequest
from appliance.core.types import Volume
from appliance.phantom.paint import Paint
from appliance.phantom.person import Person, make_person
from appliance.phantom.tissues import lesion_at, signal

AXES = {
    # slice, row and column direction in LPS; slices follow the right-handed normal
    "axial": ((0, 0, 1), (0, 1, 0), (1, 0, 0)),
    "coronal": ((0, 1, 0), (0, 0, -1), (1, 0, 0)),
    "sagittal": ((-1, 0, 0), (0, 0, -1), (0, 1, 0)),
}
FIELD_CENTRE_LPS = {"axial": (0, 0, 18), "coronal": (0, 0, -20), "sagittal": (0, -8, -20)}

HEALTHY_OFFSET_MM = {"axial": 14.0, "coronal": 4.0, "sagittal": 12.0}


@dataclass(frozen=True, eq=False, repr=False)
class PhantomVolume:
    """A scanned person and the truth about it.

    Attributes
    ----------
    volume : Volume
        uint16 signal.
    truth : Volume
        uint8 on the same grid, 1 inside the lesion.
    label : str
        ``none``, ``glioma``, ``meningioma`` or ``pituitary``.
    centre_mm : (x, y, z) or None
        Centroid of the lesion, LPS mm.
    volume_ml : float
        By quadrature over the lesion's surface; `truth_ml` counts voxels.
    person : Person
        For further scans of the same head.
    """

    volume: Volume
    truth: Volume
    label: str
    seed: int
    centre_mm: tuple[float, float, float] | None
    volume_ml: float
    plane: str
    contrast: str
    thickness_mm: float
    person: Person

    @property
    def truth_ml(self) -> float:
        """Volume of the voxels of ``truth``; differs from ``volume_ml`` where the grid cuts it."""
        return int(self.truth.array.sum()) * abs(np.linalg.det(self.truth.affine[:3, :3])) / 1000.0

    @property
    def box(self) -> tuple[int, ...] | None:
        """Half-open ``(slice0, row0, column0, slice1, row1, column1)``, None without a lesion."""
        found = np.nonzero(self.truth.array)
        if not found[0].size:
            return None
        return (*(int(f.min()) for f in found), *(int(f.max()) + 1 for f in found))


def grid_affine(
    plane: str,
    shape: tuple[int, int, int],
    spacing_mm: tuple[float, float, float],
    oblique_deg: float = 0.0,
    centre_mm: tuple[float, float, float] | None = None,
) -> np.ndarray:
    """Affine (4, 4) of a grid ``(slices, rows, columns)`` to LPS mm about a centre.

    Raises
    ------
    BadRequest
        When the plane is unknown.
    """
    if plane not in AXES:
        raise BadRequest(f"plane is one of {', '.join(AXES)}, not {plane!r}")
    axes = np.array(AXES[plane], float).T
    a, b = np.radians(oblique_deg), np.radians(0.6 * oblique_deg)
    about_x = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
    about_z = np.array([[np.cos(b), -np.sin(b), 0], [np.sin(b), np.cos(b), 0], [0, 0, 1]])
    affine = np.eye(4)
    affine[:3, :3] = about_z @ about_x @ axes * np.array(spacing_mm)
    middle = np.array(FIELD_CENTRE_LPS[plane] if centre_mm is None else centre_mm, float)
    affine[:3, 3] = middle - affine[:3, :3] @ ((np.array(shape) - 1) / 2.0)
    return affine


def scan(
    person: Person,
    affine: np.ndarray,
    shape: tuple[int, int, int],
    thickness_mm: float | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Signal (slices, rows, columns) uint16 and truth uint8 of a person on a grid.

    A thick slice is the mean of several thin ones; the truth is taken at voxel centres.
    """
    slices, rows, columns = shape
    step = float(np.linalg.norm(affine[:3, 0]))
    thick = step if thickness_mm is None else thickness_mm
    count = 1 if thick <= 2.0 else 2
    offsets = (np.arange(count) - (count - 1) / 2.0) * (thick / count / step)
    row, column = np.meshgrid(np.arange(rows), np.arange(columns), indexing="ij")
    flat = affine[:3, 1:3] @ np.stack([row.ravel(), column.ravel()])
    image = np.empty(shape, np.uint16)
    truth = np.zeros(shape, np.uint8)

    def slice_at(k: int) -> None:
        total = np.zeros(rows * columns, np.float32)
        for offset in offsets:
            corner = affine[:3, 0] * (k + offset) + affine[:3, 3]
            total += signal(person, (flat + corner[:, None]).astype(np.float32)) / count
        middle = affine[:3, 0] * k + affine[:3, 3]
        truth[k] = lesion_at(person, flat + middle[:, None]).reshape(rows, columns)
        rng = np.random.default_rng([person.seed, 3, k, rows, columns])
        image[k] = _acquired(total.reshape(rows, columns), person.paint, rng)

    with ThreadPoolExecutor(max_workers=2) as pool:
        list(pool.map(slice_at, range(slices)))
    return image, truth


def _acquired(ideal: np.ndarray, paint: Paint, rng: np.random.Generator) -> np.ndarray:
    """One slice as stored: point spread, complex noise, magnitude, integer."""
    size = 2 * int(np.ceil(3 * paint.blur_px)) + 1
    image = cv2.GaussianBlur(ideal, (size, size), paint.blur_px)
    noise = rng.standard_normal((2, *ideal.shape), np.float32)
    noise = np.stack([cv2.GaussianBlur(n, (3, 3), 0.6) for n in noise])
    noise *= paint.noise / noise.std()
    magnitude = np.hypot(image + noise[0], noise[1])
    return np.clip(np.rint(magnitude * paint.units), 0, 65535).astype(np.uint16)


def make(
    lesion: str = "none",
    seed: int = 0,
    shape: tuple[int, int, int] = (28, 256, 256),
    spacing_mm: tuple[float, float, float] = (5.0, 0.9, 0.9),
    plane: str = "axial",
    contrast: str = "t1c",
    oblique_deg: float = 0.0,
    thickness_mm: float | None = None,
    centre_mm: tuple[float, float, float] | None = None,
    paint: Paint | None = None,
    person: Person | None = None,
) -> PhantomVolume:
    """A generated head with known truth; the same arguments give the same bytes.

    Parameters
    ----------
    lesion : str
        ``none``, ``glioma``, ``meningioma`` or ``pituitary``.
    shape, spacing_mm : three numbers
        ``(slice, row, column)``.
    plane : str
        ``axial``, ``coronal`` or ``sagittal``.
    contrast : str
        ``t1c``, ``t2`` or ``ct``; ignored when ``paint`` or ``person`` is given.
    oblique_deg : float
        Tilt of the slices.
    thickness_mm : float, optional
        Of the excited slice; the slice distance when not given.
    centre_mm : (x, y, z), optional
        Centre of the grid, LPS mm.
    person : Person, optional
        Scan this person instead of a new one.

    Raises
    ------
    BadRequest
        When a name is unknown.
    Unavailable
        When the template is not installed.
    """
    if person is None:
        person = make_person(lesion, seed, paint or Paint.of(contrast))
    affine = grid_affine(plane, shape, spacing_mm, oblique_deg, centre_mm)
    image, truth = scan(person, affine, shape, thickness_mm)
    centre = person.centre_lps
    return PhantomVolume(
        volume=Volume(image, affine),
        truth=Volume(truth, affine.copy()),
        label=person.kind,
        seed=person.seed,
        centre_mm=None if centre is None else tuple(float(c) for c in centre),
        volume_ml=person.volume_ml,
        plane=plane,
        contrast=contrast,
        thickness_mm=float(thickness_mm or spacing_mm[0]),
        person=person,
    )


def slice_of(
    person: Person,
    plane: str = "axial",
    offset_mm: float | None = None,
    size: int = 512,
    pixel_mm: float = 0.45,
    thickness_mm: float = 4.0,
    contrast: str = "t1c",
) -> PhantomVolume:
    """One slice of a person: through the lesion's centre, or ``offset_mm`` from the origin.

    The offset runs along LPS: to the head for axial, to the back for coronal and to the left
    for sagittal slices. Without a lesion and an offset, the slice shows the lateral ventricles.
    """
    if plane not in AXES:
        raise BadRequest(f"plane is one of {', '.join(AXES)}, not {plane!r}")
    axis = int(np.argmax(np.abs(AXES[plane][0])))
    if offset_mm is None:
        centre = person.centre_lps
        offset_mm = HEALTHY_OFFSET_MM[plane] if centre is None else float(centre[axis])
    middle = list(FIELD_CENTRE_LPS[plane])
    middle[axis] = offset_mm
    return make(
        shape=(1, size, size),
        spacing_mm=(thickness_mm, pixel_mm, pixel_mm),
        plane=plane,
        contrast=contrast,
        centre_mm=tuple(middle),
        person=person,
    )
