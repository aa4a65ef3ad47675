"""A volume is in memory about once: readers and writers make no second copy of it on the way."""

from __future__ import annotations

import gzip
import io
import tracemalloc
import zipfile
from collections.abc import Callable
from typing import Any

import nibabel
import numpy as np
import pytest

from appliance import archives, ingest, nifti
from appliance.core.types import Report, Series, Volume
from appliance.dicom_objects import object_uid

SHAPE = (96, 160, 160)
AFFINE = np.diag([1.0, 1.0, 2.0, 1.0])
PIECES = 6 << 20
"""What reading in pieces holds besides, however large the file is."""


def peak(work: Callable[[], Any]) -> tuple[Any, int]:
    """What a function answers, and the most memory it held beyond what was there before, bytes."""
    tracemalloc.start()
    try:
        answer = work()
        return answer, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("dtype", [np.int16, np.float32, np.float64])
@pytest.mark.parametrize("way", ["plain", "gzip", "zip"])
def test_a_nifti_costs_its_voxels_whatever_holds_them(dtype, way, tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "_LARGE", 1 << 20)
    rng = np.random.default_rng(0)
    voxels = rng.integers(0, 3000, SHAPE[::-1]).astype(dtype)
    plain = nibabel.Nifti1Image(voxels, AFFINE).to_bytes()
    path = tmp_path / {"plain": "scan.nii", "gzip": "scan.nii.gz", "zip": "scan.zip"}[way]
    if way == "zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("scan.nii", plain)
    else:
        path.write_bytes(gzip.compress(plain, 1) if way == "gzip" else plain)
    del plain
    study, most = peak(lambda: ingest.read_path(path))
    (series,) = study.series
    assert (series.volume.array == voxels.T).all()
    assert most < series.volume.array.nbytes + PIECES
    with path.open("rb") as stream:  # as an upload is
        study, most = peak(lambda: ingest.read_files([(path.name, stream)]))
    assert study.series[0].sha256 == series.sha256
    assert most < series.volume.array.nbytes + PIECES


def test_a_large_file_of_a_zip_that_is_damaged_or_named_wrong(monkeypatch):
    monkeypatch.setattr(archives, "_LARGE", 1000)
    voxels = np.arange(40 * 40 * 40, dtype=np.int16).reshape(40, 40, 40)
    plain = nibabel.Nifti1Image(voxels, AFFINE).to_bytes()
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("scan.nii", plain)
    data = bytearray(stream.getvalue())
    assert len(ingest.read_bytes(bytes(data), "a.zip").series) == 1
    data[5000] ^= 1
    (refusal,) = ingest.read_bytes(bytes(data), "a.zip").refusals
    assert refusal.code == "unreadable"
    assert "zip again" in refusal.message


def test_a_mask_is_written_without_a_copy():
    labels = np.zeros(SHAPE, np.uint8)
    labels[40:50, 60:90, 60:90] = 1
    data, most = peak(lambda: nifti.to_bytes(Volume(labels, np.eye(4))))
    assert most < 0.2 * labels.nbytes
    assert nibabel.Nifti1Image.from_bytes(gzip.decompress(data)).shape == SHAPE[::-1]


def test_the_name_of_an_object_needs_no_copy_of_the_mask():
    labels = np.zeros(SHAPE, np.uint8)
    labels[40:50, 60:90, 60:90] = 1
    series = Series(Volume(labels), "dicom", "a", "0")
    report = Report({"classification": None, "lesions": []}, Volume(labels))
    uid, most = peak(lambda: object_uid("seg", series, report))
    assert most < 0.1 * labels.nbytes
    assert uid == object_uid("seg", series, report)
    labels[0, 0, 0] = 1
    assert uid != object_uid("seg", series, report)
