"""The appliance beside a real archive: Orthanc over DICOM and DICOMweb, dcmtk as the modality."""

import io

import numpy as np
import pydicom
import pytest

from appliance import cli, handover
from appliance.core.errors import BadRequest, NotFound, TooLarge, Unavailable
from appliance.network import archive as archive_module
from appliance.network import scu
from appliance.network.archive import Archive
from appliance.network.peers import Peer
from appliance.network.reception import Reception
from appliance.settings import Settings
from tests.network.sites import PERSON, free_port, orthanc, run, series, site, wait_for, written
from tests.scans import saved


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    with orthanc(tmp_path_factory.mktemp("orthanc")) as one:
        yield one


@pytest.fixture
def archive(running):
    running.clear()
    return running


@pytest.fixture
def web(archive, tmp_path):
    settings = Settings(
        tmp_path / "data", pacs_url=f"{archive.url}/dicom-web", disk_reserve_bytes=0
    )
    return Archive(settings), settings


def linked(tmp_path):
    return {"linked": True, "identity_key": tmp_path / "keys" / "identity.key"}


def results(archive):
    found = [pydicom.dcmread(io.BytesIO(data)) for data in archive.files()]
    return {one.Modality: one for one in found}


def made(here, tmp_path):
    """The SEG and SR files of a study that was received."""
    images = series(3)
    assert here.store(*written(images, tmp_path / "in")).returncode == 0
    (study,) = wait_for(lambda: [s for s in here.studies() if s["series"][0]["verdict"]])
    uid = study["study_instance_uid"]
    ((report, own),) = here.service.analysed(uid)
    out = here.service.outgoing(uid, own)
    return images, {kind: handover.dicom(kind, report, out) for kind in handover.OBJECTS}


@pytest.mark.parametrize("over", ["dicom", "web"])
def test_storescu_ends_in_seg_and_sr_at_the_archive(archive, tmp_path, over):
    push = archive.peer if over == "dicom" else f"{archive.url}/dicom-web"
    images = series(3)
    with site(tmp_path, push=push, **linked(tmp_path)) as here:
        answer = here.store(*written(images, tmp_path / "in"))
        assert answer.returncode == 0, answer.stderr
        wait_for(lambda: len(archive.get("/instances")) == 2, 30)
        wait_for(lambda: here.status()["outbox"]["sent"] == 1)
    found = results(archive)
    assert set(found) == {"SEG", "SR"}
    for one in found.values():
        assert one.PatientID == PERSON["PatientID"]
        assert str(one.PatientName) == PERSON["PatientName"]
        assert one.StudyInstanceUID == images[0].StudyInstanceUID
    evidence = found["SEG"].ReferencedSeriesSequence[0]
    assert evidence.SeriesInstanceUID == images[0].SeriesInstanceUID
    said = {item.ReferencedSOPInstanceUID for item in evidence.ReferencedInstanceSequence}
    assert said == {one.SOPInstanceUID for one in images}


def test_the_archive_keeps_and_returns_the_objects_as_they_are(archive, tmp_path):
    with site(tmp_path, **linked(tmp_path)) as here:
        _, files = made(here, tmp_path)
    scu.store(Peer.read(archive.peer), "NEURALSCAN", 10, list(files.values()))
    Archive(Settings(tmp_path / "x"), f"{archive.url}/dicom-web").send(list(files.values()))
    assert len(archive.get("/instances")) == len(files) == 4
    for data in files.values():
        sent = pydicom.dcmread(io.BytesIO(data))
        back = next(
            one
            for one in map(pydicom.dcmread, map(io.BytesIO, archive.files()))
            if one.SOPInstanceUID == sent.SOPInstanceUID
        )
        assert back == sent
        if sent.Modality == "SEG":
            assert np.array_equal(back.pixel_array, sent.pixel_array)


def test_a_series_is_found_and_fetched_and_its_result_sent(archive, web, tmp_path, capsys):
    found, settings = web
    images = series(4)
    for one in images:
        archive.put(saved(one))
    (row,) = found.find({"accession": PERSON["AccessionNumber"]})
    assert row["series_instance_uid"] == images[0].SeriesInstanceUID
    assert "patient_name" not in row
    (row,) = found.find({"study": images[0].StudyInstanceUID, "modality": "MR"}, patients=True)
    assert row["patient_id"] == PERSON["PatientID"]
    assert found.find({"date": "19990101-19991231"}) == []
    env = {"NEURALSCAN_PACS_URL": settings.pacs_url, "NEURALSCAN_HOME": str(settings.data)}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in env.items():
            patch.setenv(name, value)
        patch.setenv("NEURALSCAN_DISK_RESERVE_BYTES", "0")
        assert cli.main(["pacs", "find", "--accession", PERSON["AccessionNumber"], "--json"]) == 0
        assert images[0].SeriesInstanceUID in capsys.readouterr().out
        uids = [images[0].StudyInstanceUID, images[0].SeriesInstanceUID]
        assert cli.main(["pacs", "fetch", *uids]) == 0
        assert capsys.readouterr().out == "4 images of 1 series; 0 refused\n"
        assert cli.main(["pacs", "fetch", uids[0], "1.2.3"]) == 5
    with site(tmp_path) as here:  # the data folder's server takes them in
        (study,) = wait_for(lambda: [s for s in here.studies() if s["series"][0]["verdict"]])
        assert study["series"][0]["shape"] == [4, 40, 32]
        uid = study["study_instance_uid"]
        ((report, own),) = here.service.analysed(uid)
        (tmp_path / "seg.dcm").write_bytes(handover.dicom("seg", report, own))
    web_address = ["--url", settings.pacs_url]
    assert cli.main(["pacs", "send", *web_address, str(tmp_path / "seg.dcm")]) == 0
    assert "SEG" in results(archive)
    assert cli.main(["pacs", "send", "--peer", archive.peer, str(tmp_path / "seg.dcm")]) == 0
    (tmp_path / "mr.dcm").write_bytes(saved(images[0]))
    assert cli.main(["pacs", "send", *web_address, str(tmp_path / "mr.dcm")]) == 2


def test_echo(archive, capsys):
    assert cli.main(["pacs", "echo", "--peer", archive.peer]) == 0
    assert "answers" in capsys.readouterr().out
    assert cli.main(["pacs", "echo", "--peer", f"127.0.0.1:{free_port()}:PACS"]) == 5
    assert cli.main(["pacs", "echo"]) == 2
    answer = run("echoscu", "-aec", "ORTHANC", "127.0.0.1", str(archive.dicom))
    assert answer.returncode == 0
    found = run(
        "findscu", "-aec", "ORTHANC", "-S", "-k", "QueryRetrieveLevel=STUDY", "-k", "PatientID",
        "127.0.0.1", str(archive.dicom),
    )  # fmt: skip
    assert found.returncode == 0


def test_an_answer_that_is_too_long_is_not_read_to_its_end(archive, web, tmp_path):
    images = series(3, rows=400)
    for one in images:
        archive.put(saved(one))
    small = Archive(Settings(tmp_path / "y", upload_bytes=20_000), web[1].pacs_url)
    with pytest.raises(TooLarge, match="NEURALSCAN_UPLOAD_BYTES"):
        list(small.fetch(images[0].StudyInstanceUID, images[0].SeriesInstanceUID))


def test_fetched_images_name_nobody_on_disk(archive, web):
    from tests.test_privacy import found_in

    found, settings = web
    images = series(2)
    for one in images:
        archive.put(saved(one))
    reception = Reception.of(settings)
    for data in found.fetch(images[0].StudyInstanceUID, images[0].SeriesInstanceUID):
        reception.take(data)
    assert len(list((settings.data / "incoming").rglob("*.npz"))) == 2
    secrets = [*PERSON.values(), images[0].StudyInstanceUID, images[0].SOPInstanceUID]
    assert found_in(settings.data, [s for s in secrets if s != PERSON["SeriesDescription"]]) == []


def test_who_is_not_there_and_what_is_no_archive(archive, tmp_path, monkeypatch):
    monkeypatch.setattr(archive_module, "_ATTEMPTS", 1)
    settings = Settings(tmp_path / "z", dicom_timeout_s=3)
    with pytest.raises(Unavailable, match="cannot be reached"):
        Archive(settings, f"http://127.0.0.1:{free_port()}/dicom-web").find({})
    with pytest.raises(NotFound):
        Archive(settings, f"{archive.url}/nowhere").find({})
    with pytest.raises(Unavailable, match="does not answer as"):
        Archive(settings, f"{archive.url}/app/explorer.html?x=").find({})


def test_credentials(tmp_path):
    locked = {"AuthenticationEnabled": True, "RegisteredUsers": {"ns": "secret"}}
    with orthanc(tmp_path / "locked", **locked) as one:
        url = f"{one.url}/dicom-web"
        known = Settings(tmp_path / "a", pacs_url=url, pacs_user="ns", pacs_password="secret")
        assert Archive(known).find({}) == []
        wrong = Settings(tmp_path / "a", pacs_url=url, pacs_user="ns", pacs_password="other")
        with pytest.raises(Unavailable, match="NEURALSCAN_PACS_USER") as told:
            Archive(wrong).find({})
        assert "other" not in str(told.value)
        assert "secret" not in repr(known)
    with pytest.raises(BadRequest, match="https"):
        Archive(known, "http://archive.example/dicom-web")


def test_a_peer_that_takes_no_such_object(archive, tmp_path):
    """Only storage of MR: dcmtk's storescp with a profile is what many small archives are."""
    from pynetdicom import AE, evt
    from pynetdicom.sop_class import SegmentationStorage

    with site(tmp_path) as here:
        _, files = made(here, tmp_path)
    ae = AE("SMALL")
    ae.add_supported_context(SegmentationStorage)
    answers = [0xA700, 0xB000]
    server = ae.start_server(
        ("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_C_STORE, lambda e: answers.pop(0))]
    )
    peer = Peer("127.0.0.1", server.server_address[1], "SMALL")
    with pytest.raises(Unavailable, match="0xA700"):
        scu.store(peer, "NS", 5, [files["seg"]])
    scu.store(peer, "NS", 5, [files["seg"]])  # a warning: stored
    with pytest.raises(Unavailable, match="takes no structured report"):
        scu.store(peer, "NS", 5, [files["sr"]])
    with pytest.raises(BadRequest):
        scu.store(peer, "NS", 5, [b"nonsense"])
    server.shutdown()
