"""Our series to volume against software that is not ours: SimpleITK (GDCM) and dcm2niix.

The corpus is what pydicom ships, the orientation phantom in every way it is scanned, and the two
real series where they are.
"""

from __future__ import annotations

import itertools
import json
import re
import shutil
import subprocess
import zipfile
from pathlib import Path

import nibabel
import numpy as np
import pydicom
import pydicom.data
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import EnhancedMRImageStorage

from appliance import ingest, orientation
from appliance.cli import main
from appliance.core.geometry import LPS_FROM_RAS
from appliance.core.types import Volume
from appliance.exits import REFUSED
from tests.scans import data_folder, saved

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

PLACED = (
    "693_J2KI",
    "CT_small",
    "MR_small",
    "MR_small_RLE",
    "MR_small_bigendian",
    "MR_small_implicit",
    "MR_small_jp2klossless",
    "examples_overlay",
)
"""Those with a place in the patient in a transfer syntax dcm2niix reads."""


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
    (path,) = (path for path in out.glob("*.nii") if "_ROI" not in path.name)
    image = nibabel.load(path)
    affine = LPS_FROM_RAS @ image.affine
    return Volume(np.asarray(image.dataobj).T, affine[:, [2, 1, 0, 3]])


def hold_together(ours: Volume, theirs: Volume) -> None:
    """Every voxel of ours has the value theirs has at the same place, to 0.01 of a voxel."""
    across = np.linalg.inv(theirs.affine) @ ours.affine
    corners = np.array(list(itertools.product(*((0, n - 1) for n in ours.shape)))).T
    places = across[:3, :3] @ corners + across[:3, 3:]
    assert np.abs(places - np.rint(places)).max() < 0.01
    turn = np.rint(across[:3, :3]).astype(int)
    assert (np.abs(turn) @ np.ones(3) == 1).all()
    axes = np.abs(turn).argmax(axis=0)
    array = theirs.array.transpose(axes)
    for axis in range(3):
        backwards = turn[axes[axis], axis] < 0
        array = np.flip(array, axis) if backwards else array
        assert round(places[axes[axis], 0]) == (ours.shape[axis] - 1 if backwards else 0)
    assert np.array_equal(ours.array, array)


@pytest.mark.parametrize("name", COMPRESSED)
def test_the_corpus_has_the_values_and_places_gdcm_reads(name):
    path = CORPUS / f"{name}.dcm"
    (series,) = ingest.read_path(path).series
    theirs = by_itk(path)
    assert np.abs(series.volume.array.astype(float) - theirs.array).max() <= 1e-3
    if series.volume.affine is not None:
        assert np.allclose(series.volume.affine[:, 1:], theirs.affine[:, 1:], atol=1e-4)


@pytest.mark.parametrize("name", PLACED)
def test_the_corpus_has_the_values_and_places_dcm2niix_reads(name, tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    shutil.copy(CORPUS / f"{name}.dcm", folder)
    (series,) = ingest.read_path(folder).series
    theirs = by_dcm2niix(folder, tmp_path / "out")
    placed = _deep_as(series.volume.affine, theirs.affine)
    hold_together(Volume(series.volume.array, placed), theirs)


def _deep_as(affine: np.ndarray, other: np.ndarray) -> np.ndarray:
    """The affine of one slice with another's distance to the next slice, which it has not."""
    depth = np.linalg.norm(other[:3, 0]) / np.linalg.norm(affine[:3, 0])
    return affine * np.array([depth, 1, 1, 1])


def test_every_file_of_the_corpus_ends_in_an_answer(tiny_folder, tmp_path, monkeypatch, capfd):
    """`neuralscan analyze` over all that pydicom ships: no fault, no traceback, a line each."""
    monkeypatch.setenv("NEURALSCAN_MODELS", str(tiny_folder))
    monkeypatch.setenv("NEURALSCAN_HOME", str(tmp_path / "home"))
    paths = sorted(str(path) for path in CORPUS.rglob("*") if path.is_file())
    assert len(paths) > 100
    code = main(["analyze", *paths, "--json", "--out", str(tmp_path / "out")])
    said, told = capfd.readouterr()
    assert code == REFUSED
    assert not re.search("traceback|internal fault|warning", told, re.IGNORECASE), told[-2000:]
    answers = [json.loads(line) for line in said.splitlines()]
    assert len(answers) >= len(paths)
    refusals = [answer["refusal"] for answer in answers if answer["verdict"] == "refused"]
    assert {refusal["code"] for refusal in refusals} >= {
        "not_greyscale", "no_pixels", "unreadable", "unsupported_format", "wrong_modality",
        "wrong_sequence",
    }  # fmt: skip
    assert all(len(refusal["message"]) > 30 for refusal in refusals)
    for answer in answers:
        if answer["input"]["modality"] not in (None, "MR"):
            assert answer["refusal"]["code"] == "wrong_modality"


COLOUR = ("SC_rgb_rle", "SC_ybr_full_422_uncompressed", "examples_palette")
"""Secondary captures in colour, as they are and by palette; `examples_rgb_color` is grey."""


@pytest.mark.parametrize("name", COLOUR)
def test_colour_of_the_corpus_is_told_from_grey(name):
    (refusal,) = ingest.read_path(CORPUS / f"{name}.dcm").refusals
    assert refusal.code == "not_greyscale"
    (series,) = ingest.read_path(CORPUS / "examples_rgb_color.dcm").series
    assert series.volume.shape == (1, 240, 320)


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


@pytest.mark.parametrize("case", orientation.cases()[::3], ids=str)
def test_an_enhanced_image_lies_where_its_slices_would(case, scanned):
    """The same slices as frames of one object, their places in functional groups."""
    paths = scanned(case)
    (single,) = ingest.read_path(paths[0].parent).series
    (whole,) = ingest.read_bytes(as_frames(paths), "enhanced.dcm").series
    hold_together(whole.volume, single.volume)
    assert whole.source.multi_frame
    assert np.allclose(whole.source.positions, single.source.positions)


def as_frames(paths: list[Path]) -> bytes:
    """Slices joined in one enhanced MR image, in the order of their files."""
    slices = [pydicom.dcmread(path) for path in paths]
    first = slices[0]
    frames = []
    for one in slices:
        place, turned, measures, group = Dataset(), Dataset(), Dataset(), Dataset()
        place.ImagePositionPatient = one.ImagePositionPatient
        turned.ImageOrientationPatient = one.ImageOrientationPatient
        measures.PixelSpacing = one.PixelSpacing
        group.PlanePositionSequence = Sequence([place])
        group.PlaneOrientationSequence = Sequence([turned])
        group.PixelMeasuresSequence = Sequence([measures])
        frames.append(group)
    first.SOPClassUID = first.file_meta.MediaStorageSOPClassUID = EnhancedMRImageStorage
    first.PixelData = b"".join(one.PixelData for one in slices)
    first.NumberOfFrames = len(slices)
    first.PerFrameFunctionalGroupsSequence = Sequence(frames)
    for keyword in ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing"):
        del first[keyword]
    return saved(first)


@pytest.mark.parametrize("flips", list(itertools.product((1, -1), repeat=3)), ids=str)
def test_a_nifti_in_any_orientation(flips, tmp_path):
    """Every exchange of axes under these flips, a shift and a slant, as SimpleITK reads it."""
    voxels = np.arange(3 * 4 * 5, dtype=np.int16).reshape(3, 4, 5)
    slant = np.array([[1, 0, 0], [0, np.cos(0.2), -np.sin(0.2)], [0, np.sin(0.2), np.cos(0.2)]])
    for number, axes in enumerate(itertools.permutations(range(3))):
        affine = np.eye(4)
        affine[:3, :3] = (slant @ np.diag([1.5, 2.0, 3.0]) @ np.diag(flips))[:, axes]
        affine[:3, 3] = -10, 20, 5
        path = tmp_path / f"{number}.nii"
        nibabel.save(nibabel.Nifti1Image(voxels, affine), path)
        (series,) = ingest.read_path(path).series
        hold_together(series.volume, by_itk(path))


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
