"""A volume is in memory about once: readers and writers make no second copy of it on the way."""

from __future__ import annotations

import gzip
import tracemalloc
from collections.abc import Callable
from typing import Any

import nibabel
import numpy as np
import pytest

from appliance import ingest, nifti
from appliance.core.types import Report, Series, Volume
from appliance.dicom_objects import object_uid

SHAPE = (96, 160, 160)
AFFINE = np.diag([1.0, 1.0, 2.0, 1.0])


def peak(work: Callable[[], Any]) -> tuple[Any, int]:
    """What a function answers, and the most memory it held beyond what was there before, bytes."""
    tracemalloc.start()
    try:
        answer = work()
        return answer, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("dtype", [np.int16, np.float32, np.float64])
@pytest.mark.parametrize("packed", [False, True])
def test_a_nifti_costs_its_bytes_and_its_voxels(dtype, packed):
    rng = np.random.default_rng(0)
    voxels = rng.integers(0, 3000, SHAPE[::-1]).astype(dtype)
    data = plain = nibabel.Nifti1Image(voxels, AFFINE).to_bytes()
    if packed:
        data = gzip.compress(plain, 1)
    study, most = peak(lambda: ingest.read_bytes(data, "scan.nii"))
    (series,) = study.series
    assert (series.volume.array == voxels.T).all()
    array = series.volume.array.nbytes
    # Unpacking holds the parts and the whole for a moment, then only the whole and the voxels.
    allowed = max(2 * len(plain), len(plain) + array) if packed else array
    assert most < 1.15 * allowed


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
