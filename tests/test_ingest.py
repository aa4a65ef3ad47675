"""`appliance.ingest`: uploads and paths become studies, recognised by content."""

from __future__ import annotations

import gzip
import os
import time

import pytest

from appliance import ingest
from appliance.core import geometry
from appliance.core.errors import NotFound
from appliance.ingest import Limits
from tests.scans import (
    SERIES,
    STUDY,
    data_folder,
    dicom_dataset,
    dicom_file,
    encoded,
    nifti_file,
    noise,
    saved,
    zipped,
)

PNG = encoded(noise(), ".png")


def codes(study) -> list[str]:
    return [refusal.code for refusal in study.refusals]


def test_a_packed_nifti_that_is_cut_says_so():
    data = gzip.compress(nifti_file(), 1)
    (refusal,) = ingest.read_bytes(data[:-30], "scan.nii.gz").refusals
    assert refusal.code == "unreadable"
    assert "its end is missing" in refusal.message


def test_content_decides_and_not_the_name():
    for data, kind in ((PNG, "image"), (dicom_file(), "dicom"), (nifti_file(), "nifti")):
        for name in ("a.png", "a.txt", "a", "../../a.dcm"):
            (series,) = ingest.read_bytes(data, name).series
            assert series.kind == kind
            assert "/" not in series.name


def test_gzip_holds_any_scan():
    for data in (PNG, dicom_file(), nifti_file()):
        assert len(ingest.read_bytes(gzip.compress(data), "a.gz").series) == 1


def test_a_picture_knows_nothing_it_was_not_told():
    study = ingest.read_bytes(PNG, "a.png")
    (series,) = study.series
    assert (series.volume.affine, series.modality, series.sequence, series.plane) == (None,) * 4
    assert series.study_instance_uid == study.study_instance_uid
    again = ingest.read_bytes(PNG, "another name.png")
    assert study.study_instance_uid == again.study_instance_uid
    assert series.series_instance_uid == again.series[0].series_instance_uid


def test_dicom_files_become_one_series_and_keep_their_uids():
    files = [(f"dir/{i}.dcm", dicom_file(index=i)) for i in (2, 0, 1)]
    study = ingest.read_files(files)
    (series,) = study.series
    assert (study.study_instance_uid, series.series_instance_uid) == (STUDY, SERIES)
    assert series.volume.shape == (3, 40, 32)
    assert series.name == "dir"
    assert "Doe" not in repr(study)


def test_folder_zip_and_upload_agree(tmp_path):
    files = {f"sub/{i}.dcm": dicom_file(index=i) for i in range(4)}
    files |= {"b/x.png": PNG, "c.nii.gz": gzip.compress(nifti_file())}
    for name, data in files.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)
    studies = [
        ingest.read_path(tmp_path),
        ingest.read_bytes(zipped(files), "case.zip"),
        ingest.read_files(list(files.items())),
    ]
    for study in studies:
        assert study.refusals == ()
        assert sorted(s.kind for s in study.series) == ["dicom", "image", "nifti"]
        assert {s.sha256 for s in study.series} == {s.sha256 for s in studies[0].series}
        assert len({s.series_instance_uid for s in study.series}) == 3


def test_each_picture_of_a_folder_is_a_series_in_natural_order(tmp_path):
    for number in (10, 2, 1):
        (tmp_path / f"s{number}.png").write_bytes(encoded(noise(seed=number), ".png"))
    study = ingest.read_path(tmp_path)
    assert [s.name for s in study.series] == ["s1.png", "s2.png", "s10.png"]


def test_the_same_picture_twice_is_two_series():
    study = ingest.read_files([("a.png", PNG), ("b.png", PNG)])
    assert len({s.series_instance_uid for s in study.series}) == 2


def test_clutter_is_passed_over_and_damage_is_not():
    members = {
        "a.png": PNG,
        "README.md": b"read me",
        "LICENSE": b"free",
        "table.csv": b"a,b",
        "notes.txt": b"",
        "__MACOSX/._a.png": b"\0\5\x16\7",
        ".hidden.png": b"x",
        "Thumbs.db": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
        "DICOMDIR": dicom_file(),
        "viewer.exe": b"MZ\0\1",
    }
    study = ingest.read_bytes(zipped({k: v for k, v in members.items() if k != "DICOMDIR"}), "z")
    assert len(study.series) == 1
    assert codes(study) == []
    members |= {"b.png": PNG[:-9], "c.dcm": b"some text", "d.pdf": b"%PDF-1.4"}
    study = ingest.read_bytes(zipped(members), "z")
    assert sorted(codes(study)) == ["unreadable", "unsupported_format", "unsupported_format"]
    assert {r.name for r in study.refusals} == {"b.png", "c.dcm", "d.pdf"}


def test_only_clutter_is_one_refusal(tmp_path):
    assert codes(ingest.read_bytes(zipped({"a.txt": b"x", "b.csv": b"y"}), "z")) == [
        "unsupported_format"
    ]
    assert codes(ingest.read_path(tmp_path)) == ["empty"]
    assert codes(ingest.read_bytes(zipped({}), "z.zip")) == ["empty"]
    (tmp_path / "notes.txt").write_text("nothing here")
    assert codes(ingest.read_path(tmp_path)) == ["unsupported_format"]
    assert codes(ingest.read_path(tmp_path / "notes.txt")) == ["unsupported_format"]


def test_no_pixels_beside_images_is_said():
    report = dicom_dataset(Modality="SR", SOPClassUID="1.2.840.10008.5.1.4.1.1.88.11")
    for keyword in ("PixelData", "Rows", "Columns"):
        delattr(report, keyword)
    study = ingest.read_files([("a.dcm", dicom_file()), ("b.dcm", saved(report))])
    assert len(study.series) == 1
    assert codes(study) == ["no_pixels"]


def test_paths(tmp_path):
    with pytest.raises(NotFound):
        ingest.read_path(tmp_path / "nothing")
    (tmp_path / "a.png").write_bytes(PNG)
    assert len(ingest.read_path(str(tmp_path / "a.png")).series) == 1
    (tmp_path / "loop").symlink_to(tmp_path)
    os.mkfifo(tmp_path / "pipe.png")
    study = ingest.read_path(tmp_path)
    assert len(study.series) == 1
    assert codes(study) == ["unsupported_format"]


def test_limits():
    assert codes(ingest.read_bytes(PNG, "a.png", Limits(file_bytes=100))) == ["too_large"]
    files = [(f"{i}.png", PNG) for i in range(5)]
    study = ingest.read_files(files, Limits(members=3))
    assert len(study.series) == 3
    assert codes(study) == ["too_large"]
    study = ingest.read_files(files, Limits(unpacked_bytes=3 * noise().nbytes))
    assert "too_large" in codes(study)
    assert len(study.series) <= 3


def test_a_large_file_is_not_even_read(tmp_path):
    with (tmp_path / "huge.nii").open("wb") as file:
        file.truncate(3 << 30)
    assert codes(ingest.read_path(tmp_path / "huge.nii")) == ["too_large"]


def test_real_t1c_series():
    path = data_folder() / "dicom" / "t1c_mr_vestibular_schwannoma.zip"
    if not path.exists():
        pytest.skip(f"no series at {path}")
    started = time.perf_counter()
    study = ingest.read_path(path)
    assert time.perf_counter() - started < 5
    (series,) = study.series
    assert study.refusals == ()
    assert series.volume.shape == (80, 512, 512)
    assert geometry.spacing_mm(series.volume.affine) == pytest.approx((1.5, 0.41, 0.41), abs=1e-3)
    assert series.volume.affine[2, 0] == pytest.approx(1.5), "feet to head"
    assert (series.modality, series.plane) == ("MR", "axial")
    assert geometry.viewing(series.volume).is_identity


def test_real_tilted_ct_of_thin_and_thick_slices():
    path = data_folder() / "dicom" / "ct_head_gantry_tilt.zip"
    if not path.exists():
        pytest.skip(f"no series at {path}")
    study = ingest.read_path(path)
    assert (codes(study), study.series) == (["bad_geometry"], ())
    assert "tilt of 18.5" in study.refusals[0].message


def test_a_name_of_any_bytes_becomes_text():
    study = ingest.read_bytes(b"", "bad\udcff\ud800.png")
    assert study.refusals[0].name == "bad\ufffd\ufffd.png"
