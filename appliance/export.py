"""Label maps to files on the input's own grid; arrays in, an absolute path out."""

from __future__ import annotations

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
    return nifti.to_bytes(
        Volume(label_map.array.astype(np.uint8, copy=False), series.volume.affine)
    )


def write_mask(series: Series, label_map: Volume, folder: Path) -> Path:
    """Write a label map in the input's own kind of file; the path that was written.

    The file is ``mask.png`` for one slice, else ``mask.nii.gz``; no name tells a person.

    Parameters
    ----------
    label_map : Volume
        On the series' own grid, 0 outside lesions.
    folder : Path
        An existing folder, this input's own.

    Raises
    ------
    GeometryError
        When the label map is on another grid.
    FileExistsError
        When there is a mask already: nothing is overwritten.
    """
    if label_map.shape != series.volume.shape:
        raise GeometryError(f"the input is {series.volume.shape}, the mask is {label_map.shape}")
    picture = is_picture(series)
    path = folder / ("mask.png" if picture else "mask.nii.gz")
    with path.open("xb") as stream:
        stream.write(mask_png(label_map) if picture else mask_nifti(series, label_map))
    return path
