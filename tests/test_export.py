"""`appliance.export`: masks on the input's own grid, in files of their own."""

from __future__ import annotations

import cv2
import nibabel
import numpy as np
import pytest

from appliance import export, ingest
from appliance.core.errors import GeometryError
from appliance.core.types import Series, Volume
from tests.scans import dicom_file, encoded, nifti_file, noise, picture


def series_of(data: bytes, name: str) -> Series:
    (series,) = ingest.read_bytes(data, name).series
    return series


def label_map(series: Series) -> Volume:
    array = np.zeros(series.volume.shape, np.uint8)
    array[-1, 1:3, 2:4] = 1
    return Volume(array, series.volume.affine)


def test_a_picture_gets_a_picture(tmp_path):
    series = series_of(encoded(noise(), ".png"), "Doe_Jane.png")
    path = export.write_mask(series, label_map(series), tmp_path)
    assert path.name == "mask.png"
    assert "Doe" not in str(path)
    mask = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert mask.shape == noise().shape
    assert mask.dtype == np.uint8
    assert set(np.unique(mask)) == {0, 255}
    assert (mask[1:3, 2:4] == 255).all()
    assert (mask > 0).sum() == 4


def test_one_dicom_slice_gets_a_picture_and_a_stack_a_volume(tmp_path):
    files = [(f"{i}.dcm", dicom_file(index=i)) for i in range(3)]
    single = series_of(files[0][1], "a.dcm")
    assert export.write_mask(single, label_map(single), tmp_path).name == "mask.png"
    (stack,) = ingest.read_files(files).series
    path = export.write_mask(stack, label_map(stack), tmp_path)
    image = nibabel.load(path)
    assert image.shape == stack.volume.shape[::-1]
    lps = stack.volume.affine @ [2, 1, 3, 1]
    assert np.allclose(image.affine @ [3, 1, 2, 1], lps * [-1, -1, 1, 1])


def test_a_nifti_mask_keeps_the_sources_affine_and_order(tmp_path):
    affine = np.array([[0, 0, 1.5, -9], [-1.0, 0, 0, 4], [0, 0.75, 0, 2], [0, 0, 0, 1]])
    series = series_of(nifti_file(affine=affine), "a.nii")
    image = nibabel.load(export.write_mask(series, label_map(series), tmp_path))
    assert np.array_equal(image.affine, affine)
    mask = np.asarray(image.dataobj)
    assert mask.shape == (6, 5, 4)
    assert (mask[2:4, 1:3, -1] == 1).all()
    assert mask.sum() == 4
    flat = series_of(nifti_file((6, 5)), "flat.nii")
    (tmp_path / "flat").mkdir()
    assert export.write_mask(flat, label_map(flat), tmp_path / "flat").name == "mask.nii.gz"


def test_pages_without_geometry_get_the_identity(tmp_path):
    from PIL import Image

    pages = [Image.fromarray(noise(seed=s)) for s in (1, 2)]
    series = series_of(picture(noise(), "TIFF", save_all=True, append_images=pages), "a.tif")
    image = nibabel.load(export.write_mask(series, label_map(series), tmp_path))
    assert image.shape == (32, 40, 3)
    assert int(image.header["sform_code"]) == int(image.header["qform_code"]) == 0
    assert (np.abs(np.diag(image.affine)) == 1).all()


def test_nothing_is_overwritten(tmp_path):
    series = series_of(encoded(noise(), ".png"), "a.png")
    before = export.write_mask(series, label_map(series), tmp_path).read_bytes()
    with pytest.raises(FileExistsError):
        export.write_mask(series, Volume(np.ones((1, 40, 32), np.uint8)), tmp_path)
    assert (tmp_path / "mask.png").read_bytes() == before


def test_another_grid_is_refused(tmp_path):
    series = series_of(encoded(noise(), ".png"), "a.png")
    with pytest.raises(GeometryError):
        export.write_mask(series, Volume(np.zeros((1, 2, 3), np.uint8)), tmp_path)
