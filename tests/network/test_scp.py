"""appliance.network.scp: who may send, what a status promises, and what is never held."""

import io
import logging
import select
import socket
import struct
import threading
from concurrent.futures import ThreadPoolExecutor

import pydicom
import pytest
from pydicom.uid import DeflatedExplicitVRLittleEndian, JPEGLosslessSV1, MRImageStorage
from pynetdicom import AE
from pynetdicom.sop_class import RTPlanStorage, Verification

from appliance.core.errors import BadRequest, Unavailable
from appliance.network import scp
from tests.network.sites import PERSON, run, series, site, wait_for, written
from tests.scans import dicom_dataset, lossless_dicom, noise, saved
from tests.test_privacy import found_in


@pytest.fixture
def here(tmp_path):
    with site(tmp_path) as one:
        yield one


def associate(one, aet="CT1", contexts=((MRImageStorage, None),), **named):
    ae = AE(aet)
    for kind, syntax in contexts:
        ae.add_requested_context(kind, syntax)
    ae.acse_timeout = ae.dimse_timeout = 10
    return ae.associate("127.0.0.1", one.port, ae_title=named.get("called", "NEURALSCAN"))


def stored(one):
    return one.status()["dicom"]["stored"]


def rejection(here):
    """Why the latest peer was turned away: noted just after it was."""
    wait_for(lambda: "peer.rejected" in here.actions())
    return here.service.audit.entries()[0][0]["detail"]["reason"]


def test_a_series_is_taken_and_analysed(here, tmp_path):
    answer = here.store(*written(series(3), tmp_path / "in"))
    assert answer.returncode == 0, answer.stderr
    (study,) = wait_for(lambda: [s for s in here.studies() if s["series"][0]["verdict"]])
    assert study["series"][0]["shape"] == [3, 40, 32]
    assert study["series"][0]["verdict"] == "tumor"
    wait_for(lambda: "images.received" in here.actions())
    (said,) = [e for e in here.service.audit.entries()[0] if e["action"] == "images.received"]
    assert said["who"] == "peer CT1 127.0.0.1"
    assert said["detail"]["counts"] == {"stored": 3}


def test_echo(here):
    answer = run("echoscu", "-aet", "CT2", "-aec", "NEURALSCAN", "127.0.0.1", str(here.port))
    assert answer.returncode == 0, answer.stderr
    wait_for(lambda: here.status()["dicom"]["echoed"] == 1)


def test_a_stranger_is_rejected_and_the_audit_says_so(here, tmp_path):
    answer = here.store(*written(series(1), tmp_path / "in"), aet="STRANGER")
    assert answer.returncode != 0
    assert "Calling AE Title Not Recognized" in answer.stderr
    wait_for(lambda: "peer.rejected" in here.actions())
    entry = here.service.audit.entries()[0][0]
    assert entry["who"] == "peer STRANGER 127.0.0.1"
    assert entry["detail"]["reason"] == "its AE title is not on the list"
    assert stored(here) == 0
    assert here.studies() == []
    for _ in range(3):  # who knocks all the time does not fill the log
        associate(here, "STRANGER")
    wait_for(lambda: here.status()["dicom"]["rejected"] == 4)
    assert here.actions() == ["peer.rejected"]


def test_a_name_at_the_wrong_address_is_rejected(tmp_path):
    with site(tmp_path, dicom_peers=("CT1@192.0.2.1",)) as here:
        assert associate(here).is_rejected
        assert rejection(here).startswith("its address")


def test_who_calls_another_is_rejected(here):
    assert associate(here, called="OTHER").is_rejected
    assert rejection(here) == "it called OTHER"


def test_no_more_associations_than_allowed(tmp_path):
    with site(tmp_path, dicom_associations=2) as here:
        links = [associate(here) for _ in range(2)]
        third = associate(here)
        assert third.is_rejected
        assert "too many" in rejection(here)
        for link in links:
            link.release()
        wait_for(lambda: here.status()["dicom"]["open"] == 0)
        assert wait_for(lambda: associate(here).is_established)


def test_nobody_listed_is_a_mistake(tmp_path):
    with pytest.raises(BadRequest, match="--dicom-peer"), site(tmp_path, dicom_peers=()):
        pass


def test_a_port_that_is_taken(here, tmp_path):
    taken = site(tmp_path / "other", dicom_port=here.port)
    with pytest.raises(Unavailable, match="--dicom-port"), taken:
        pass


@pytest.mark.parametrize("syntax", [DeflatedExplicitVRLittleEndian, JPEGLosslessSV1])
def test_other_transfer_syntaxes(here, syntax):
    if syntax == JPEGLosslessSV1:
        dataset = pydicom.dcmread(io.BytesIO(lossless_dicom(noise(dtype="u2") >> 4)))
    else:
        dataset = series(1)[0]
        dataset.file_meta.TransferSyntaxUID = syntax
        dataset = pydicom.dcmread(io.BytesIO(saved(dataset)))
    link = associate(here, contexts=[(MRImageStorage, syntax)])
    assert link.send_c_store(dataset).Status == 0
    link.release()
    assert wait_for(here.studies)[0]["series"]


def test_what_cannot_be_read_is_refused_and_the_rest_is_not(here):
    good, colour, empty = series(1)[0], series(1)[0], series(1)[0]
    colour.SamplesPerPixel, colour.PhotometricInterpretation = 3, "RGB"
    colour.PixelData = bytes([255, 0, 0]) * (40 * 32)
    colour.PlanarConfiguration = 0
    del empty.PixelData
    link = associate(here)
    answers = [link.send_c_store(one) for one in (colour, empty, good)]
    link.release()
    assert [hex(answer.Status) for answer in answers] == ["0xc000", "0xc000", "0x0"]
    assert answers[0].ErrorComment == "not_greyscale"
    assert here.status()["dicom"]["refused"] == {"not_greyscale": 1, "unreadable": 1}
    assert stored(here) == 1


def test_objects_without_images_are_not_agreed_on(here):
    assert not associate(here, contexts=[(RTPlanStorage, None)]).is_established
    assert associate(here, contexts=[(Verification, None)]).is_established


def test_a_larger_image_than_allowed_is_refused_unheld(tmp_path):
    with site(tmp_path, dicom_instance_bytes=100_000) as here:
        large = dicom_dataset(noise((600, 600)), 0)
        link = associate(here)
        answer = link.send_c_store(large)
        assert (answer.Status, answer.ErrorComment) == (0xA700, "too_large")
        assert link.send_c_store(series(1)[0]).Status == 0  # the association goes on
        link.release()
        assert here.status()["dicom"]["refused"] == {"too_large": 1}


@pytest.mark.parametrize(
    "limit",
    [{"disk_reserve_bytes": 1 << 60}, {"incoming_bytes": 1000}, {"dicom_series_instances": 1}],
)
def test_out_of_resources_is_said(tmp_path, limit):
    with site(tmp_path, **limit) as here:
        link = associate(here)
        answers = [link.send_c_store(one).Status for one in series(2)]
        link.release()
        assert answers[-1] == 0xA700
        assert answers[0] == (0 if "dicom_series_instances" in limit else 0xA700)
        kept = list((tmp_path / "data" / "incoming").rglob("*.npz"))
        assert len(kept) == answers.count(0)


def test_a_fault_of_ours_is_no_success(here, monkeypatch, caplog):
    def take(*given, **named):
        raise ValueError(PERSON["PatientName"])

    monkeypatch.setattr(here.network.listener, "_take", take)
    link = associate(here)
    assert link.send_c_store(series(1)[0]).Status == 0x0110
    link.release()
    assert "Musterfrau" not in caplog.text
    assert "ValueError" in caplog.text


def test_a_message_that_claims_gigabytes_is_not_read(here):
    with socket.create_connection(("127.0.0.1", here.port), timeout=60) as wire:
        wire.sendall(struct.pack(">BBL", 1, 0, 0xF0000000) + bytes(100))
        assert wire.recv(100) == b""
    assert associate(here).is_established


def test_a_peer_that_says_nothing_is_let_go(tmp_path):
    with site(tmp_path, dicom_timeout_s=0.5) as here:
        link = associate(here)
        wait_for(lambda: here.status()["dicom"]["open"] == 0)
        assert not link.is_established or link.is_aborted or wait_for(lambda: link.is_aborted)
        with socket.create_connection(("127.0.0.1", here.port), timeout=60) as wire:
            wire.sendall(struct.pack(">BBL", 1, 0, 200) + bytes(10))  # and stops
            assert wire.recv(100) == b""


def test_strangers_take_no_threads_for_good(tmp_path):
    def working():
        return [one for one in threading.enumerate() if "AcceptorThread" in one.name]

    before = len(working())
    with site(tmp_path, dicom_associations=1, dicom_timeout_s=60) as here:
        wires = [socket.create_connection(("127.0.0.1", here.port)) for _ in range(20)]
        most = 1 + scp._STRANGERS
        assert wait_for(lambda: len(select.select(wires, [], [], 0)[0]) == 20 - most)  # closed
        assert wait_for(lambda: len(working()) == before + most)
        assert wait_for(lambda: here.status()["dicom"]["rejected"] == 20 - most)
        assert "too many connections are open" in (tmp_path / "data" / "audit.jsonl").read_text()
        for wire in wires:
            wire.close()
        assert wait_for(lambda: len(working()) <= before, 30)
        assert wait_for(lambda: associate(here).is_established)


def test_five_hundred_images_from_two_peers_at_once(tmp_path):
    sets = [written(series(250, n, rows=24), tmp_path / f"in{n}") for n in range(2)]
    with site(tmp_path, incoming_quiet_s=1.0) as here:
        with ThreadPoolExecutor(2) as both:
            answers = list(both.map(lambda n: here.store(*sets[n], aet=f"CT{n + 1}"), range(2)))
        assert [answer.returncode for answer in answers] == [0, 0]
        assert stored(here) == 500
        found = wait_for(lambda: here.studies() if len(here.studies()) == 2 else None, 30)
        assert [one["series"][0]["shape"] for one in found] == [[250, 24, 32]] * 2
        for one in found:
            uid, own = one["study_instance_uid"], one["series"][0]["series_instance_uid"]
            kept = here.service.store.series(uid, own)
            assert len({name for name, _ in kept.source.instances}) == 250


def test_no_identifier_is_written_or_logged(tmp_path, caplog):
    caplog.set_level(logging.DEBUG)
    secrets = ["Musterfrau", "PID-4711", "19430217", "ACC-5551212", "20231130"]
    images = series(3)
    secrets += [images[0].StudyInstanceUID, images[0].SeriesInstanceUID]
    secrets += [one.SOPInstanceUID for one in images]
    with site(tmp_path) as here:
        assert here.store(*written(images, tmp_path / "in")).returncode == 0
        assert len(list((tmp_path / "data" / "incoming").rglob("*.npz"))) == 3
        assert found_in(tmp_path / "data", secrets) == []
        wait_for(lambda: [s for s in here.studies() if s["series"][0]["verdict"]])
        assert found_in(tmp_path / "data", secrets) == []
        said = caplog.text + str(here.status()) + str(here.studies())
        assert not [secret for secret in secrets if secret in said]


def test_it_stops_and_starts_again(tmp_path):
    with site(tmp_path, incoming_quiet_s=30) as here:
        link = associate(here)
        assert link.send_c_store(series(1)[0]).Status == 0
        port = here.port
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", port), timeout=1)
    with site(tmp_path) as here:
        (study,) = wait_for(here.studies)
        assert study["series"][0]["shape"][0] == 1


def test_a_peer_that_goes_away_leaves_what_it_sent(here):
    link = associate(here)
    assert link.send_c_store(series(1)[0]).Status == 0
    link.abort()
    wait_for(lambda: here.status()["dicom"]["open"] == 0)
    assert wait_for(here.studies)[0]["series"][0]["shape"][0] == 1
