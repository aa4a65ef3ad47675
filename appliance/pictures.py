"""PNG, JPEG, TIFF and BMP bytes to grey arrays, whole or not at all.

A decoder happily returns half a picture for half a file. So each format's structure is walked
first, down to its last byte: chunk checksums (PNG), the end marker outside of segments (JPEG),
strips and tiles (TIFF, in `appliance.tiff`), the row table (BMP). Dimensions are read from the
header and held against the limits before anything is decoded.

References
----------
PNG: ISO/IEC 15948, 5.3. JPEG: ITU-T T.81, annex B. BMP: Microsoft, "Bitmap Storage".
"""

from __future__ import annotations

import io
import re
import struct
import zlib

import cv2
import numpy as np
from PIL import Image

from appliance import tiff
from appliance.core.errors import (
    CorruptFile,
    InputError,
    TooLarge,
    UnsupportedFormat,
)
from appliance.grey import to_grey
from appliance.limits import Limits

_PNG_KEPT = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND")
_JPEG_MARKER = re.compile(rb"\xff[^\x00\x01\xd0-\xd7\xff]", re.DOTALL)
_JPEG_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
_MAGIC = {b"\x89PNG\r\n\x1a\n": "png", b"\xff\xd8\xff": "jpeg", b"BM": "bmp"}
_MAGIC |= dict.fromkeys((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"), "tiff")

# A damaged upload is the sender's affair, reported once by our own error and not by OpenCV's log.
cv2.setLogLevel(0)


def sniff(data: bytes) -> str | None:
    """``png``, ``jpeg``, ``tiff``, ``bmp`` or None, by the first bytes.

    Examples
    --------
    >>> sniff(b"II*" + bytes(5))
    'tiff'
    """
    return next((kind for magic, kind in _MAGIC.items() if data.startswith(magic)), None)


def read(data: bytes, limits: Limits = Limits()) -> tuple[np.ndarray, tuple[str, ...]]:  # noqa: B008
    """Grey pixels of one picture file, and what had to be assumed.

    Returns
    -------
    array : (slices, rows, columns) uint8 or uint16 (a TIFF may hold int16 or float32)
        One slice, but for a TIFF of several pages.
    warnings : tuple of str

    Raises
    ------
    CorruptFile
        When the file is damaged or cut short, even by a byte.
    TooLarge, NotGreyscale, UnsupportedFormat
    """
    kind = sniff(data)
    if kind is None:
        raise UnsupportedFormat("expected a PNG, JPEG, TIFF or BMP picture, found something else")
    warnings: tuple[str, ...] = ()
    try:
        if kind == "jpeg":
            picture, warnings = _read_jpeg(data, limits)
            pages = [to_grey(picture, "RGB")]
        elif kind == "tiff":
            decoded, warnings = tiff.read(data, limits)
            pages = [to_grey(page) for page in decoded]
        else:
            checked = _checked_png(data, limits) if kind == "png" else _checked_bmp(data, limits)
            picture = cv2.imdecode(np.frombuffer(checked, np.uint8), cv2.IMREAD_UNCHANGED)
            if picture is None:
                raise _damaged(kind, "its pixels cannot be decoded")
            pages = [to_grey(picture[..., :3] if kind == "bmp" and picture.ndim == 3 else picture)]
    except InputError:
        raise
    except (cv2.error, OSError, ValueError, struct.error, SyntaxError, EOFError, IndexError) as e:
        raise _damaged(kind, "its pixels cannot be decoded") from e
    except (MemoryError, OverflowError, Image.DecompressionBombError) as e:
        raise TooLarge(f"the {kind.upper()} picture does not fit in memory; scale it down") from e
    return (pages[0][np.newaxis] if len(pages) == 1 else np.stack(pages)), warnings


def demand_size(columns: int, rows: int, limits: Limits) -> None:
    """Hold a header's dimensions against the limit.

    Raises
    ------
    CorruptFile, TooLarge
    """
    if columns < 1 or rows < 1:
        raise CorruptFile(f"expected a picture, the header says {columns}x{rows} pixels")
    if columns * rows > limits.pixels:
        raise TooLarge(
            f"expected at most {limits.pixels / 1e6:.0f} million pixels, the header says "
            f"{columns}x{rows}; scale the picture down"
        )


def _damaged(kind: str, what: str) -> CorruptFile:
    return CorruptFile(
        f"expected a whole {kind.upper()} file, {what}; it is damaged or cut short: export it again"
    )


def _checked_png(data: bytes, limits: Limits) -> bytes:
    """The chunks that make the picture, once all of them are whole."""
    view, at, kept, seen = memoryview(data), 8, [data[:8]], set()
    ancillary = False
    while True:
        if at + 12 > len(data):
            raise _damaged("png", "its end is missing")
        length = int.from_bytes(view[at : at + 4], "big")
        tag, end = data[at + 4 : at + 8], at + 12 + length
        if end > len(data):
            raise _damaged("png", "its end is missing")
        if zlib.crc32(view[at + 4 : end - 4]) != int.from_bytes(view[end - 4 : end], "big"):
            raise _damaged("png", "a checksum is wrong")
        if not seen:
            if tag != b"IHDR" or length != 13:
                raise _damaged("png", "its header is missing")
            demand_size(*struct.unpack(">II", view[at + 8 : at + 16]), limits)
        if tag in _PNG_KEPT:
            kept.append(view[at:end])
        else:
            ancillary = True
        seen.add(tag)
        at = end
        if tag == b"IEND":
            break
    if b"IDAT" not in seen:
        raise _damaged("png", "it holds no pixels")
    # What remains out (colour profiles, texts, animation) changes no pixel of the picture.
    return b"".join(kept) if ancillary else data


def _read_jpeg(data: bytes, limits: Limits) -> tuple[np.ndarray, tuple[str, ...]]:
    """RGB or grey pixels, turned upright as the camera says.

    Pillow decodes the same bits as OpenCV, and keeps libjpeg from writing to stderr.
    """
    exif = _check_jpeg(data, limits)
    with Image.open(io.BytesIO(data), formats=("JPEG",)) as image:
        turn = 1
        if exif:
            try:
                turn = image.getexif().get(0x0112, 1)
            except (OSError, ValueError, SyntaxError, struct.error, KeyError, TypeError):
                turn = 1
        picture = np.asarray(image if image.mode in ("L", "RGB") else image.convert("RGB"))
    if turn not in range(2, 9):
        return picture, ()
    if turn in (5, 6, 7, 8):
        picture = np.swapaxes(picture, 0, 1)
    if turn in (3, 4, 7, 8):
        picture = picture[::-1]
    if turn in (2, 3, 6, 7):
        picture = picture[:, ::-1]
    note = f"The picture was turned upright as its camera's note says (EXIF orientation {turn})."
    return np.ascontiguousarray(picture), (note,)


def _check_jpeg(data: bytes, limits: Limits) -> bool:
    """Walk all segments to the end marker; True when there is an EXIF segment."""
    at, exif, size, scans = 2, False, None, 0
    while True:
        found = _JPEG_MARKER.search(data, at) if scans else _JPEG_MARKER.match(data, at)
        if found is None:
            if not scans and data[at : at + 2] == b"\xff\xff":
                at += 1
                continue
            raise _damaged("jpeg", "its end is missing")
        marker, at = data[found.end() - 1], found.end()
        if marker == 0xD9:
            break
        length = int.from_bytes(data[at : at + 2], "big")
        if length < 2 or at + length > len(data):
            raise _damaged("jpeg", "a segment is cut")
        if marker in _JPEG_FRAMES:
            if marker in (0xC3, 0xC7, 0xCB, 0xCF) or data[at + 2] != 8:
                raise UnsupportedFormat(
                    "expected an 8 bit JPEG, found a lossless or 12 bit one; export as PNG"
                )
            rows, columns = struct.unpack(">HH", data[at + 3 : at + 7])
            demand_size(columns, rows, limits)
            size = rows, columns
        exif = exif or (marker == 0xE1 and data[at + 2 : at + 6] == b"Exif")
        scans += marker == 0xDA
        at += length
    if size is None or not scans:
        raise _damaged("jpeg", "it holds no pixels")
    return exif


def _checked_bmp(data: bytes, limits: Limits) -> bytes:
    """The file, once its header and row table agree with its length."""
    offset, header = struct.unpack_from("<II", data, 10)
    if header == 12:
        columns, rows, _, bits = struct.unpack_from("<HHHH", data, 18)
        packing = size = 0
    elif header >= 40:
        columns, rows, _, bits, packing, size = struct.unpack_from("<iiHHII", data, 18)
    else:
        raise _damaged("bmp", "its header is of no known kind")
    demand_size(columns, abs(rows), limits)
    if packing in (0, 3, 6):
        whole = offset + (columns * bits + 31) // 32 * 4 * abs(rows) <= len(data)
    elif packing in (1, 2):
        end = offset + size if size else len(data)
        whole = end <= len(data) and b"\0\1" in data[max(offset, end - 4) : end]
    else:
        raise UnsupportedFormat("expected a plain or run-length BMP; export as PNG")
    if bits not in (1, 4, 8, 16, 24, 32) or not whole:
        raise _damaged("bmp", "rows are missing")
    return data
