"""What names a patient reaches neither store nor log, whatever was done with the study."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pydicom
import pytest

from appliance.app import close, create_app
from appliance.settings import Settings
from tests.scans import dicom_dataset, encoded, nifti_file, noise, saved, zipped
from tests.serving import API, Bright, analyse, post_files, upload

STUDY, SERIES, FRAME = (f"1.2.276.0.7230010.3.1.{kind}.4711081542" for kind in (2, 3, 9))
PERSON = {
    "PatientName": "Musterfrau^Erika^Hildegard",
    "PatientID": "PID-4711-0815",
    "PatientBirthDate": "19430217",
    "OtherPatientIDs": "OTHER-90210",
    "PatientAddress": "Ahornweg 17",
    "AccessionNumber": "ACC-5551212",
    "StudyID": "STUDYID-777",
    "StudyDate": "20231130",
    "ReferringPhysicianName": "Doktorius^Quentin",
    "InstitutionName": "Klinikum Nirgendwo",
    "StudyDescription": "Kopf Musterfrau",
    "SeriesDescription": "t1 tra +c Musterfrau",
    "PatientComments": "lives at Ahornweg",
    "StudyInstanceUID": STUDY,
    "SeriesInstanceUID": SERIES,
    "FrameOfReferenceUID": FRAME,
}
SECRETS = [
    *("Musterfrau", "Erika", "PID-4711", "19430217", "OTHER-90210", "Ahornweg", "ACC-5551212"),
    *("STUDYID-777", "20231130", "Doktorius", "Nirgendwo", STUDY, SERIES, FRAME),
]


def series() -> tuple[list[tuple[str, bytes]], list[str]]:
    """Files with a person's header and name, and the UIDs of their images."""
    files, uids = [], []
    for index in range(3):
        plane = noise(seed=index)
        plane[10:20, 8:16] = 255
        dataset = dicom_dataset(plane, index, **PERSON)
        uids.append(dataset.SOPInstanceUID)
        files.append((f"Musterfrau_Erika/{index}.dcm", saved(dataset)))
    return files, uids


def found_in(folder: Path, secrets: list[str]) -> list[str]:
    """Where a secret stands in a folder: in a name or in the bytes of a file, in any coding."""
    found = []
    for path in folder.rglob("*"):
        inside = path.read_bytes() if path.is_file() else b""
        for secret in secrets:
            codings = (secret.encode(), secret.encode("utf-16-le"), secret.upper().encode())
            if secret in str(path.relative_to(folder)) or any(c in inside for c in codings):
                found.append(f"{secret} in {path.name}")
    return found


@pytest.fixture
def data(tmp_path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def client(data) -> Iterator:
    app = create_app(Settings(data, upload_bytes=8 << 20, wait_s=0.2), Bright())
    yield app.test_client()
    close(app)


def test_the_search_finds_what_is_there(data):
    data.mkdir()
    (data / "a").write_bytes("xxMusterfrau".encode("utf-16-le"))
    (data / "Erika.txt").write_bytes(b"")
    assert len(found_in(data, SECRETS)) == 2


def test_nothing_that_names_anybody_is_kept(client, data, caplog):
    caplog.set_level(logging.DEBUG)
    files, uids = series()
    secrets = [*SECRETS, *uids]
    study = upload(client, *files)
    uid = study["study_instance_uid"]
    analyse(client, study)
    taken = [client.get(f"{API}/studies/{uid}/{name}.dcm").data for name in ("seg", "sr", "report")]
    taken += [client.get(f"{API}/studies/{uid}/report.{kind}").data for kind in ("html", "json")]
    post_files(client, "/analyze", "file", files[0])
    upload(client, ("Musterfrau_Erika.png", encoded(noise(seed=9), ".png")))
    upload(client, ("Musterfrau.nii", nifti_file()))
    upload(client, ("Musterfrau.zip", zipped({f"Musterfrau/{n}": d for n, d in files[1:]})))
    broken = client.post(f"{API}/studies", data={"files": (io.BytesIO(files[0][1][:700]), "Erika")})
    assert broken.status_code == 400
    assert found_in(data, secrets) == []
    said = (
        caplog.text + str(client.get(f"{API}/audit").json) + str(client.get(f"{API}/studies").json)
    )
    for secret in secrets:
        assert secret not in said
        assert not any(secret.encode() in file for file in taken)


def test_a_deleted_study_leaves_nothing_but_its_entries_in_the_audit(client, data):
    files, _ = series()
    study = upload(client, *files)
    uid, digest = study["study_instance_uid"], study["series"][0]["sha256"]
    series_uid = study["series"][0]["series_instance_uid"]
    analyse(client, study)
    assert found_in(data, [uid, digest])
    assert client.delete(f"{API}/studies/{uid}").status_code == 204
    left = {line.split(" in ")[1] for line in found_in(data, [uid, digest, series_uid])}
    assert left == {"audit.jsonl"}
    assert list((data / "arrays").iterdir()) == []
    assert client.get(f"{API}/audit").json["entries"][0]["action"] == "study.deleted"


def test_names_of_pictures_are_kept_only_when_asked(data):
    for keep, name in ((False, "image "), (True, "Musterfrau.png")):
        settings = Settings(data / str(keep), keep_names=keep)
        app = create_app(settings, Bright())
        study = upload(app.test_client(), ("Musterfrau.png", encoded(noise(), ".png")))
        assert study["series"][0]["name"].startswith(name)
        close(app)


def test_linked_objects_are_the_only_place_of_a_name(tmp_path):
    from appliance import dicom_seg, ingest
    from tests.readings import two_lesions

    files, _ = series()
    (linked,) = ingest.read_files(files, linked=True).series
    report = two_lesions(linked)
    found = pydicom.dcmread(io.BytesIO(dicom_seg.to_file(linked, report)))
    assert found.PatientName == PERSON["PatientName"]
    assert "Musterfrau" not in repr(replace(linked, name=""))
