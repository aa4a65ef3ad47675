"""`appliance.archives`: zips that are too much, locked, damaged or no zips of scans."""

from __future__ import annotations

import zipfile

import pytest

from appliance import archives, ingest
from appliance.core.errors import CorruptFile, EmptyFile, TooLarge, UnsupportedFormat
from appliance.limits import Limits
from tests.scans import encoded, noise, zipped

PNG = encoded(noise(), ".png")


def locked(data: bytes) -> bytes:
    """The zip with the flag of encryption set on its last member."""
    changed = bytearray(data)
    changed[data.rindex(b"PK\x01\x02") + 8] |= 1
    changed[data.rindex(b"PK\x03\x04") + 6] |= 1
    return bytes(changed)


def test_members_load_in_natural_order():
    found, count = archives.members(zipped({"b10.png": b"x", "b9.png": b"y", "d/": b""}), Limits())
    assert [(name, load()) for name, load in found] == [("b9.png", b"y"), ("b10.png", b"x")]
    assert count == 0


def test_a_password_is_said_and_the_rest_is_read():
    study = ingest.read_bytes(locked(zipped({"a.png": PNG, "b.png": PNG[::-1]})), "z.zip")
    assert [r.code for r in study.refusals] == ["encrypted"]
    assert len(study.series) == 1
    study = ingest.read_bytes(locked(zipped({"a.png": PNG})), "z.zip")
    assert [(r.code, r.name) for r in study.refusals] == [("encrypted", "z.zip")]


def test_a_zip_in_a_zip_is_refused_beside_what_is_readable():
    inner = zipped({"a.png": PNG})
    study = ingest.read_bytes(zipped({"inner.zip": inner, "b.png": PNG}), "z.zip")
    assert [(r.code, r.name) for r in study.refusals] == [("unsupported_format", "inner.zip")]
    assert len(study.series) == 1


def test_bombs():
    many = zipped({f"{i}.png": b"" for i in range(30)})
    with pytest.raises(TooLarge):
        archives.members(many, Limits(members=20))
    big = zipped({"a.png": bytes(4 << 20)})
    with pytest.raises(TooLarge):
        archives.members(big, Limits(unpacked_bytes=1 << 20))
    with pytest.raises(TooLarge):
        archives.members(big, Limits(ratio_from_bytes=1 << 20))
    archives.members(big, Limits())


def test_a_member_never_yields_more_than_promised():
    data = bytearray(zipped({"a.png": bytes(1 << 20)}))
    at = data.rindex(b"PK\x01\x02") + 24
    data[at : at + 4] = (1000).to_bytes(4, "little")
    ((_, load),), _ = archives.members(bytes(data), Limits())
    with pytest.raises(CorruptFile):
        load()


def test_what_is_no_zip_of_scans():
    with pytest.raises(UnsupportedFormat):
        archives.members(zipped({"[Content_Types].xml": b"<x/>", "word/a.xml": b""}), Limits())
    with pytest.raises(EmptyFile):
        archives.members(zipped({}), Limits())
    with pytest.raises(CorruptFile):
        archives.members(zipped({"a.png": PNG})[:-10], Limits())


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_methods(method):
    assert len(ingest.read_bytes(zipped({"a.png": PNG}, method), "z.zip").series) == 1


def test_an_unknown_method_is_said():
    data = bytearray(zipped({"a.png": PNG}))
    for mark, offset in ((b"PK\x01\x02", 10), (b"PK\x03\x04", 8)):
        at = data.index(mark) + offset
        data[at : at + 2] = (9).to_bytes(2, "little")
    study = ingest.read_bytes(bytes(data), "z.zip")
    assert [r.code for r in study.refusals] == ["unsupported_format"]
