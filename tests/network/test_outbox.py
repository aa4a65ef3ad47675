"""appliance.network.outbox: results leave, are tried again, or fail for everybody to see."""

import io

import pydicom
import pytest

from appliance import handover
from appliance.app import close, create_app
from appliance.core.errors import BadRequest, Unavailable
from appliance.network.outbox import Outbox, destination
from appliance.settings import Settings
from tests.network.sites import PERSON, free_port, series, wait_for
from tests.scans import saved
from tests.serving import Bright, analyse, png, upload


class Archive:
    """Stands in for the peer: takes what it is given, or does not."""

    def __init__(self):
        self.taken, self.fails = [], 0

    def __call__(self, files):
        if self.fails:
            self.fails -= 1
            raise Unavailable("PACS at host port 104 cannot be reached")
        self.taken += [pydicom.dcmread(io.BytesIO(data)) for data in files]


def settings_of(tmp_path, **chosen):
    given = {"push_retry_s": 0.05, "push_pseudonyms": True, "push": "host:104:PACS", **chosen}
    return Settings(tmp_path / "data", **given)


@pytest.fixture
def settings(tmp_path):
    return settings_of(tmp_path)


@pytest.fixture
def app(settings):
    made = create_app(settings, Bright())
    yield made
    close(made)


@pytest.fixture
def service(app):
    return app.extensions["neuralscan"]


@pytest.fixture
def archive():
    return Archive()


@pytest.fixture
def outbox(service, archive):
    made = Outbox(service, "PACS at host port 104", archive)
    service.deliver = made.add
    made.start()
    yield made
    made.close()


def sent(client, files=None, **body):
    """A study that was uploaded and analysed, to be delivered."""
    files = files or [("Musterfrau.dcm", saved(one)) for one in series(3)]
    study = upload(client, *files)
    analyse(client, study, options={"deliver": True}, **body)
    return study["study_instance_uid"], study["series"][0]["series_instance_uid"]


def actions(service):
    found = [entry["action"] for entry in service.audit.entries()[0]]
    return [action for action in reversed(found) if action.startswith("results.")]


def test_results_leave_when_the_analysis_is_done(app, service, outbox, archive, settings):
    sent(app.test_client())
    wait_for(lambda: outbox.status()["sent"])
    assert [one.Modality for one in archive.taken] == ["SEG", "SR"]
    assert "Musterfrau" not in str(archive.taken)
    assert actions(service) == ["results.sent"]
    assert outbox.status()["parcels"] == []
    assert list((settings.data / "outbox").iterdir()) == []


def test_what_was_not_meant_to_leave_stays(app, outbox, archive):
    study = upload(app.test_client(), *[("a.dcm", saved(one)) for one in series(1)])
    analyse(app.test_client(), study)
    assert outbox.status()["parcels"] == []
    assert archive.taken == []


def test_a_picture_has_no_objects(app, service, outbox, archive):
    sent(app.test_client(), [("slice.png", png())])
    wait_for(lambda: actions(service) == ["results.nothing_to_send"])
    assert archive.taken == []
    assert outbox.status()["sent"] == 0


def test_it_tries_again(app, service, outbox, archive):
    archive.fails = 2
    sent(app.test_client())
    wait_for(lambda: outbox.status()["sent"])
    assert actions(service) == ["results.delayed", "results.sent"]


def test_it_fails_for_everybody_to_see_and_can_be_asked_again(tmp_path, archive):
    app = create_app(settings_of(tmp_path, push_attempts=2), Bright())
    service = app.extensions["neuralscan"]
    outbox = Outbox(service, "PACS at host port 104", archive)
    service.deliver, archive.fails = outbox.add, 2
    outbox.start()
    study, own = sent(app.test_client())
    wait_for(lambda: outbox.status()["failed"])
    (parcel,) = outbox.status()["parcels"]
    assert parcel["problem"] == "PACS at host port 104 cannot be reached"
    assert (parcel["attempts"], parcel["series_instance_uid"]) == (2, own)
    assert actions(service)[-1] == "results.failed"
    assert outbox.retry() == 1
    wait_for(lambda: outbox.status()["sent"])
    assert outbox.status()["failed"] == 0
    outbox.close()
    close(app)


def test_what_waits_survives_a_restart(app, service, outbox, archive):
    archive.fails = 1000
    sent(app.test_client())
    wait_for(lambda: outbox.status()["parcels"])
    outbox.close()
    later = Archive()
    again = Outbox(service, "PACS", later)
    again.start()
    wait_for(lambda: len(later.taken) == 2)
    again.close()


def test_a_deleted_study_is_not_sent(app, service, outbox, archive, settings):
    archive.fails = 1000
    study, _ = sent(app.test_client())
    wait_for(lambda: outbox.status()["parcels"])
    service.delete_study(study)
    archive.fails = 0
    wait_for(lambda: not outbox.status()["parcels"])
    assert archive.taken == []
    assert list((settings.data / "outbox").iterdir()) == []


def test_a_damaged_entry_stops_nobody(service, settings):
    (settings.data / "outbox").mkdir()
    (settings.data / "outbox" / "1_2.json").write_text("{nonsense")
    assert Outbox(service, "PACS", Archive()).status()["parcels"] == []


@pytest.mark.parametrize("kinds", [("report",), ("sr", "rtstruct")])
def test_other_kinds(tmp_path, archive, kinds):
    app = create_app(settings_of(tmp_path, push_kinds=kinds), Bright())
    service = app.extensions["neuralscan"]
    outbox = Outbox(service, "PACS", archive)
    service.deliver = outbox.add
    outbox.start()
    sent(app.test_client())
    wait_for(lambda: outbox.status()["sent"])
    assert len(archive.taken) == len(kinds)
    outbox.close()
    close(app)


def linked(tmp_path, **chosen):
    key = tmp_path / "keys" / "identity.key"
    return settings_of(tmp_path, linked=True, identity_key=key, push_pseudonyms=False, **chosen)


def test_in_the_linked_mode_results_go_back_to_their_patient(tmp_path, archive):
    app = create_app(linked(tmp_path), Bright())
    service = app.extensions["neuralscan"]
    outbox = Outbox(service, "PACS", archive)
    service.deliver = outbox.add
    outbox.start()
    images = series(3)
    sent(app.test_client(), [("a.dcm", saved(one)) for one in images])
    wait_for(lambda: outbox.status()["sent"])
    for one in archive.taken:
        assert one.PatientID == PERSON["PatientID"]
        assert one.StudyInstanceUID == images[0].StudyInstanceUID
    outbox.close()
    close(app)


def test_what_came_before_the_linked_mode_is_withheld(tmp_path, archive):
    app = create_app(settings_of(tmp_path), Bright())
    study, own = sent(app.test_client())
    close(app)
    app = create_app(linked(tmp_path), Bright())
    service = app.extensions["neuralscan"]
    outbox = Outbox(service, "PACS", archive)
    outbox.start()
    outbox.add(study, own)
    wait_for(lambda: outbox.status()["failed"])
    assert "linked mode was off" in outbox.status()["parcels"][0]["problem"]
    assert archive.taken == []
    outbox.close()
    close(app)


def test_pseudonyms_leave_only_when_that_is_allowed(tmp_path):
    with pytest.raises(BadRequest, match="NEURALSCAN_PUSH_PSEUDONYMS"):
        destination(settings_of(tmp_path, push_pseudonyms=False))


@pytest.mark.parametrize("push", ["host:104", "ftp://host/x", "http://", "https://me:pw@host/x"])
def test_an_address_that_is_none(tmp_path, push):
    with pytest.raises(BadRequest):
        destination(settings_of(tmp_path, push=push))


def test_nobody_there(app, service, outbox, tmp_path):
    study, own = sent(app.test_client())
    wait_for(lambda: outbox.status()["sent"])
    ((report, series_of),) = service.analysed(study, own)
    data = handover.dicom("sr", report, series_of)
    chosen = settings_of(tmp_path, push=f"127.0.0.1:{free_port()}:PACS", dicom_timeout_s=2)
    where, send = destination(chosen)
    with pytest.raises(Unavailable, match="cannot be reached"):
        send([data])
    assert where.startswith("PACS at 127.0.0.1 port")
    send([])
