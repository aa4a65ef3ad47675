"""Label maps to files on the input's own grid; arrays in, an absolute path out."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

import cv2
import numpy as np

from appliance import nifti
from appliance.core.errors import GeometryError
from appliance.core.types import Series, Volume

_INSIDE = 255


def is_picture(series: Series) -> bool:
    """Whether masks of this input are pictures: one slice, and not from a NIfTI.

    Examples
    --------
    >>> is_picture(Series(Volume(np.zeros((1, 2, 2))), "image", "a.png", ""))
    True
    """
    return series.kind != "nifti" and series.volume.shape[0] == 1


def mask_png(label_map: Volume) -> bytes:
    """One slice as an 8-bit PNG, 255 inside lesions and 0 outside.

    Raises
    ------
    GeometryError
        When there is more than one slice.

    Examples
    --------
    >>> mask_png(Volume(np.ones((1, 2, 2), np.uint8)))[1:4]
    b'PNG'
    """
    if label_map.shape[0] != 1:
        raise GeometryError(f"a picture is one slice, the label map is {label_map.shape}")
    picture = np.where(label_map.array[0] > 0, np.uint8(_INSIDE), np.uint8(0))
    return cv2.imencode(".png", picture)[1].tobytes()


def mask_nifti(series: Series, label_map: Volume) -> bytes:
    """The label map as ``.nii.gz`` with the source's affine and voxel order.

    Without geometry (a TIFF of several pages) the affine is the identity and claims no
    orientation.
    """
    return nifti.to_bytes(Volume(label_map.array.astype(np.uint8), series.volume.affine))


def write_mask(series: Series, label_map: Volume, folder: Path) -> Path:
    """Write a label map under ``folder``; the absolute path of a file that did not exist before.

    The file is ``mask.png`` for one slice, else ``mask.nii.gz``, in a fresh folder whose name
    holds the digest's first characters: no input overwrites another, no name tells a person.

    Parameters
    ----------
    label_map : Volume
        On the series' own grid, 0 outside lesions.
    folder : Path
        Created when missing.

    Raises
    ------
    GeometryError
        When the label map is on another grid.
    """
    if label_map.shape != series.volume.shape:
        raise GeometryError(f"the input is {series.volume.shape}, the mask is {label_map.shape}")
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    digest = re.sub(r"[^0-9a-f]", "", series.sha256.lower())[:12]
    own = Path(tempfile.mkdtemp(prefix=f"{series.kind}-{digest}-", dir=folder))
    own.chmod(0o755)
    picture = is_picture(series)
    path = own / ("mask.png" if picture else "mask.nii.gz")
    path.write_bytes(mask_png(label_map) if picture else mask_nifti(series, label_map))
    return path.resolve()
