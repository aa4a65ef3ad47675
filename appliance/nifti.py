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
import zlib
from pathlib import Path

import nibabel
import numpy as np

from appliance.core.errors import (
    CorruptFile,
    EmptyFile,
    GeometryError,
    InputError,
    NotGreyscale,
    TooLarge,
    UnsupportedFormat,
)
from appliance.core.geometry import LPS_FROM_RAS, checked, plane_of, viewing
from appliance.core.types import Series, Volume
from appliance.limits import GREATEST, Limits

_STEP = 4 << 20
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
    size = (int.from_bytes(data[:4], "little"), int.from_bytes(data[:4], "big"))
    if 348 in size:
        return data[344:348] in (b"n+1\0", b"ni1\0")
    return 540 in size and data[4:7] in (b"n+2", b"ni2")


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


def gunzip(data: bytes, limits: Limits) -> bytes:
    """All of a gzip file, unless it is damaged or grows beyond the limits.

    Raises
    ------
    CorruptFile, TooLarge
    """
    parts, total, rest = [], 0, data
    allowed = max(limits.ratio_from_bytes, min(limits.unpacked_bytes, limits.ratio * len(data)))
    allowed = min(allowed, limits.unpacked_bytes)
    try:
        while rest:
            stream = zlib.decompressobj(wbits=31)
            while not stream.eof:
                part = stream.decompress(rest, _STEP)
                rest = stream.unconsumed_tail
                total += len(part)
                parts.append(part)
                if total > allowed:
                    raise TooLarge(
                        f"expected a gzip file of at most {allowed >> 20} MiB unpacked, "
                        "found more; send the volume uncompressed"
                    )
                if not part and not rest and not stream.eof:
                    raise CorruptFile(
                        "expected a whole gzip file, its end is missing; copy the file again"
                    )
            rest = stream.unused_data.lstrip(b"\0")
            if rest and rest[:2] != b"\x1f\x8b":
                break
    except zlib.error as error:
        raise CorruptFile(
            "expected a whole gzip file, its data are damaged; copy the file again"
        ) from error
    return b"".join(parts)


def read(data: bytes, name: str, sha256: str, limits: Limits = Limits()) -> Series:  # noqa: B008
    """The first volume of a NIfTI file.

    Parameters
    ----------
    data : bytes
        Not gzipped (see `gunzip`).
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
        return _read(data, name, sha256, limits)
    except InputError:
        raise
    except MemoryError as error:
        raise TooLarge("the NIfTI volume does not fit in memory; resample it") from error
    except Exception as error:
        # nibabel has no common base class: a damaged header may raise nearly anything.
        raise CorruptFile(
            "expected a NIfTI file, its header or voxels are damaged; export it again"
        ) from error


def _read(data: bytes, name: str, sha256: str, limits: Limits) -> Series:
    header_size = 540 if 540 in (int.from_bytes(data[:4], o) for o in ("little", "big")) else 348
    kind = nibabel.Nifti2Image if header_size == 540 else nibabel.Nifti1Image
    if b"ni" in data[344:346] + data[4:6] and b"n+" not in data[344:346] + data[4:6]:
        raise UnsupportedFormat(
            "expected a NIfTI file in one piece, found the header of a .hdr/.img pair; "
            "save it as .nii.gz"
        )
    header = kind.header_class.from_fileobj(io.BytesIO(data), check=False)
    shape = _checked_shape(header, len(data), limits)
    with np.errstate(all="ignore"):
        image = kind.from_bytes(data)
        warnings = []
        extra = shape[3:]
        if any(n > 1 for n in extra):
            text = " x ".join(str(n) for n in extra)
            warnings.append(f"The file holds {text} volumes; the first one was read.")
        array = _slices(image, shape)
        array, note = _finite(array)
        warnings += note
        affine = np.asarray(image.affine, np.float64)
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


def _slices(image: nibabel.Nifti1Image, shape: tuple[int, ...]) -> np.ndarray:
    """The first volume's scaled voxels ``(k, j, i)`` float32, read slice by slice.

    Read as a whole, a volume would for a moment be there three times.
    """
    columns, rows, count = (*shape[:3], *(1,) * (3 - len(shape)))[:3]
    array = np.empty((count, rows, columns), np.float32)
    plane, rest = (slice(None),) * min(len(shape), 2), (0,) * len(shape[3:])
    for index in range(count):
        where = plane if len(shape) < 3 else (*plane, index, *rest)
        array[index] = np.asarray(image.dataobj[where]).reshape(columns, rows).T
    return array


def _checked_shape(header: nibabel.Nifti1Header, length: int, limits: Limits) -> tuple[int, ...]:
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
    if not 0 <= offset <= length or offset + count * item > length:
        raise CorruptFile(
            f"expected {count * item} bytes of voxels as the header says, found "
            f"{max(0, length - int(max(offset, 0)) if np.isfinite(offset) else 0)}; "
            "the file is cut short: copy it again"
        )
    return shape


def _finite(array: np.ndarray) -> tuple[np.ndarray, list[str]]:
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
    >>> back = read(gunzip(to_bytes(grid), Limits()), "mask.nii.gz", "")
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
