"""appliance.network.intake: when a series is complete, and what then becomes of it."""

import pytest

from appliance.app import close, create_app
from appliance.core.errors import Busy, InputError, NotFound, Unavailable
from appliance.network.intake import Intake
from appliance.network.reception import Reception, spool_of
from appliance.settings import Settings
from tests.network.sites import PERSON, series
from tests.scans import saved
from tests.serving import Bright


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def settings(tmp_path):
    return Settings(tmp_path / "data", incoming_quiet_s=5, disk_reserve_bytes=0, queue=2)


@pytest.fixture
def service(settings):
    app = create_app(settings, Bright())
    yield app.extensions["neuralscan"]
    close(app)


@pytest.fixture
def clock():
    return Clock()


def made(service, clock):
    reception = Reception(
        spool_of(service.settings), service.pseudonyms, service.vault, service.settings.limits
    )
    return Intake(service, reception, clock)


@pytest.fixture
def intake(service, clock):
    return made(service, clock)


def passes(intake, clock, seconds):
    """Time goes by, and the intake looks before and after."""
    intake.look()
    clock.now += seconds
    intake.look()


def entries(service, action):
    return [one for one in service.audit.entries()[0] if one["action"] == action]


def slices(service):
    found = service.store.studies()[0]
    return [one["shape"][0] for study in found for one in study["series"]]


def test_a_series_is_complete_when_it_was_quiet(intake, service, clock):
    for one in series(3):
        intake.take(saved(one), "peer CT1")
    passes(intake, clock, 4.9)
    assert slices(service) == []
    passes(intake, clock, 0.2)
    assert slices(service) == [3]
    assert service.jobs.wait(60)
    (study,) = service.store.studies()[0]
    assert study["series"][0]["verdict"] == "tumor"
    assert study["series"][0]["name"].startswith("MR T1c axial ")
    (entry,) = entries(service, "series.received")
    assert entry["detail"] == {"images": 3, "senders": ["peer CT1"], "reason": None}
    passes(intake, clock, 100)
    assert len(entries(service, "analyze.done")) == 1


def test_an_open_association_is_waited_for(intake, service, clock):
    intake.take(saved(series(1)[0]), "peer CT1", "link")
    passes(intake, clock, 20)
    assert slices(service) == []
    intake.hang_up("link")
    passes(intake, clock, 0)
    assert slices(service) == [1]


def test_but_not_for_ever(intake, service, clock):
    intake.take(saved(series(1)[0]), "peer CT1", "link")
    passes(intake, clock, 61)
    assert slices(service) == [1]


def test_two_series_that_come_mixed(intake, service, clock):
    one, other = series(4), series(2, seed=9)
    for dataset in [one[0], other[1], one[2], other[0], one[1], one[3]]:
        intake.take(saved(dataset), "peer CT1")
    passes(intake, clock, 6)
    assert sorted(slices(service)) == [2, 4]


def test_latecomers_join(intake, service, clock):
    images = [saved(one) for one in series(4)]
    for data in images[:2]:
        intake.take(data, "peer CT1")
    passes(intake, clock, 6)
    assert slices(service) == [2]
    for data in images[2:]:
        intake.take(data, "peer CT2")
    passes(intake, clock, 6)
    assert slices(service) == [4]
    assert len(service.store.studies()[0]) == 1


def test_a_part_sent_later_takes_nothing_away(intake, service, clock):
    images = [saved(one) for one in series(4)]
    for data in images:
        intake.take(data, "peer CT1")
    passes(intake, clock, 6)
    passes(intake, clock, 4000)  # what was received is not kept for ever
    assert not intake.status()["waiting"]
    assert intake.status()["bytes"] == 0
    intake.take(images[1], "peer CT1")
    passes(intake, clock, 6)
    assert slices(service) == [4]
    assert intake.status()["last"][0]["state"] == "kept"
    (entry,) = entries(service, "series.kept")
    assert "3 images" in entry["detail"]["reason"]


def test_a_full_queue_is_waited_for(intake, service, clock, monkeypatch):
    starts, real = [], service.start

    def start(*given):
        starts.append(given)
        if len(starts) < 3:
            raise Busy("2 jobs wait already")
        return real(*given)

    monkeypatch.setattr(service, "start", start)
    intake.take(saved(series(1)[0]), "peer CT1")
    passes(intake, clock, 6)
    assert intake.status()["waiting"][0]["problem"] == "2 jobs wait already"
    passes(intake, clock, 0)
    assert intake.status()["waiting"] == []
    assert service.jobs.wait(60)
    assert service.store.studies()[0][0]["series"][0]["verdict"] == "tumor"


def test_a_full_disk_is_waited_for(intake, service, clock, monkeypatch):
    intake.take(saved(series(1)[0]), "peer CT1")
    with monkeypatch.context() as broken:
        broken.setattr(service.store, "put", raising(Unavailable("free space on the disk")))
        for _ in range(5):
            passes(intake, clock, 11)
        assert intake.status()["waiting"][0]["problem"] == "free space on the disk"
    passes(intake, clock, 11)
    assert slices(service) == [1]


def raising(error):
    def call(*given, **named):
        raise error

    return call


def test_a_fault_is_given_up_in_the_open(intake, service, clock, monkeypatch, caplog):
    intake.take(saved(series(1)[0]), "peer CT1")
    monkeypatch.setattr(service.store, "put", raising(ValueError(PERSON["PatientName"])))
    for _ in range(4):
        passes(intake, clock, 11)
    assert intake.status()["failed"] == 1
    assert intake.status()["last"][0]["reason"] == "internal fault (ValueError)"
    assert entries(service, "series.failed")
    assert "Musterfrau" not in caplog.text


def test_a_restart_takes_up_what_waited(intake, service, clock):
    for one in series(3):
        intake.take(saved(one), "peer CT1")
    other = made(service, clock)
    passes(other, clock, 6)
    assert slices(service) == [3]
    passes(made(service, clock), clock, 6)  # and another one does nothing twice
    assert len(entries(service, "series.received")) == 1
    assert not entries(service, "series.kept")


def test_images_no_grid_fits_are_kept_with_the_reason(intake, service, clock):
    images = series(4)
    for one, height in zip(images, (0, 2, 2.9, 7.3), strict=True):
        one.ImagePositionPatient = [-10.0, -20.0, height]
        intake.take(saved(one), "peer CT1")
    passes(intake, clock, 6)
    (study,) = service.store.studies()[0]
    assert study["series"] == []
    assert study["refusals"][0]["code"] == "bad_geometry"
    assert "Musterfrau" not in str(study)


def test_a_deleted_study_is_gone(intake, service, clock):
    intake.take(saved(series(1)[0]), "peer CT1")
    passes(intake, clock, 6)
    service.jobs.wait(60)
    (study,) = service.store.studies()[0]
    service.delete_study(study["study_instance_uid"])
    passes(intake, clock, 6)
    assert service.store.studies()[1] == 0
    assert intake.status()["bytes"] == 0
    with pytest.raises(NotFound):
        service.store.study(study["study_instance_uid"])


@pytest.mark.parametrize("data", [b"", b"no DICOM", saved(series(1)[0])[:600]])
def test_what_is_no_image_is_refused(intake, data, settings):
    with pytest.raises(InputError):
        intake.take(data, "peer CT1")
    assert not [p for p in (settings.data / "incoming").rglob("*") if p.is_file()]


def test_another_instance_than_announced_is_refused(intake):
    with pytest.raises(InputError, match="announced"):
        intake.take(saved(series(1)[0]), "peer CT1", instance_uid="1.2.3")


def test_linked_stacks_of_one_series_go_by_its_identifiers(tmp_path, clock):
    settings = Settings(
        tmp_path / "data",
        linked=True,
        identity_key=tmp_path / "key" / "identity.key",
        disk_reserve_bytes=0,
    )
    app = create_app(settings, Bright())
    service = app.extensions["neuralscan"]
    intake = made(service, clock)
    images = series(2) + list(series(2, seed=7, EchoTime=99, FrameOfReferenceUID="1.2.3.9"))
    for one in images:
        one.StudyInstanceUID = images[0].StudyInstanceUID
        one.SeriesInstanceUID = images[0].SeriesInstanceUID
        intake.take(saved(one), "peer CT1")
    assert service.vault.studies()
    close(app)
    app = create_app(settings, Bright())  # a restart before the series is complete loses no link
    service = app.extensions["neuralscan"]
    passes(made(service, clock), clock, 6)
    (study,) = service.store.studies()[0]
    uid = study["study_instance_uid"]
    assert len(study["series"]) == 2
    for one in study["series"]:
        kept = service.store.series(uid, one["series_instance_uid"])
        out = service.outgoing(uid, kept)
        assert out.source.header["PatientID"] == PERSON["PatientID"]
        assert out.study_instance_uid == images[0].StudyInstanceUID
        assert {i for i, _ in out.source.instances} < {str(d.SOPInstanceUID) for d in images}
    service.delete_study(uid)
    assert not service.vault.studies()
    close(app)
