"""Our series to volume against software that is not ours: SimpleITK (GDCM) and dcm2niix.

The corpus is what pydicom ships, the orientation phantom in every way it is scanned, and the two
real series where they are.
"""

from __future__ import annotations

import shutil
import subprocess
import zipfile
from pathlib import Path

import nibabel
import numpy as np
import pydicom.data
import pytest

from appliance import ingest, orientation
from appliance.core.geometry import LPS_FROM_RAS
from appliance.core.types import Volume
from tests.scans import data_folder

CORPUS = Path(pydicom.data.__file__).parent / "test_files"
COMPRESSED = (
    "693_J2KI",
    "CT_small",
    "J2K_pixelrep_mismatch",
    "JPEG-lossy",
    "JPEG2000",
    "JPEGLSNearLossless_08",
    "JPEGLSNearLossless_16",
    "JPGExtended",
    "MR_small",
    "MR_small_RLE",
    "MR_small_bigendian",
    "MR_small_expb",
    "MR_small_implicit",
    "MR_small_jp2klossless",
    "MR_small_jpeg_ls_lossless",
    "MR_small_padded",
    "examples_overlay",
    "image_dfl",
    "rtdose",
    "rtdose_rle",
)
"""Grey images of every transfer syntax; `rtdose` has several frames."""


def by_itk(path: Path | list[Path]) -> Volume:
    """Values and affine as SimpleITK reads them."""
    sitk = pytest.importorskip("SimpleITK", reason="SimpleITK is not installed (extra `test`)")
    sitk.ProcessObject.SetGlobalWarningDisplay(False)
    if isinstance(path, list):
        reader = sitk.ImageSeriesReader()
        folder = str(path[0].parent)
        (uid,) = reader.GetGDCMSeriesIDs(folder)
        reader.SetFileNames(reader.GetGDCMSeriesFileNames(folder, uid))
        image = reader.Execute()
    else:
        image = sitk.ReadImage(str(path))
    affine = np.eye(4)
    steps = np.array(image.GetDirection()).reshape(3, 3) * np.array(image.GetSpacing())
    affine[:3, :3], affine[:3, 3] = steps[:, ::-1], image.GetOrigin()
    return Volume(sitk.GetArrayFromImage(image), affine)


def by_dcm2niix(folder: Path, out: Path) -> Volume:
    """Values and affine as dcm2niix writes them, on its own grid, slices first."""
    tool = shutil.which("dcm2niix")
    if tool is None:
        pytest.skip("no dcm2niix (Debian: apt-get install dcm2niix)")
    out.mkdir()
    subprocess.run(
        [tool, "-z", "n", "-b", "n", "-f", "out", "-o", str(out), str(folder)],
        check=True,
        capture_output=True,
        timeout=120,
    )
    (path,) = out.glob("*.nii")
    image = nibabel.load(path)
    affine = LPS_FROM_RAS @ image.affine
    return Volume(np.asarray(image.dataobj).T, affine[:, [2, 1, 0, 3]])


def hold_together(ours: Volume, theirs: Volume) -> None:
    """Every voxel of ours has the value theirs has at the same place, to 0.01 of a voxel."""
    across = np.linalg.inv(theirs.affine) @ ours.affine
    indices = np.indices(ours.shape).reshape(3, -1)
    places = across[:3, :3] @ indices + across[:3, 3:]
    whole = np.rint(places).astype(int)
    assert np.abs(places - whole).max() < 0.01
    assert sorted(ours.shape) == sorted(theirs.shape)
    assert (ours.array.ravel() == theirs.array[tuple(whole)]).all()


@pytest.mark.parametrize("name", COMPRESSED)
def test_the_corpus_has_the_values_and_places_gdcm_reads(name):
    path = CORPUS / f"{name}.dcm"
    (series,) = ingest.read_path(path).series
    theirs = by_itk(path)
    assert np.abs(series.volume.array.astype(float) - theirs.array).max() <= 1e-3
    if series.volume.affine is not None:
        assert np.allclose(series.volume.affine[:, 1:], theirs.affine[:, 1:], atol=1e-4)


def test_every_file_of_the_corpus_is_read_or_refused_with_a_reason():
    for path in sorted(CORPUS.rglob("*.dcm")):
        study = ingest.read_path(path)
        assert study.series or study.refusals[0].message, path.name


@pytest.fixture
def scanned(tmp_path):
    def scan(case: orientation.Case) -> list[Path]:
        folder = tmp_path / "scan"
        folder.mkdir()
        paths = []
        for name, data in orientation.files(case):
            paths.append(folder / name)
            paths[-1].write_bytes(data)
        return paths

    return scan


@pytest.mark.parametrize("case", orientation.cases(), ids=str)
def test_the_phantom_in_every_orientation(case, scanned, tmp_path):
    paths = scanned(case)
    (series,) = ingest.read_path(paths[0].parent).series
    hold_together(series.volume, by_itk(paths))
    hold_together(series.volume, by_dcm2niix(paths[0].parent, tmp_path / "out"))


def unpacked(name: str, folder: Path) -> list[Path]:
    with zipfile.ZipFile(data_folder() / "dicom" / name) as archive:
        archive.extractall(folder)
    return [path for path in folder.rglob("*") if path.is_file()]


def test_a_real_contrast_enhanced_series(tmp_path):
    paths = unpacked("t1c_mr_vestibular_schwannoma.zip", tmp_path / "in")
    (series,) = ingest.read_path(paths[0].parent).series
    hold_together(series.volume, by_itk(paths))
    hold_together(series.volume, by_dcm2niix(paths[0].parent, tmp_path / "out"))


def test_a_real_series_no_grid_fits_is_refused_by_name(tmp_path):
    """dcm2niix interpolates this one to other slices; nothing found there would lie on ours."""
    paths = unpacked("ct_head_gantry_tilt.zip", tmp_path / "in")
    study = ingest.read_path(paths[0].parent)
    assert study.series == ()
    assert study.refusals[0].code == "bad_geometry"
    assert "1.08 to 7.00 mm" in study.refusals[0].message
    assert "gantry tilt of 18.5 degrees" in study.refusals[0].message
