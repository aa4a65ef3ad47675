"""`appliance.tiff`: pages, signs, inverted scales, and a walk that always ends."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from PIL import Image

from appliance import tiff
from appliance.core.errors import CorruptFile, TooLarge
from appliance.limits import Limits
from tests.scans import noise, picture


def by_hand(
    array: np.ndarray, photometric: int = 1, sample_format: int = 1, tail: int = 0
) -> bytes:
    """A plain TIFF with one strip; ``tail`` is the offset of a next page."""
    rows, columns = array.shape
    tags = [
        (256, columns),
        (257, rows),
        (258, array.dtype.itemsize * 8),
        (259, 1),
        (262, photometric),
        (273, 8),
        (277, 1),
        (278, rows),
        (279, array.nbytes),
        (339, sample_format),
    ]
    table = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    directory = struct.pack("<H", len(tags)) + table + struct.pack("<I", tail)
    return b"II*\0" + struct.pack("<I", 8 + array.nbytes) + array.tobytes() + directory


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_white_is_zero_is_inverted(dtype):
    array = noise(dtype=dtype)
    (page,), _ = tiff.read(by_hand(array, photometric=0), Limits())
    assert (page == np.iinfo(dtype).max - array).all()


def test_signed_samples_keep_their_sign():
    array = noise(dtype=np.uint16).astype(np.int32) - 32768
    (page,), _ = tiff.read(by_hand(array.astype(np.int16), sample_format=2), Limits())
    assert page.dtype == np.int16
    assert (page == array).all()


def test_several_pages_are_slices_and_odd_ones_are_named():
    first, more = Image.fromarray(noise()), [Image.fromarray(noise(seed=s)) for s in (1, 2)]
    odd = Image.fromarray(noise((20, 20)))
    pages, warnings = tiff.read(
        picture(noise(), "TIFF", save_all=True, append_images=more), Limits()
    )
    assert len(pages) == 3
    assert (pages[2] == noise(seed=2)).all()
    assert warnings == ()
    pages, warnings = tiff.read(
        picture(np.asarray(first), "TIFF", save_all=True, append_images=[odd]), Limits()
    )
    assert len(pages) == 1
    assert "1 pages" in warnings[0]


def test_a_chain_of_pages_that_bites_its_tail_ends():
    array = noise()
    with pytest.raises(CorruptFile):
        tiff.read(by_hand(array, tail=8 + array.nbytes), Limits())


def test_all_pages_together_are_held_against_the_limit():
    pages = [Image.fromarray(noise(seed=s)) for s in range(4)]
    data = picture(noise(), "TIFF", save_all=True, append_images=pages)
    with pytest.raises(TooLarge):
        tiff.read(data, Limits(unpacked_bytes=4000))


def test_missing_rows_are_missed():
    data = bytearray(by_hand(noise()))
    at = data.index(struct.pack("<HHII", 279, 4, 1, noise().nbytes))
    data[at : at + 12] = struct.pack("<HHII", 279, 4, 1, noise().nbytes - 1)
    with pytest.raises(CorruptFile):
        tiff.read(bytes(data), Limits())


def test_absurd_values_are_damage():
    with pytest.raises(CorruptFile, match="not numbers"):
        tiff.read(picture(np.full((20, 20), 3e38, np.float32), "TIFF"), Limits())
