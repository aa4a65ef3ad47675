"""NIfTI bytes to `Series` and a label map back to NIfTI: the only place that knows RAS and i,j,k.

A file's voxel array is ``(i, j, k)`` with an affine to RAS+ millimetres. Inside it is the same
array transposed to ``(k, j, i)`` with an affine to LPS+: a permutation and two sign flips, so the
way back is exact.

References
----------
NIfTI-1 data format, Cox et al. 2004 (nifti1.h).
"""

from __future__ import annotations

import gzip
import io
import logging
import re
from pathlib import Path
from typing import BinaryIO

import nibabel
import numpy as np

from appliance.core.errors import (
    CorruptFile,
    EmptyFile,
    GeometryError,
    InputError,
    TooLarge,
)
from appliance.core.geometry import LPS_FROM_RAS, checked, plane_of, viewing
from appliance.core.types import Series, Volume
from appliance.limits import Limits
from appliance.nifti_voxels import HEADER_1, HEADER_2, finite, header_of, sizes, slices_of

_REST = 1 << 20
_MM_PER_UNIT = {1: 1000.0, 3: 0.001}
_REVERSED = [2, 1, 0, 3]
_SEQUENCES = (
    ("T1c", re.compile(r"(?<![a-z0-9])t1[-_ ]?(c|ce|gd|gad|post|km|contrast)(?![a-z0-9])")),
    ("FLAIR", re.compile(r"(?<![a-z0-9])(t2[-_ ]?)?flair(?![a-z])")),
    ("T2", re.compile(r"(?<![a-z0-9])t2w?(?![a-z0-9])")),
    ("T1", re.compile(r"(?<![a-z0-9])t1w?n?(?![a-z0-9])")),
)

# Header oddities end in this module's own messages; nibabel's log lines would repeat them.
logging.getLogger("nibabel").setLevel(logging.CRITICAL)


def sniff(data: bytes) -> bool:
    """Whether the bytes start like a NIfTI-1 or NIfTI-2 file (not gzipped).

    Examples
    --------
    >>> sniff(bytes(400))
    False
    """
    if HEADER_1 in sizes(data):
        return data[344:348] in (b"n+1\0", b"ni1\0")
    return HEADER_2 in sizes(data) and data[4:7] in (b"n+2", b"ni2")


def sequence_of(name: str) -> str | None:
    """The sequence a file name tells, such as ``sub-1_t1ce.nii.gz``; None when it does not.

    Examples
    --------
    >>> sequence_of("BraTS_001_t1ce.nii.gz"), sequence_of("t2_flair.nii"), sequence_of("scan.nii")
    ('T1c', 'FLAIR', None)
    >>> sequence_of("sub-01_ce-gadolinium_T1w.nii.gz")
    'T1c'
    """
    text = name.lower()
    for sequence, pattern in _SEQUENCES:
        if pattern.search(text):
            bids_agent = sequence == "T1" and re.search(r"_ce-(?!none)[a-z0-9]+_", text)
            return "T1c" if bids_agent else sequence
    return None


def read(
    data: bytes | BinaryIO,
    name: str,
    sha256: str,
    limits: Limits = Limits(),  # noqa: B008
    length: int | None = None,
) -> Series:
    """The first volume of a NIfTI file.

    Parameters
    ----------
    data : bytes or binary file
        Not gzipped (see `appliance.gzipped`). A file is read from its start to its end, slice by
        slice, and never held as a whole.
    length : int, optional
        Bytes the file holds, where that is known before it is read.
    sha256 : str
        Of the file as it was given.

    Returns
    -------
    Series
        ``volume.array`` is ``(k, j, i)`` float32, finite.

    Raises
    ------
    CorruptFile, TooLarge, GeometryError, NotGreyscale, UnsupportedFormat
    """
    try:
        if isinstance(data, bytes):
            return _read(io.BytesIO(data), name, sha256, limits, len(data))
        return _read(data, name, sha256, limits, length)
    except InputError:
        raise
    except MemoryError as error:
        raise TooLarge("the NIfTI volume does not fit in memory; resample it") from error
    except Exception as error:
        # nibabel has no common base class: a damaged header may raise nearly anything.
        raise CorruptFile(
            "expected a NIfTI file, its header or voxels are damaged; export it again"
        ) from error


def _read(stream: BinaryIO, name: str, sha256: str, limits: Limits, length: int | None) -> Series:
    header, shape = header_of(stream, limits, length)
    warnings = []
    if any(n > 1 for n in shape[3:]):
        text = " x ".join(str(n) for n in shape[3:])
        warnings.append(f"The file holds {text} volumes; the first one was read.")
    with np.errstate(all="ignore"):
        array = slices_of(stream, header, shape)
        while stream.read(_REST):  # what follows may be cut or damaged, too
            pass
        array, note = finite(array)
        warnings += note
        affine = np.asarray(header.get_best_affine(), np.float64)
        scale = _MM_PER_UNIT.get(int(header["xyzt_units"]) & 7, 1.0)
        affine = LPS_FROM_RAS @ np.diag([scale, scale, scale, 1.0]) @ affine[:, _REVERSED]
    volume = Volume(array, checked(affine + 0.0))
    if int(header["sform_code"]) == 0 and int(header["qform_code"]) == 0:
        warnings.append("The header gives no orientation: left and right are not certain.")
    return Series(
        volume=volume,
        kind="nifti",
        name=name,
        sha256=sha256,
        sequence=sequence_of(name),
        plane=plane_of(viewing(volume).apply_volume(volume).affine),
        warnings=tuple(warnings),
    )


def to_bytes(volume: Volume) -> bytes:
    """A gzipped NIfTI-1 file of a volume on its own grid.

    Parameters
    ----------
    volume : Volume
        ``(slices, rows, columns)``; stored as ``(column, row, slice)``, so that a volume `read`
        from a NIfTI file goes back to that file's voxel order and affine. Without an affine the
        file's is the identity, with no orientation claimed.

    Examples
    --------
    >>> grid = Volume(np.zeros((2, 3, 4), np.uint8), np.diag([2.0, 1, 1, 1])[[2, 1, 0, 3]])
    >>> back = read(gzip.decompress(to_bytes(grid)), "mask.nii.gz", "")
    >>> back.volume.shape, bool((back.volume.affine == grid.affine).all())
    ((2, 3, 4), True)
    """
    if volume.array.size == 0:
        raise EmptyFile("expected voxels, the volume has none")
    array = volume.array.transpose(2, 1, 0)
    if volume.affine is None:
        image = nibabel.Nifti1Image(array, np.eye(4))
        image.set_sform(np.eye(4), code=0)
        image.set_qform(np.eye(4), code=0)
    else:
        affine = LPS_FROM_RAS @ volume.affine[:, _REVERSED] + 0.0
        image = nibabel.Nifti1Image(array, affine)
        image.set_sform(affine, code=1)
        try:
            image.set_qform(affine, code=1, strip_shears=False)
        except (nibabel.spatialimages.HeaderDataError, np.linalg.LinAlgError):
            # A sheared grid (gantry tilt) has no quaternion; the sform alone is true.
            image.set_qform(None, code=0)
        image.header.set_xyzt_units("mm")
    return _packed(image.header, volume.array)


def _packed(header: nibabel.Nifti1Header, array: np.ndarray) -> bytes:
    """A gzipped file of a header and ``(k, j, i)`` voxels, without a plain copy of it in memory."""
    header = header.copy()
    header.set_data_dtype(array.dtype)
    header.set_slope_inter(1, 0)
    header["vox_offset"] = header.single_vox_offset
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb", compresslevel=1, mtime=0) as stream:
        header.write_to(stream)
        for plane in array:
            stream.write(plane.astype(header.get_data_dtype(), copy=False).tobytes())
    return packed.getvalue()


def write(volume: Volume, path: Path) -> Path:
    """Write `to_bytes` to a file that must not exist yet; its absolute path.

    Raises
    ------
    GeometryError
        When the grid cannot be described by a NIfTI-1 header.
    """
    if max(volume.shape) > 32767:
        raise GeometryError(f"NIfTI-1 takes at most 32767 voxels an axis, found {volume.shape}")
    with path.open("xb") as file:
        file.write(to_bytes(volume))
    return path.resolve()
