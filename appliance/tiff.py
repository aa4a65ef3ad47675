"""TIFF and BigTIFF pages, once every strip and tile is known to be there.

References
----------
TIFF 6.0 (Adobe, 1992), sections 2, 8 and 15; BigTIFF (libtiff, 2007).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

import cv2
import numpy as np

from appliance.core.errors import CorruptFile, TooLarge, UnsupportedFormat
from appliance.limits import GREATEST, Limits

_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
_SIZES |= {16: 8, 17: 8, 18: 8}
_INTEGERS = {1: "B", 3: "H", 4: "I", 13: "I", 16: "Q", 18: "Q"}
_WANTED = (254, 256, 257, 258, 259, 262, 273, 277, 278, 279, 284, 322, 323, 324, 325, 339)
_WHITE_IS_ZERO = 0


@dataclass(frozen=True)
class _Page:
    columns: int
    rows: int
    bits: int
    samples: int
    compression: int
    photometric: int
    sample_format: int
    reduced: bool


def _damaged(what: str) -> CorruptFile:
    return CorruptFile(
        f"expected a whole TIFF file, {what}; it is damaged or cut short: export it again"
    )


def read(data: bytes, limits: Limits) -> tuple[list[np.ndarray], tuple[str, ...]]:
    """All full-size pages, as OpenCV decodes them (BGR where in colour).

    Returns
    -------
    pages : list of (rows, columns) or (rows, columns, channels) arrays, all of one shape
    warnings : tuple of str

    Raises
    ------
    CorruptFile, TooLarge, UnsupportedFormat
    """
    pages = _pages(data, limits)
    buffer = np.frombuffer(data, np.uint8)
    if len(pages) == 1:
        picture = cv2.imdecode(buffer, cv2.IMREAD_UNCHANGED)
        decoded = [] if picture is None else [picture]
    else:
        _, decoded = cv2.imdecodemulti(buffer, cv2.IMREAD_UNCHANGED)
    if len(decoded) != len(pages):
        raise _damaged("a page cannot be decoded")
    full = [(p, d) for p, d in zip(pages, decoded, strict=True) if not p.reduced]
    full = full or list(zip(pages, decoded, strict=True))[:1]
    shape, dtype = full[0][1].shape, full[0][1].dtype
    same = [(p, d) for p, d in full if d.shape == shape and d.dtype == dtype]
    warnings = ()
    if len(same) < len(full):
        warnings = (f"{len(full) - len(same)} pages of another size or depth were left out.",)
    for page, pixels in same:
        if pixels.shape[:2] != (page.rows, page.columns):
            raise _damaged("a page has another size than its header says")
    return [_as_meant(page, pixels) for page, pixels in same], warnings


def _as_meant(page: _Page, pixels: np.ndarray) -> np.ndarray:
    """Undo what OpenCV leaves: signed samples, white-is-zero beyond eight bits, not-a-number."""
    if pixels.dtype not in (np.uint8, np.uint16, np.int16, np.float32):
        raise UnsupportedFormat(
            f"expected 8 or 16 bit pixels or 32 bit real ones, found {pixels.dtype}; "
            "export as 16 bit"
        )
    if pixels.dtype == np.float32 and not (np.abs(pixels) <= GREATEST).all():
        raise _damaged("some pixels are not numbers")
    if page.sample_format == 2 and pixels.dtype == np.uint16:
        pixels = pixels.view(np.int16)
    if page.photometric == _WHITE_IS_ZERO and page.bits == 16 and pixels.dtype == np.uint16:
        pixels = np.uint16(65535) - pixels
    return pixels


def _pages(data: bytes, limits: Limits) -> list[_Page]:
    """Walk the chain of directories; every strip and tile must lie inside the file."""
    order = "<" if data[:2] == b"II" else ">"
    big = data[2:4] in (b"+\0", b"\0+")
    count_code, entry_code, value_size = ("Q", "HHQ", 8) if big else ("H", "HHI", 4)
    offset_code = "Q" if big else "I"
    entry_size = struct.calcsize("=" + entry_code) + value_size
    try:
        (at,) = struct.unpack_from(order + offset_code, data, 8 if big else 4)
        pages, seen, total = [], set(), 0
        while at:
            if at in seen or len(pages) >= limits.members:
                raise _damaged("its chain of pages never ends")
            seen.add(at)
            (count,) = struct.unpack_from(order + count_code, data, at)
            at += struct.calcsize("=" + count_code)
            if at + count * entry_size > len(data):
                raise _damaged("its page table is cut")
            tags = {}
            for _ in range(count):
                tag, kind, length = struct.unpack_from(order + entry_code, data, at)
                where = at + struct.calcsize("=" + entry_code)
                size = _SIZES.get(kind, 0) * length
                if size > value_size:
                    (where,) = struct.unpack_from(order + offset_code, data, where)
                if where + size > len(data):
                    raise _damaged("values of a tag are missing")
                if tag in _WANTED and kind in _INTEGERS:
                    tags[tag] = struct.unpack_from(f"{order}{length}{_INTEGERS[kind]}", data, where)
                at += entry_size
            (at,) = struct.unpack_from(order + offset_code, data, at)
            page = _checked(tags, len(data), limits)
            pages.append(page)
            total += page.columns * page.rows * page.samples * max(1, page.bits // 8)
            if total > limits.unpacked_bytes:
                raise TooLarge(
                    f"expected at most {limits.unpacked_bytes >> 20} MiB of pixels, the pages "
                    "together hold more; export fewer pages"
                )
    except struct.error as error:
        raise _damaged("its page table is cut") from error
    if not pages:
        raise _damaged("it holds no page")
    return pages


def _checked(tags: dict[int, tuple[int, ...]], length: int, limits: Limits) -> _Page:
    """One page's description, when its pixels are all in the file."""

    def first(tag: int, default: int = 0) -> int:
        return tags[tag][0] if tags.get(tag) else default

    columns, rows, bits, samples = first(256), first(257), first(258, 1), first(277, 1)
    if columns < 1 or rows < 1:
        raise _damaged(f"a page says {columns}x{rows} pixels")
    if columns * rows > limits.pixels:
        raise TooLarge(
            f"expected at most {limits.pixels / 1e6:.0f} million pixels, the header says "
            f"{columns}x{rows}; scale the picture down"
        )
    if not 1 <= samples <= 8 or bits not in (1, 2, 4, 8, 16, 32):
        raise UnsupportedFormat(
            f"expected grey or colour of 8 or 16 bit, found {samples} samples of {bits} bit"
        )
    compression = first(259, 1)
    planes = samples if first(284, 1) == 2 else 1
    if 324 in tags:
        width, height = first(322), first(323)
        if width < 1 or height < 1:
            raise _damaged("a tile has no size")
        offsets, counts = tags[324], tags.get(325, ())
        expected = -(-columns // width) * -(-rows // height) * planes
    else:
        height = min(first(278, rows), rows) or rows
        offsets, counts = tags.get(273, ()), tags.get(279, ())
        expected = -(-rows // height) * planes
        if not counts and compression == 1 and len(offsets) == 1:
            counts = (-(-columns * bits * samples // 8) * rows,)
    if len(offsets) < expected or len(counts) < expected:
        raise _damaged("strips or tiles are missing")
    if any(n < 1 or o + n > length for o, n in zip(offsets, counts, strict=False)):
        raise _damaged("strips or tiles lie beyond its end")
    if compression == 1 and sum(counts) < -(-columns * bits * samples // 8) * rows:
        raise _damaged("rows are missing")
    return _Page(
        columns,
        rows,
        bits,
        samples,
        compression,
        first(262, 1),
        first(339, 1),
        bool(first(254) & 1),
    )
