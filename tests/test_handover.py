"""`appliance.handover`: what can be taken away, from a path and from the server."""

from __future__ import annotations

import io

import pydicom
import pytest

from appliance import batch, handover, ingest, pseudonym
from appliance.core.errors import NotFound
from tests.readings import complaints, dicom_series, two_lesions
from tests.scans import STUDY, dicom_file, encoded, noise
from tests.serving import API, analyse, app, bright, client, settings, upload

__all__ = ["app", "bright", "client", "settings"]


def test_every_format_of_a_dicom_series(tmp_path):
    series = dicom_series()
    report = two_lesions(series)
    report.document["mask"] = None
    outcome = batch.write(report, series, tmp_path, ("json", *handover.FORMATS))
    assert outcome.document["not_written"] == {}
    written = {name: path.rsplit("/", 1)[1] for name, path in outcome.document["files"].items()}
    assert written == {
        "pdf": "report.pdf",
        "seg": "seg.dcm",
        "sr": "sr.dcm",
        "rtstruct": "rtstruct.dcm",
        "report": "report.dcm",
    }
    for name in ("seg", "sr", "rtstruct", "report"):
        assert complaints(outcome.folder / f"{name}.dcm") == []


def test_a_picture_gets_its_pdf_and_the_reason_for_the_rest(tmp_path):
    (series,) = ingest.read_bytes(encoded(noise(), ".png"), "a.png").series
    outcome = batch.write(two_lesions(series), series, tmp_path, ("pdf", "seg", "sr"))
    assert set(outcome.document["files"]) == {"pdf"}
    assert "DICOM images" in outcome.document["not_written"]["seg"]
    assert (outcome.folder / "report.pdf").read_bytes()[:5] == b"%PDF-"


def test_the_first_series_that_has_one_is_taken():
    (picture,) = ingest.read_bytes(encoded(noise(), ".png"), "a.png").series
    series = dicom_series(2)
    entries = [(two_lesions(picture), picture), (two_lesions(series), series)]
    found = pydicom.dcmread(io.BytesIO(handover.first("seg", entries)))
    assert found.StudyInstanceUID == series.study_instance_uid
    with pytest.raises(NotFound, match="DICOM images"):
        handover.first("seg", entries[:1])
    with pytest.raises(NotFound, match="analysed yet"):
        handover.first("seg", [])


def test_the_server_hands_out_objects_of_a_stored_study(client, tmp_path, settings):
    slices = [noise(seed=i) for i in range(3)]
    for plane in slices:
        plane[10:20, 8:16] = 255
    study = upload(client, *[(f"{i}.dcm", dicom_file(p, i)) for i, p in enumerate(slices)])
    uid = study["study_instance_uid"]
    assert uid == pseudonym.load(settings.data).uid(STUDY)
    assert client.get(f"{API}/studies/{uid}/seg.dcm").status_code == 404
    analyse(client, study)
    for name in ("seg", "sr", "rtstruct", "report"):
        answer = client.get(f"{API}/studies/{uid}/{name}.dcm")
        assert (answer.status_code, answer.mimetype) == (200, "application/dicom"), answer.json
        (tmp_path / f"{name}.dcm").write_bytes(answer.data)
        assert complaints(tmp_path / f"{name}.dcm") == []
        assert pydicom.dcmread(io.BytesIO(answer.data)).StudyInstanceUID == uid
    answer = client.get(f"{API}/studies/{uid}/report.pdf")
    assert (answer.status_code, answer.mimetype, answer.data[:5]) == (
        200,
        "application/pdf",
        b"%PDF-",
    )


def test_the_server_says_why_a_picture_has_no_objects(client):
    study = upload(client)
    analyse(client, study)
    answer = client.get(f"{API}/studies/{study['study_instance_uid']}/seg.dcm")
    assert answer.status_code == 404
    assert "NIfTI mask" in answer.json["error"]["message"]
