"""`appliance.pseudonym`: the same names for the same things, and nobody's own."""

from __future__ import annotations

import pytest

from appliance import ingest, pseudonym
from appliance.core.errors import Unavailable
from tests.readings import FRAME
from tests.scans import SERIES, STUDY, dicom_file, encoded, noise

FILES = [(f"Doe_Jane/{i}.dcm", dicom_file(index=i, FrameOfReferenceUID=FRAME)) for i in range(3)]


def test_a_study_under_pseudonyms_says_nothing_of_its_own():
    study = ingest.read_files([*FILES, ("Doe_report.dcm", dicom_file(PixelData=None, Rows=None))])
    own = {STUDY, SERIES, FRAME, *(uid for uid, _ in study.series[0].source.instances)}
    renamed = pseudonym.Pseudonyms(bytes(32)).study(study)
    assert "Doe" not in repr(renamed)
    assert not any(uid in repr(renamed) for uid in own)
    (series,) = renamed.series
    assert series.name == f"MR T1c axial {series.sha256[:8]}"
    assert renamed.refusals[0].name.startswith("dicom ")
    assert series.study_instance_uid == renamed.study_instance_uid


def test_pseudonyms_hold_together_and_depend_on_the_key(tmp_path):
    once, again = pseudonym.load(tmp_path), pseudonym.load(tmp_path)
    study = ingest.read_files(FILES)
    assert once.study(study).series[0].source == again.study(study).series[0].source
    other = pseudonym.load(tmp_path / "elsewhere")
    assert other.uid(STUDY) != once.uid(STUDY)
    assert (tmp_path / pseudonym.KEY_FILE).stat().st_mode & 0o077 == 0
    assert [p.name for p in tmp_path.glob("*.part")] == []


def test_pictures_keep_their_name_and_need_no_key(tmp_path):
    path = tmp_path / "slice.png"
    path.write_bytes(encoded(noise(), ".png"))
    study = pseudonym.reader(tmp_path / "data")(path)
    assert study.series[0].name == "slice.png"
    assert not (tmp_path / "data").exists()


def test_reading_from_a_path(tmp_path):
    path = tmp_path / "Doe.dcm"
    path.write_bytes(FILES[0][1])
    hidden = pseudonym.reader(tmp_path / "data")(path)
    assert "Doe" not in repr(hidden)
    assert hidden.series[0].source.header == {}
    linked = pseudonym.reader(tmp_path / "data", linked=True)(path)
    assert linked.study_instance_uid == STUDY
    assert linked.series[0].source.header["PatientName"] == "Doe^Jane"


def test_a_damaged_key_is_said_not_replaced(tmp_path):
    (tmp_path / pseudonym.KEY_FILE).write_bytes(b"short")
    with pytest.raises(Unavailable, match="restore it from a backup"):
        pseudonym.load(tmp_path)
    assert (tmp_path / pseudonym.KEY_FILE).read_bytes() == b"short"
