"""Values of a DICOM data set: pixels as grey numbers, and attributes that may be damaged.

References
----------
DICOM PS3.3 C.7.6.3.1 (photometric interpretation, bits), C.11.1 (modality LUT).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pydicom
import pydicom.pixels
from pydicom.uid import (
    JPEG2000,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
)

from appliance import dicom_lossless
from appliance.core.errors import CorruptFile, TooLarge
from appliance.grey import to_grey
from appliance.limits import GREATEST, Limits
from appliance.pictures import demand_size

_PLUGINS = {
    JPEGBaseline8Bit: "pillow",
    JPEGExtended12Bit: "pillow",
    JPEG2000: "pylibjpeg",
    JPEG2000Lossless: "pylibjpeg",
    JPEGLSLossless: "pyjpegls",
    JPEGLSNearLossless: "pyjpegls",
}


def values(dataset: pydicom.Dataset, data: bytes, limits: Limits) -> np.ndarray:
    """Decoded pixels ``(frames, rows, columns)``, grey, bright is white; not yet rescaled.

    Parameters
    ----------
    data : bytes
        The file the data set was read from.
    """
    rows, columns = int(dataset.Rows), int(dataset.Columns)
    frames, samples = integer(dataset, "NumberOfFrames") or 1, int(dataset.SamplesPerPixel)
    demand_size(columns, rows, limits)
    if frames < 1 or samples not in (1, 3):
        raise CorruptFile(f"expected DICOM frames, the header says {frames} of {samples} samples")
    size = rows * columns * frames * samples * max(1, (integer(dataset, "BitsAllocated") or 8) // 8)
    if size > limits.unpacked_bytes or frames > limits.members:
        raise TooLarge(
            f"expected at most {limits.unpacked_bytes >> 20} MiB of pixels, the header says "
            f"{size >> 20} MiB in {frames} frames; export fewer frames"
        )
    array = decoded(dataset, data)
    photometric = text(dataset, "PhotometricInterpretation").upper()
    if photometric == "PALETTE COLOR":
        array = pydicom.pixels.apply_color_lut(array, dataset)
        samples = 3
    array = array.reshape((frames, rows, columns, *((samples,) if samples == 3 else ())))
    if samples == 3:
        return np.stack([to_grey(frame, "RGB") for frame in array])
    if array.dtype.kind == "f":
        if not np.isfinite(array).all():
            raise CorruptFile("expected numbers, some DICOM pixels are not; export it again")
        return array
    array = array.astype(array.dtype.newbyteorder("="), copy=False)
    array = _stored_bits(array, integer(dataset, "BitsStored") or array.dtype.itemsize * 8)
    if photometric == "MONOCHROME1":
        stored = min(integer(dataset, "BitsStored") or 16, array.dtype.itemsize * 8)
        top = (1 << stored) - 1 if array.dtype.kind == "u" else -1
        array = (top - array.astype(np.int64)).astype(array.dtype)
    return array


def decoded(dataset: pydicom.Dataset, data: bytes) -> np.ndarray:
    """Stored values by the decoder of the transfer syntax; GDCM never runs in this process."""
    syntax = dataset.file_meta.TransferSyntaxUID if "TransferSyntaxUID" in dataset.file_meta else ""
    twelve_bit = syntax == JPEGExtended12Bit and (integer(dataset, "BitsStored") or 8) > 8
    if syntax in (JPEGLossless, JPEGLosslessSV1) or twelve_bit:
        return dicom_lossless.shared().decode(data)
    plugin = _PLUGINS.get(syntax, "")
    return np.asarray(pydicom.pixels.pixel_array(dataset, decoding_plugin=plugin))


def _stored_bits(array: np.ndarray, stored: int) -> np.ndarray:
    """The array without what old overlays left in bits beyond the stored ones."""
    spare = array.dtype.itemsize * 8 - stored
    if spare <= 0 or stored < 1:
        return array
    if array.dtype.kind == "u":
        return array & array.dtype.type((1 << stored) - 1) if array.max() >> stored else array
    low, high = -(1 << (stored - 1)), (1 << (stored - 1)) - 1
    return array if array.min() >= low and array.max() <= high else (array << spare) >> spare


def rescaled(array: np.ndarray, slope: float, intercept: float) -> np.ndarray:
    """Real values: integers while they stay exact in 16 bits, else float32."""
    if not (np.isfinite(slope) and np.isfinite(intercept)):
        raise CorruptFile("expected a finite rescale slope and intercept; export the image again")
    slope = slope or 1.0
    if slope == 1.0 and intercept == 0.0:
        keep = array.dtype in (np.uint8, np.uint16, np.int16)
        if array.dtype == np.int8:
            return array.astype(np.int16)
        return array if keep else array.astype(np.float32)
    if array.dtype.kind in "iu" and slope.is_integer() and intercept.is_integer():
        ends = [int(v) * slope + intercept for v in (array.min(), array.max())]
        if min(ends) >= -32768 and max(ends) <= 32767:
            return (array.astype(np.int64) * int(slope) + int(intercept)).astype(np.int16)
    with np.errstate(over="ignore"):
        scaled = (array.astype(np.float64) * slope + intercept).astype(np.float32)
    if not (np.abs(scaled) <= GREATEST).all():
        raise CorruptFile("expected finite values, the rescale slope is absurd; export it again")
    return scaled


def value_of(item: pydicom.Dataset, keyword: str) -> Any:
    """An attribute's value; None when it is absent or cannot be read."""
    try:
        return item.get(keyword)
    except Exception:
        # Values are parsed when they are asked for: a damaged one counts as absent.
        return None


def items(item: pydicom.Dataset, keyword: str) -> Sequence[pydicom.Dataset]:
    """The items of a sequence; none when absent."""
    value = value_of(item, keyword)
    return list(value) if isinstance(value, pydicom.Sequence) else []


def texts(item: pydicom.Dataset, keyword: str) -> list[str]:
    """An attribute's values as strings; none when absent."""
    value = value_of(item, keyword)
    if value is None or isinstance(value, (bytes, pydicom.Sequence)):
        return []
    many = value if isinstance(value, (list, tuple, pydicom.multival.MultiValue)) else [value]
    return [str(v).strip() for v in many]


def text(item: pydicom.Dataset, keyword: str) -> str:
    """An attribute as one string; empty when absent."""
    return " ".join(texts(item, keyword))


def numbers(item: pydicom.Dataset, keyword: str, count: int) -> np.ndarray | None:
    """Exactly ``count`` finite values (count,) float64, else None."""
    try:
        numbers = np.array([float(v) for v in texts(item, keyword)])
    except ValueError:
        return None
    return numbers if len(numbers) == count and np.isfinite(numbers).all() else None


def number(item: pydicom.Dataset, keyword: str) -> float | None:
    """The first value, when it is a finite number."""
    try:
        value = float(next(iter(texts(item, keyword)), "nan"))
    except ValueError:
        return None
    return value if np.isfinite(value) else None


def integer(item: pydicom.Dataset, keyword: str) -> int | None:
    """The first value, cut to an integer."""
    value = number(item, keyword)
    return None if value is None else int(value)
