"""Heads with lesions of known size, and an outliner that sees bright spots: no network needed."""

from __future__ import annotations

import cc3d
import numpy as np

from appliance.core.geometry import viewing
from appliance.core.types import Series, Volume
from appliance.followup.compare import How
from appliance.followup.exam import Exam, exam_of
from appliance.followup.sight import Outliner
from appliance.registration.register import LPS_MM, PIXEL, Registration

LESION, HEAD = 2000.0, 700.0
PICTURE, STACK = (1, 128, 128), (24, 64, 64)


def sight(series: Series) -> np.ndarray:
    """How likely each pixel is lesion: by its brightness alone."""
    share = (series.volume.array.astype(np.float32) - HEAD) / (LESION - HEAD)
    return np.clip(share, 0.0, 1.0)


def series(
    radii: tuple[float, ...],
    shape: tuple[int, int, int] = PICTURE,
    spacing: tuple[float, float, float] | None = None,
    noise: float = 20.0,
    seed: int = 0,
    shift: tuple[float, float] = (0.0, 0.0),
    **changes: object,
) -> Series:
    """An ellipsoid head with one bright ball, or disc, for each radius; in mm, or pixels.

    Parameters
    ----------
    shift : (rows, columns)
        Moves everything, in the same unit.
    """
    step = np.array(spacing or (1.0, 1.0, 1.0))
    middle = (np.array(shape) - 1) / 2.0
    grid = np.stack(
        [(g - m) * s for g, m, s in zip(np.indices(shape, float), middle, step, strict=True)]
    )
    grid[1] -= shift[0]
    grid[2] -= shift[1]
    array = HEAD * _ball(grid, (0.0, 0.0, 0.0), 0.44 * min(np.array(shape[1:]) * step[1:]))
    for number, radius in enumerate(radii):
        place = (0.0, -15.0 + 30.0 * number, 10.0 - 20.0 * number)
        array = np.maximum(array, LESION * _ball(grid, place, radius))
    array = array + np.random.default_rng(seed).normal(0, noise, shape) * (array > 0)
    affine = None
    if spacing is not None:
        affine = np.zeros((4, 4))
        affine[[2, 1, 0], [0, 1, 2]] = step
        affine[:3, 3] = -(affine[:3, :3] @ middle)
        affine[3, 3] = 1.0
    volume = Volume(np.clip(array, 0, None).astype(np.float32), affine)
    given = {"kind": "image" if affine is None else "nifti", "name": "head", "sha256": str(seed)}
    return Series(volume, **{**given, **changes})


def _ball(grid: np.ndarray, place: tuple[float, float, float], radius: float) -> np.ndarray:
    """A ball with an edge one step wide, so that sizes are true to parts of a pixel."""
    away = np.sqrt(sum((g - p) ** 2 for g, p in zip(grid, place, strict=True)))
    return np.clip(radius - away + 0.5, 0.0, 1.0)


def exam(given: Series, verdict: str = "tumor") -> Exam:
    """What the outliner sees, numbered by size."""
    drawn = sight(given) > 0.5
    labels = cc3d.connected_components(drawn.astype(np.uint8), connectivity=26).astype(np.uint8)
    assert viewing(given.volume).is_identity
    return exam_of(given, labels, verdict)


def known(matrix: np.ndarray | None = None, verdict: str = "good") -> object:
    """A registration that answers what it was told, there and back."""

    def register(fixed: Series, moving: Series, **_: object) -> Registration:
        flat = fixed.volume.shape[0] == 1
        found = np.eye(3 if flat else 4) if matrix is None else matrix
        return Registration(verdict, () if verdict == "good" else ("told so",),
                            PIXEL if flat else LPS_MM, found, "known")  # fmt: skip

    return register


def how(**changes: object) -> How:
    """Everything a comparison needs, with the bright-spot outliner."""
    return How(**{"outliner": Outliner(sight), "register": known(), **changes})
