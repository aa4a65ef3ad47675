"""Inputs that must be refused: a colour photograph, and heads of another kind of scan."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from appliance.core.errors import BadRequest
from appliance.phantom.paint import Paint
from appliance.phantom.person import make_person
from appliance.phantom.scan import slice_of
from appliance.phantom.writers import dicom_slice, picture

UNSUITABLE = ("photo", "ct", "t2", "ct_picture", "t2_picture")


def write_unsuitable(path: Path, kind: str = "photo", seed: int = 0) -> Path:
    """A file that no T1c tumour model may judge; the path.

    Parameters
    ----------
    path : Path
        To write. ``photo`` and the pictures take an image suffix.
    kind : str
        ``photo`` (a colour landscape), ``ct`` and ``t2`` (one DICOM object that says so in its
        header), ``ct_picture`` and ``t2_picture`` (the same as a greyscale image without header).

    Raises
    ------
    BadRequest
        When the kind is unknown.
    """
    if kind not in UNSUITABLE:
        raise BadRequest(f"kind is one of {', '.join(UNSUITABLE)}, not {kind!r}")
    if kind == "photo":
        pixels = photograph(seed)
    else:
        contrast = kind.removesuffix("_picture")
        head = slice_of(make_person("none", seed, Paint.of(contrast)), contrast=contrast)
        if not kind.endswith("_picture"):
            dicom_slice(head, 0).save_as(path, enforce_file_format=True)
            return path
        pixels = picture(head)
    done, data = cv2.imencode(path.suffix.lower() or ".png", pixels)
    if not done:
        raise BadRequest(f"pictures are .png, .jpg, .tif or .bmp, not {path.suffix!r}")
    path.write_bytes(data.tobytes())
    return path


def photograph(seed: int = 0, rows: int = 480, columns: int = 640) -> np.ndarray:
    """A landscape (rows, columns, 3) uint8 BGR: sky, clouds, hills, a meadow and a balloon."""
    rng = np.random.default_rng([seed, 9])
    y, x = np.mgrid[0:rows, 0:columns].astype(np.float32) / rows
    sky = np.stack([235 - 40 * y, 175 + 60 * y, 90 + 130 * y], -1)
    clouds = _clouds(rng, rows, columns, (5, 6)) + 0.5 * _clouds(rng, rows, columns, (11, 14))
    cover = np.clip(clouds - 0.7, 0, 1)[..., None] * np.clip(1.2 - 2 * y, 0, 1)[..., None]
    image = sky + (245 - sky) * cover
    for base, height, colour in (
        (0.52, 0.10, (150, 130, 85)),
        (0.62, 0.08, (95, 120, 60)),
        (0.74, 0.05, (50, 140, 75)),
    ):
        ridge = base - height * _clouds(rng, 1, columns, (1, 9))[0]
        grain = 1.0 + 0.12 * _clouds(rng, rows, columns, (60, 80))
        land = np.array(colour, np.float32) * grain[..., None] * (0.8 + 0.4 * y[..., None])
        edge = np.clip((y - ridge) * 120.0, 0, 1)[..., None]
        image = image + (land - image) * edge
    across, up, size = rng.uniform(0.35, 1.0), rng.uniform(0.2, 0.32), 0.085
    away = np.hypot(x - across, (y - up) * 0.9) / size
    gore = 0.75 + 0.25 * np.sign(np.sin(np.arcsin(np.clip((x - across) / size, -1, 1)) * 7))
    light = np.clip(1.15 - 0.5 * (x - across) / size - 0.3 * away, 0.3, 1.3)
    balloon = np.array([40, 60, 225], np.float32) * (gore * light)[..., None]
    image = image + (balloon - image) * np.clip((1 - away) * 40, 0, 1)[..., None]
    basket = (np.abs(x - across) < 0.016) & (np.abs(y - up - 0.135) < 0.014)
    image[basket] = (40, 75, 120)
    image += rng.normal(0, 4.0, image.shape)
    return np.clip(image, 0, 255).astype(np.uint8)


def _clouds(
    rng: np.random.Generator, rows: int, columns: int, cells: tuple[int, int]
) -> np.ndarray:
    """Smooth noise (rows, columns) float32 with about ``cells`` features along each axis."""
    coarse = rng.standard_normal((cells[0] + 1, cells[1] + 1)).astype(np.float32)
    return cv2.resize(coarse, (columns, rows), interpolation=cv2.INTER_CUBIC)
