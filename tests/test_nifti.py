"""`appliance.nifti`: the conversion to LPS and back, and headers that lie."""

from __future__ import annotations

import gzip
import struct

import nibabel
import numpy as np
import pytest

from appliance import nifti
from appliance.core import geometry
from appliance.core.errors import (
    CorruptFile,
    GeometryError,
    InputError,
    NotGreyscale,
    TooLarge,
    UnsupportedFormat,
)
from appliance.core.types import Volume
from appliance.gzipped import gunzip
from appliance.limits import Limits
from tests.scans import data_folder, nifti_file

OBLIQUE = np.array([[-0.9, 0.1, 0.2, 91.5], [0.1, 0.95, 0.1, -127.25], [0.05, -0.1, 2.9, -72.125]])
OBLIQUE = np.vstack([OBLIQUE, [0, 0, 0, 1]]).astype(np.float32).astype(np.float64)


def read(data: bytes, name: str = "scan.nii"):
    return nifti.read(data, name, "f" * 64)


def test_each_voxel_stays_where_it_was_in_the_patient():
    series = read(nifti_file(affine=OBLIQUE))
    assert series.volume.shape == (4, 5, 6)
    assert series.volume.array.dtype == np.float32
    for i, j, k in ((0, 0, 0), (5, 4, 3), (2, 1, 3)):
        assert series.volume.array[k, j, i] == np.ravel_multi_index((i, j, k), (6, 5, 4))
        ras = OBLIQUE @ [i, j, k, 1]
        lps = series.volume.affine @ [k, j, i, 1]
        assert np.allclose(lps, ras * [-1, -1, 1, 1])


def test_the_way_back_is_exact():
    series = read(nifti_file(affine=OBLIQUE))
    back = nibabel.Nifti1Image.from_bytes(gzip.decompress(nifti.to_bytes(series.volume)))
    assert np.array_equal(back.affine, OBLIQUE)
    assert back.shape == (6, 5, 4)
    assert (np.asarray(back.dataobj).ravel() == np.arange(120)).all()


def test_an_affine_from_the_quaternion_comes_back_within_a_millionth():
    image = nibabel.Nifti1Image(np.zeros((6, 5, 4), np.int16), None)
    image.set_sform(None, code=0)
    turned = nibabel.eulerangles.euler2mat(0.3, -0.2, 0.1)
    image.set_qform(nibabel.affines.from_matvec(turned * [0.9, 0.9, 3.3], [90, -120, -60]), code=1)
    image = nibabel.Nifti1Image.from_bytes(image.to_bytes())
    series = read(image.to_bytes())
    back = nibabel.Nifti1Image.from_bytes(gzip.decompress(nifti.to_bytes(series.volume)))
    assert np.abs(back.affine - image.affine).max() < 1e-6


def test_units_become_millimetres():
    image = nibabel.Nifti1Image(np.zeros((6, 5, 4), np.int16), np.diag([0.001, 0.001, 0.003, 1]))
    image.header.set_xyzt_units("meter")
    assert geometry.spacing_mm(read(image.to_bytes()).volume.affine) == pytest.approx((3, 1, 1))


@pytest.mark.parametrize("swap", ["<", ">"])
def test_both_byte_orders_and_nifti_2(swap):
    array = np.arange(120, dtype=np.int16).reshape(6, 5, 4)
    for kind in (nibabel.Nifti1Image, nibabel.Nifti2Image):
        image = kind(array, np.eye(4), header=kind.header_class(endianness=swap))
        assert nifti.sniff(image.to_bytes())
        assert (read(image.to_bytes()).volume.array == array.transpose(2, 1, 0)).all()


def test_slope_and_intercept_are_applied():
    image = nibabel.Nifti1Image(np.arange(120, dtype=np.int16).reshape(6, 5, 4), np.eye(4))
    image.header.set_slope_inter(0.5, 10)
    data = bytearray(image.to_bytes())
    data[112:120] = struct.pack("<ff", 0.5, 10)
    assert read(bytes(data)).volume.array.max() == pytest.approx(119 * 0.5 + 10)


def test_two_axes_are_one_slice_and_the_fourth_is_cut_with_a_warning():
    assert read(nifti_file((6, 5))).volume.shape == (1, 5, 6)
    series = read(nifti_file((6, 5, 4, 3)))
    assert series.volume.shape == (4, 5, 6)
    assert series.volume.array[0, 0, 1] == np.ravel_multi_index((1, 0, 0, 0), (6, 5, 4, 3))
    assert "3 volumes" in series.warnings[0]


def with_nan(share: float) -> bytes:
    array = np.ones((20, 20, 20), np.float32) * 5
    array.ravel()[: int(share * array.size)] = np.nan
    return nibabel.Nifti1Image(array, np.eye(4)).to_bytes()


def test_few_voxels_that_are_no_numbers_are_set_to_the_minimum():
    series = read(with_nan(0.005))
    assert np.isfinite(series.volume.array).all()
    assert "40 voxels" in series.warnings[0]


@pytest.mark.parametrize("share", [0.01, 0.5, 1.0])
def test_many_are_refused(share):
    with pytest.raises(CorruptFile):
        read(with_nan(share))


def patched(at: int, layout: str, *values: float) -> bytes:
    data = bytearray(nifti_file())
    struct.pack_into("<" + layout, data, at, *values)
    return bytes(data)


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (patched(42, "hhh", 600, 500, 400), CorruptFile),
        (patched(42, "hhh", 32767, 32767, 32767), TooLarge),
        (patched(42, "h", -6), CorruptFile),
        (patched(40, "h", 9), CorruptFile),
        (patched(70, "h", 128), NotGreyscale),
        (patched(70, "h", 32), UnsupportedFormat),
        (patched(70, "h", 99), CorruptFile),
        (patched(108, "f", float("nan")), CorruptFile),
        (patched(108, "f", 1e9), CorruptFile),
        (patched(280, "f", 0.0), GeometryError),
        (patched(280, "f", float("inf")), GeometryError),
        (patched(344, "4s", b"ni1\0"), UnsupportedFormat),
    ],
)
def test_headers_that_lie(data, error):
    with pytest.raises(error):
        read(data)


def test_a_volume_cut_anywhere_is_refused():
    data = nifti_file()
    for cut in (1, 2, 100, len(data) - 400, len(data) - 348, len(data) - 200):
        with pytest.raises(InputError):
            read(data[:-cut])
    packed = gzip.compress(data)
    for cut in range(1, len(packed) - 20, 7):
        with pytest.raises(CorruptFile):
            gunzip(packed[:-cut], Limits())


def test_gzip_limits_and_members():
    assert gunzip(gzip.compress(b"ab") + gzip.compress(b"cd"), Limits()) == b"abcd"
    bomb = gzip.compress(bytes(8 << 20))
    assert len(gunzip(bomb, Limits())) == 8 << 20
    with pytest.raises(TooLarge):
        gunzip(bomb, Limits(ratio_from_bytes=1 << 20))
    with pytest.raises(CorruptFile):
        gunzip(b"\x1f\x8b\x08\0" + bytes(40), Limits())


@pytest.mark.parametrize(
    ("name", "sequence"),
    [
        ("BraTS2021_00005_t1ce.nii.gz", "T1c"),
        ("t1c_zscored.nii.gz", "T1c"),
        ("pat_t1gd.nii", "T1c"),
        ("sub-01_T1w.nii.gz", "T1"),
        ("sub-01_ce-gadolinium_T1w.nii.gz", "T1c"),
        ("flair_zscored.nii.gz", "FLAIR"),
        ("sub-01_T2w.nii.gz", "T2"),
        ("labels.nii.gz", None),
    ],
)
def test_sequence_from_the_name(name, sequence):
    assert nifti.sequence_of(name) == sequence


def test_writing_never_overwrites(tmp_path):
    path = nifti.write(Volume(np.zeros((2, 3, 4), np.uint8)), tmp_path / "mask.nii.gz")
    assert path.is_absolute()
    assert nibabel.load(path).shape == (4, 3, 2)
    with pytest.raises(FileExistsError):
        nifti.write(Volume(np.zeros((2, 3, 4), np.uint8)), path)


def test_real_volumes():
    folder = data_folder() / "nifti" / "brats2013_pat0005"
    path = folder / "t1c_zscored.nii.gz"
    if not path.exists():
        pytest.skip(f"no volume at {path}")
    series = nifti.read(gunzip(path.read_bytes(), Limits()), path.name, "")
    assert (series.volume.shape, series.sequence, series.plane) == ((155, 240, 240), "T1c", "axial")
    back = nibabel.Nifti1Image.from_bytes(gunzip(nifti.to_bytes(series.volume), Limits()))
    assert np.array_equal(back.affine, nibabel.load(path).affine)


@pytest.mark.filterwarnings("error")
def test_absurd_values_are_no_numbers():
    values = np.linspace(-3e38, 3e38, 120, dtype=np.float32).reshape(6, 5, 4)
    with pytest.raises(CorruptFile, match="absurd"):
        read(nibabel.Nifti1Image(values, np.eye(4)).to_bytes())
