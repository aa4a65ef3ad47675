"""No upload may end in a foreign exception, a traceback on stderr or a half-read study."""

from __future__ import annotations

import gzip
import logging

import numpy as np
import pytest

from appliance import ingest
from tests.scans import (
    dicom_dataset,
    dicom_file,
    encoded,
    jpeg_dicom,
    nifti_file,
    noise,
    picture,
    saved,
    zipped,
)
from tests.test_pictures import png_header

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:pydicom")
PNG = encoded(noise(), ".png")
CODES = {
    *("unreadable", "unsupported_format", "encrypted", "too_large", "empty", "no_pixels"),
    *("not_greyscale", "bad_geometry"),
}


def no_pixels() -> bytes:
    dataset = dicom_dataset(SOPClassUID="1.2.840.10008.5.1.4.1.1.481.3", Modality="RTSTRUCT")
    for keyword in ("PixelData", "Rows", "Columns"):
        delattr(dataset, keyword)
    return saved(dataset)


def nan_nifti() -> bytes:
    import nibabel

    return nibabel.Nifti1Image(np.full((6, 5, 4), np.nan, np.float32), np.eye(4)).to_bytes()


HOSTILE = {
    "empty.png": (b"", "empty"),
    "empty.dcm": (b"", "empty"),
    "truncated.png": (PNG[:-5], "unreadable"),
    "truncated.jpg": (encoded(noise(), ".jpg")[:-2], "unreadable"),
    "truncated.dcm": (dicom_file()[:-5], "unreadable"),
    "header-only.dcm": (bytes(128) + b"DICM", "unreadable"),
    "truncated.nii.gz": (gzip.compress(nifti_file())[:-12], "unreadable"),
    "truncated.zip": (zipped({"a.png": PNG})[:-30], "unreadable"),
    "zip-of-zips.zip": (zipped({"a.zip": zipped({"a.png": PNG})}), "unsupported_format"),
    "giant.png": (png_header(20_000, 20_000), "too_large"),
    "text.dcm": (b"This is a text, not a scan.\n" * 20, "unsupported_format"),
    "text.png": (b"This is a text, not a scan.\n", "unsupported_format"),
    "letter.docx": (zipped({"[Content_Types].xml": b"<x/>"}), "unsupported_format"),
    "letter.pdf": (b"%PDF-1.4\n%%EOF", "unsupported_format"),
    "plan.dcm": (no_pixels(), "no_pixels"),
    "nan.nii": (nan_nifti(), "unreadable"),
    "zeros.bin": (bytes(5000), "unsupported_format"),
    "colour.png": (
        encoded(np.dstack([noise() // 4, noise() // 3, noise() // 2 + 127]), ".png"),
        "not_greyscale",
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_refused_with_a_reason(name, capfd, tmp_path):
    data, code = HOSTILE[name]
    (tmp_path / name).write_bytes(data)
    for study in (ingest.read_bytes(data, name), ingest.read_path(tmp_path / name)):
        assert study.series == ()
        assert [r.code for r in study.refusals] == [code]
        message = study.refusals[0].message
        assert len(message) > 20
        assert "Traceback" not in message
    assert capfd.readouterr().err == ""


def test_a_hostile_file_beside_a_good_one_does_not_spoil_it(tmp_path):
    for name, (data, _) in HOSTILE.items():
        (tmp_path / name).write_bytes(data)
    (tmp_path / "good.png").write_bytes(PNG)
    study = ingest.read_path(tmp_path)
    assert [s.name for s in study.series] == ["good.png"]
    assert {r.code for r in study.refusals} <= CODES


SEEDS = {
    "png": PNG,
    "png 16": encoded(noise(dtype=np.uint16), ".png"),
    "jpeg": encoded(noise(), ".jpg"),
    "jpeg progressive": picture(np.dstack([noise()] * 3), "JPEG", progressive=True),
    "bmp": encoded(noise(), ".bmp"),
    "tiff": picture(noise(), "TIFF"),
    "tiff lzw": encoded(noise(dtype=np.uint16), ".tif"),
    "dicom": dicom_file(),
    "dicom jpeg": jpeg_dicom(noise()),
    "nifti": nifti_file(),
    "nifti gz": gzip.compress(nifti_file()),
    "zip": zipped({"a.png": PNG, "b.dcm": dicom_file(), "c.dcm": dicom_file(index=1)}),
}


def damaged(data: bytes, rng: np.random.Generator) -> bytes:
    """The bytes with a few changed, and some of the time a part missing or twice."""
    changed = bytearray(data)
    for _ in range(rng.integers(1, 6)):
        reach = min(len(changed), int(rng.choice([64, 400, len(changed)])))
        changed[rng.integers(reach)] = int(rng.choice([0, 255, rng.integers(256)]))
    first, second = sorted(rng.integers(0, len(changed), 2))
    how = rng.integers(6)
    if how == 0:
        del changed[first:second]
    elif how == 1:
        changed[first:first] = changed[first:second]
    elif how == 2:
        del changed[second:]
    return bytes(changed)


@pytest.mark.parametrize("form", SEEDS)
def test_damaged_bytes_never_escape(form, caplog):
    rng = np.random.default_rng(len(form))
    caplog.set_level(logging.WARNING, "appliance.ingest")
    for _ in range(120):
        study = ingest.read_bytes(damaged(SEEDS[form], rng), "upload")
        assert study.series or study.refusals
        assert {r.code for r in study.refusals} <= CODES
        for series in study.series:
            assert np.isfinite(series.volume.array).all()
    assert caplog.records == [], "each reader translates what it raises itself"
