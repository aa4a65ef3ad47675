"""Files and arrays that are sent: made once under the cache folder, the same for every target."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from appliance.package import Package
from benchmarks.cohort import Cohort, cohort
from benchmarks.slices import Slices

SIDE = 512
_SAMPLES = 32
_VOLUME = "volume-meningioma-4.zip"


@dataclass(frozen=True)
class Inputs:
    """What is sent.

    Attributes
    ----------
    samples : Path
        (n, side, side, 1) float32: prepared slices.
    pictures : tuple of Path
        Grey PNG files of 512x512 pixels.
    volume : Path
        A zip with a DICOM series of a generated head.
    depth : int
        Its slices.
    cohort : Cohort
        Features for the estimators.
    """

    samples: Path
    pictures: tuple[Path, ...]
    volume: Path
    depth: int
    cohort: Cohort


def make_inputs(slices: Slices, package: Package, cache: Path) -> Inputs:
    """Write what is missing of them."""
    manifest = package.manifest
    key = hashlib.sha256(f"{slices.digest}{manifest.preprocessing}".encode()).hexdigest()[:16]
    folder = cache / "inputs" / key
    folder.mkdir(parents=True, exist_ok=True)
    spread = np.linspace(0, len(slices) - 1, min(_SAMPLES, len(slices))).astype(int).tolist()
    chosen = slices.chosen(spread)
    samples = folder / "samples.npy"
    if not samples.is_file():
        draft = folder / "samples.part.npy"
        np.save(draft, np.stack([one.array for one in chosen.prepared(manifest)]))
        draft.replace(samples)
    paths = []
    for number, picture in enumerate(chosen.pictures):
        path = folder / f"slice-{number:02}.png"
        if not path.is_file():
            path.write_bytes(_png(picture))
        paths.append(path)
    volume, depth = _volume(cache / "inputs")
    return Inputs(samples, tuple(paths), volume, depth, cohort(package, cache))


def _png(picture: np.ndarray) -> bytes:
    """Scaled to 8 bits and 512 pixels, as a clinic exports it."""
    low, high = np.percentile(picture, (0.5, 99.8))
    grey = np.clip((picture.astype(np.float32) - low) / max(high - low, 1e-6), 0, 1) * 255
    sized = cv2.resize(grey.astype(np.uint8), (SIDE, SIDE), interpolation=cv2.INTER_LINEAR)
    return cv2.imencode(".png", sized)[1].tobytes()


def _volume(folder: Path) -> tuple[Path, int]:
    from appliance.phantom.samples import DICOM_SHAPE, generate

    path = folder / _VOLUME
    if not path.is_file():
        generate(path, "dicom", "meningioma", 4)
    return path, DICOM_SHAPE[0]
