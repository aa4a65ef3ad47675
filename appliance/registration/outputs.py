"""What ``register`` leaves behind: the document, the transform for ITK, the moved image."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import cv2
import numpy as np
import SimpleITK as sitk

from appliance import nifti
from appliance.atomic import put_file
from appliance.core.types import Series, Volume
from appliance.registration.carry import carry
from appliance.registration.register import LPS_MM, Registration, is_flat

DOCUMENT, TRANSFORM = "registration.json", "transform.tfm"


def write(found: Registration, fixed: Series, moving: Series, folder: Path) -> dict[str, Path]:
    """Write ``registration.json``, ``transform.tfm`` and ``moved.png`` or ``moved.nii.gz``.

    Files of an earlier run are replaced.
    """
    folder.mkdir(parents=True, exist_ok=True)
    moved = carry(moving.volume, fixed.volume, found.matrix)
    flat = is_flat(fixed)
    name = "moved.png" if flat else "moved.nii.gz"
    contents = {
        name: picture(moved) if flat else nifti.to_bytes(moved),
        TRANSFORM: itk_text(found),
        DOCUMENT: (json.dumps(found.to_json(), indent=1) + "\n").encode(),
    }
    for file, data in contents.items():
        put_file(folder / file, data)
    return {file: folder / file for file in contents}


def picture(volume: Volume) -> bytes:
    """One slice as PNG: 8 and 16 bits as they are, anything else stretched to 16 bits."""
    array = volume.array[0]
    if array.dtype not in (np.uint8, np.uint16):
        low, high = float(array.min()), float(array.max())
        array = ((array - low) * (65535.0 / max(high - low, 1e-9))).round().astype(np.uint16)
    return cv2.imencode(".png", array)[1].tobytes()


def itk_text(found: Registration) -> bytes:
    """The transform as ITK's text format, FIXED to MOVING.

    Pictures: ITK's ``(x, y)`` is ``(column, row)`` with spacing 1 and origin 0. Volumes: LPS mm.
    """
    size = len(found.matrix) - 1
    matrix = found.matrix
    if found.space != LPS_MM:
        swap = np.array([[0, 1, 0], [1, 0, 0], [0, 0, 1.0]])
        matrix = swap @ matrix @ swap
    transform = sitk.AffineTransform(size)
    transform.SetMatrix([float(v) for v in matrix[:size, :size].ravel()])
    transform.SetTranslation([float(v) for v in matrix[:size, size]])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / TRANSFORM
        sitk.WriteTransform(transform, str(path))
        return path.read_bytes()
