"""`appliance.pictures`: every picture format, whole or refused."""

from __future__ import annotations

import contextlib
import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageOps

from appliance import pictures
from appliance.core.errors import (
    CorruptFile,
    InputError,
    NotGreyscale,
    TooLarge,
    UnsupportedFormat,
)
from appliance.limits import Limits
from tests.scans import data_folder, encoded, noise, picture

GREY, DEEP = noise(), noise(dtype=np.uint16)
WHOLE = {
    "png": (encoded(GREY, ".png"), GREY),
    "png 16": (encoded(DEEP, ".png"), DEEP),
    "png rgb": (encoded(np.dstack([GREY] * 3), ".png"), GREY),
    "png rgb 16": (encoded(np.dstack([DEEP] * 3), ".png"), DEEP),
    "png palette": (picture(GREY, "PNG", optimize=True), GREY),
    "png alpha": (encoded(np.dstack([GREY] * 3 + [GREY * 0 + 255]), ".png"), GREY),
    "bmp": (encoded(GREY, ".bmp"), GREY),
    "bmp rgb": (encoded(np.dstack([GREY] * 3), ".bmp"), GREY),
    "tiff": (picture(GREY, "TIFF"), GREY),
    "tiff 16": (picture(DEEP, "TIFF"), DEEP),
    "tiff lzw": (picture(DEEP, "TIFF", compression="tiff_lzw"), DEEP),
    "tiff opencv": (encoded(GREY, ".tif"), GREY),
}
LOSSY = {
    "jpeg": encoded(GREY, ".jpg"),
    "jpeg rgb": encoded(np.dstack([GREY] * 3), ".jpg"),
    "jpeg progressive": picture(np.dstack([GREY] * 3), "JPEG", progressive=True),
}


@pytest.mark.parametrize("form", WHOLE)
def test_lossless_pictures_come_back_bit_by_bit(form):
    data, expected = WHOLE[form]
    array, warnings = pictures.read(data)
    assert array.shape == (1, *expected.shape)
    assert array.dtype == expected.dtype
    assert (array[0] == expected).all()
    assert warnings == ()


@pytest.mark.parametrize("form", LOSSY)
def test_jpeg_comes_back_nearly(form):
    array, _ = pictures.read(LOSSY[form])
    assert np.abs(array[0].astype(int) - GREY).mean() < 6


@pytest.mark.parametrize("form", [*WHOLE, *LOSSY])
def test_a_picture_cut_anywhere_is_refused(form):
    data = WHOLE[form][0] if form in WHOLE else LOSSY[form]
    cuts = {*range(1, 24), *np.linspace(24, len(data) - 1, 30).astype(int)}
    for cut in sorted(cuts):
        with pytest.raises(InputError):
            pictures.read(data[: len(data) - cut])


@pytest.mark.parametrize("turn", range(1, 9))
def test_a_camera_picture_is_turned_upright(turn):
    exif = Image.Exif()
    exif[0x0112] = turn
    data = picture(GREY, "JPEG", exif=exif, quality=95)
    array, warnings = pictures.read(data)
    with Image.open(io.BytesIO(data)) as image:
        assert (array[0] == np.asarray(ImageOps.exif_transpose(image))).all()
    assert bool(warnings) == (turn > 1)


def png_header(columns: int, rows: int) -> bytes:
    body = b"IHDR" + struct.pack(">IIBBBBB", columns, rows, 8, 0, 0, 0, 0)
    chunks = struct.pack(">I", 13) + body + struct.pack(">I", zlib.crc32(body))
    end = struct.pack(">I", 0) + b"IEND" + struct.pack(">I", zlib.crc32(b"IEND"))
    return b"\x89PNG\r\n\x1a\n" + chunks + end


def test_dimensions_are_refused_before_decoding():
    with pytest.raises(TooLarge):
        pictures.read(png_header(20_000, 20_000))
    with pytest.raises(CorruptFile):
        pictures.read(png_header(200, 200))
    for form in ("jpeg", "png", "bmp", "tiff"):
        data = LOSSY[form] if form in LOSSY else WHOLE[form][0]
        with pytest.raises(TooLarge):
            pictures.read(data, Limits(pixels=1000))


def test_wrong_checksum_and_other_formats():
    data = bytearray(WHOLE["png"][0])
    data[60] ^= 1
    with pytest.raises(CorruptFile):
        pictures.read(bytes(data))
    with pytest.raises(UnsupportedFormat):
        pictures.read(b"GIF89a")


def test_damage_is_not_reported_on_stderr(capfd):
    bad_stream = bytearray(LOSSY["jpeg"])
    bad_stream[-60:-40] = b"\xff\xd0" * 10
    with contextlib.suppress(InputError):
        pictures.read(bytes(bad_stream))
    with pytest.raises(InputError):
        pictures.read(WHOLE["bmp"][0][:-30])
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    ("folder", "accepted"), [("figshare/images", True), ("no_tumor", True), ("ood", False)]
)
def test_real_pictures(folder, accepted):
    paths = sorted((data_folder() / folder).glob("*.[jp][pn]g"))[::40]
    assert paths
    for path in paths:
        if accepted:
            assert pictures.read(path.read_bytes())[0].dtype == np.uint8
        else:
            with pytest.raises(NotGreyscale):
                pictures.read(path.read_bytes())
