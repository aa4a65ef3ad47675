"""Header and voxels of a NIfTI file, read in one pass from its start, slice by slice.

References
----------
NIfTI-1 data format, Cox et al. 2004 (nifti1.h).
"""

from __future__ import annotations

import io
from typing import BinaryIO

import nibabel
import numpy as np
from nibabel.volumeutils import apply_read_scaling

from appliance.core.errors import CorruptFile, NotGreyscale, TooLarge, UnsupportedFormat
from appliance.limits import GREATEST, Limits

HEADER_1, HEADER_2 = 348, 540
"""Bytes of a header of NIfTI-1 and NIfTI-2."""

_NO_EXTENSION = bytes(4)
_REST = 1 << 20


def sizes(head: bytes) -> tuple[int, int]:
    """What the first bytes say of the header's size, read from either end."""
    return int.from_bytes(head[:4], "little"), int.from_bytes(head[:4], "big")


def header_of(
    stream: BinaryIO, limits: Limits, length: int | None
) -> tuple[nibabel.Nifti1Header, tuple[int, ...]]:
    """The header and the shape it gives; the stream stands at the first voxel afterwards."""
    head = stream.read(HEADER_1)
    size = HEADER_2 if HEADER_2 in sizes(head) else HEADER_1
    head += stream.read(size - len(head))
    if b"ni" in head[344:346] + head[4:6] and b"n+" not in head[344:346] + head[4:6]:
        raise UnsupportedFormat(
            "expected a NIfTI file in one piece, found the header of a .hdr/.img pair; "
            "save it as .nii.gz"
        )
    kind = (nibabel.Nifti2Image if size == HEADER_2 else nibabel.Nifti1Image).header_class
    plain = io.BytesIO(head + _NO_EXTENSION)
    shape = _checked_shape(kind.from_fileobj(plain, check=False), length, limits)
    plain.seek(0)
    header = kind.from_fileobj(plain, check=True)
    wanted = int(header.get_data_offset()) - size
    while wanted > 0 and (part := stream.read(min(wanted, _REST))):
        wanted -= len(part)
    return header, shape


def slices_of(stream: BinaryIO, header: nibabel.Nifti1Header, shape: tuple[int, ...]) -> np.ndarray:
    """The first volume's scaled voxels ``(k, j, i)`` float32, read slice by slice.

    Read as a whole, a volume would for a moment be there three times.
    """
    columns, rows, count = (*shape[:3], *(1,) * (3 - len(shape)))[:3]
    dtype = header.get_data_dtype()
    slope, inter = header.get_slope_inter()
    scaling = np.float64(1.0 if slope is None else slope), np.float64(inter or 0.0)
    array = np.empty((count, rows, columns), np.float32)
    for index in range(count):
        data = _exactly(stream, rows * columns * dtype.itemsize)
        plane = np.frombuffer(data, dtype).reshape(rows, columns)
        array[index] = apply_read_scaling(plane, *scaling)
    return array


def _exactly(stream: BinaryIO, size: int) -> bytes:
    """So many bytes; raises CorruptFile where the file ends before."""
    parts, missing = [], size
    while missing and (part := stream.read(missing)):
        parts.append(part)
        missing -= len(part)
    if missing:
        raise CorruptFile(
            f"expected a slice of {size} bytes as the header says, found {size - missing}; "
            "the file is cut short: copy it again"
        )
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _checked_shape(
    header: nibabel.Nifti1Header, length: int | None, limits: Limits
) -> tuple[int, ...]:
    """The header's shape, when its numbers hold together and the voxels are in the file."""
    dim = [int(v) for v in header["dim"]]
    if not 1 <= dim[0] <= 7 or any(v < 1 for v in dim[1 : dim[0] + 1]):
        raise CorruptFile(f"expected a NIfTI volume, the header says dimensions {dim}")
    shape = tuple(dim[1 : dim[0] + 1])
    code = int(header["datatype"])
    if code in (128, 2304):
        raise NotGreyscale("expected grey values, found a colour NIfTI; save the scan itself")
    if code in (32, 1792, 2048):
        raise UnsupportedFormat("expected real values, found a complex NIfTI; save the magnitude")
    try:
        item = header.get_data_dtype().itemsize
    except nibabel.spatialimages.HeaderDataError as error:
        raise CorruptFile(f"expected a NIfTI data type, the header says code {code}") from error
    count = 1
    for n in shape:
        count *= n
    voxels = count if len(shape) < 4 else shape[0] * shape[1] * shape[2]
    if voxels > limits.voxels:
        raise TooLarge(
            f"expected at most {limits.voxels / 1e6:.0f} million voxels, the header says "
            f"{' x '.join(map(str, shape))}; resample or crop the volume"
        )
    offset = float(header["vox_offset"])
    if not 0 <= offset < np.inf or (length is not None and offset + count * item > length):
        found = max(0, (length or 0) - int(max(offset, 0))) if np.isfinite(offset) else 0
        raise CorruptFile(
            f"expected {count * item} bytes of voxels as the header says, found {found}; "
            "the file is cut short: copy it again"
        )
    return shape


def finite(array: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """The array without NaN, infinity and absurd values, when there are few of them."""
    good = sum(int(np.count_nonzero(np.abs(plane) <= GREATEST)) for plane in array)
    bad = array.size - good
    if bad == 0:
        return array, []
    if bad >= 0.01 * array.size:
        raise CorruptFile(
            f"expected numbers, {bad / array.size:.0%} of the voxels are not "
            "(NaN, infinite or absurd); export the volume again"
        )
    low = min(plane[np.abs(plane) <= GREATEST].min(initial=np.inf) for plane in array)
    for plane in array:
        plane[~(np.abs(plane) <= GREATEST)] = low
    return array, [f"{bad} voxels were not numbers; set to the minimum."]
