"""`appliance.formats`: what bytes are, and what may be passed over."""

from __future__ import annotations

import gzip

import pytest

from appliance import formats
from tests.scans import dicom_file, encoded, nifti_file, noise, zipped


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"", "empty"),
        (encoded(noise(), ".png"), "png"),
        (encoded(noise(), ".jpg"), "jpeg"),
        (encoded(noise(), ".tif"), "tiff"),
        (encoded(noise(), ".bmp"), "bmp"),
        (dicom_file(), "dicom"),
        (b"II*\0" + dicom_file()[4:], "dicom"),
        (nifti_file(), "nifti"),
        (gzip.compress(b"x", mtime=0), "gzip"),
        (zipped({"a": b"b"}), "zip"),
        (bytes.fromhex("308006092a864886f70d010703a080"), "encrypted"),
        (b"%PDF-1.7", "foreign"),
        (b"\0\0\0\x18ftypheic", "foreign"),
        (b"Dear colleague,\n", "text"),
        (b"\1\2\3\4", "unknown"),
    ],
)
def test_sniff(data, kind):
    assert formats.sniff(data) == kind


@pytest.mark.parametrize(
    ("path", "kind", "junk"),
    [
        ("a/Thumbs.db", "foreign", True),
        ("__MACOSX/a.png", "png", True),
        ("DICOMDIR", "dicom", True),
        ("LICENSE", "text", True),
        ("readme.txt", "text", True),
        ("scan.txt", "png", False),
        ("IM0001", "unknown", True),
        ("a.png", "unknown", False),
        ("a.dcm", "empty", False),
        ("a.pdf", "foreign", False),
    ],
)
def test_junk(path, kind, junk):
    assert formats.is_junk(path, kind) is junk
