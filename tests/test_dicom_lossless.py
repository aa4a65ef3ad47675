"""`appliance.dicom_lossless`: a crash of the decoder is one unreadable file."""

from __future__ import annotations

import numpy as np
import pytest

from appliance.core.errors import CorruptFile
from appliance.dicom_lossless import Decoder
from tests.scans import lossless_dicom, noise


@pytest.fixture(scope="module")
def decoder():
    decoder = Decoder()
    yield decoder
    decoder.close()


def test_pixels_come_back_and_damage_does_not_spread(decoder):
    array = noise(dtype=np.uint16)
    data = lossless_dicom(array)
    assert (decoder.decode(data) == array).all()
    rng = np.random.default_rng(0)
    start = data.index(b"\xff\xd8\xff")
    for _ in range(25):
        broken = bytearray(data)
        for at in rng.integers(start, start + 90, 4):
            broken[at] = rng.integers(256)
        try:
            decoder.decode(bytes(broken))
        except CorruptFile:
            continue
    assert (decoder.decode(data) == array).all()


def test_a_dead_child_is_replaced(decoder):
    array = noise(dtype=np.uint16)
    decoder.decode(lossless_dicom(array))
    decoder._child.kill()
    decoder._child.wait()
    assert (decoder.decode(lossless_dicom(array)) == array).all()
    with pytest.raises(CorruptFile):
        decoder.decode(b"no DICOM at all")
