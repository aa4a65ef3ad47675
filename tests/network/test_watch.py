"""appliance.network.watch: what is put into a folder is taken in, once, whole, and put aside."""

import os
import time

import pytest

from appliance.app import close, create_app
from appliance.core.errors import BadRequest, Busy, Unavailable
from appliance.network.watch import Watcher
from appliance.settings import Settings
from tests.network.sites import series, wait_for
from tests.network.test_intake import Clock, made, passes
from tests.scans import encoded, nifti_file, noise, saved, zipped
from tests.serving import Bright, png
from tests.test_privacy import found_in


@pytest.fixture
def box(tmp_path):
    folder = tmp_path / "box"
    folder.mkdir()
    return folder


@pytest.fixture
def service(tmp_path):
    settings = Settings(tmp_path / "data", incoming_quiet_s=5, disk_reserve_bytes=0, queue=2)
    app = create_app(settings, Bright())
    yield app.extensions["neuralscan"]
    close(app)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def intake(service, clock):
    return made(service, clock)


@pytest.fixture
def watcher(service, intake, box, clock):
    return Watcher(service, intake, box, clock)


def names(folder):
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if not p.is_dir())


def kinds(service):
    studies = service.store.studies()[0]
    return sorted(one["kind"] for study in studies for one in study["series"])


def test_a_picture_a_volume_and_a_zip(watcher, service, box, clock):
    (box / "a.png").write_bytes(png())
    (box / "b.nii").write_bytes(nifti_file())
    (box / "c.zip").write_bytes(zipped({"x.png": encoded(noise(), ".png")}))
    passes(watcher, clock, 4)
    assert kinds(service) == []
    passes(watcher, clock, 2)
    assert kinds(service) == ["image", "image", "nifti"]
    assert names(box) == ["done/a.png", "done/b.nii", "done/c.zip"]
    assert service.jobs.wait(60)
    assert all(s["verdict"] for one in service.store.studies()[0] for s in one["series"])
    assert watcher.status()["taken"] == 3


def test_what_still_grows_is_left_alone(watcher, service, box, clock):
    data = png()
    with (box / "a.png").open("wb") as stream:
        for part in (data[:50], data[50:90], data[90:]):
            stream.write(part)
            stream.flush()
            passes(watcher, clock, 4)
            assert names(box) == ["a.png"]
    (box / "b.png.part").write_bytes(data)
    (box / ".hidden").write_bytes(data)
    passes(watcher, clock, 6)
    assert kinds(service) == ["image"]
    assert names(box) == [".hidden", "b.png.part", "done/a.png"]


def test_a_folder_is_one_study(watcher, service, box, clock):
    images = series(3)
    for number, one in enumerate(images):
        (box / "study" / "deep").mkdir(parents=True, exist_ok=True)
        (box / "study" / "deep" / f"{number}").write_bytes(saved(one))
        passes(watcher, clock, 4)
    passes(watcher, clock, 6)
    (study,) = service.store.studies()[0]
    assert study["series"][0]["shape"][0] == 3
    assert len(names(box / "done")) == 3


def test_single_dicom_files_make_a_series(watcher, intake, service, box, clock):
    for number, one in enumerate(series(3)):
        (box / f"Musterfrau{number}.dcm").write_bytes(saved(one))
        passes(watcher, clock, 4)
    passes(watcher, clock, 6)
    assert names(box) == [f"done/Musterfrau{number}.dcm" for number in range(3)]
    passes(intake, clock, 6)
    (study,) = service.store.studies()[0]
    assert study["series"][0]["shape"][0] == 3
    assert service.jobs.wait(60)
    assert found_in(service.settings.data, ["Musterfrau", "PID-4711"]) == []


def test_what_cannot_be_read_is_put_aside_with_the_reason(watcher, service, box, clock):
    (box / "letter.pdf").write_bytes(b"%PDF-1.7 ...")
    (box / "cut.dcm").write_bytes(saved(series(1)[0])[:700])
    passes(watcher, clock, 6)
    assert names(box / "refused") == [
        "cut.dcm",
        "cut.dcm.reason.txt",
        "letter.pdf",
        "letter.pdf.reason.txt",
    ]
    assert "unsupported_format" in (box / "refused" / "letter.pdf.reason.txt").read_text()
    assert kinds(service) == []
    (entry, _) = service.audit.entries()[0]
    assert entry["action"] == "file.refused"
    assert "letter" not in str(entry)
    assert watcher.status()["refused"] == 2


def test_links_are_not_followed(watcher, service, box, clock, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "a.png").write_bytes(png())
    (box / "link.png").symlink_to(outside / "a.png")
    (box / "folder").symlink_to(outside)
    (box / "inside").mkdir()
    (box / "inside" / "ok.png").write_bytes(png())
    (box / "inside" / "up.png").symlink_to(outside / "a.png")
    os.mkfifo(box / "pipe")
    passes(watcher, clock, 6)
    assert kinds(service) == []
    assert (outside / "a.png").read_bytes() == png()
    assert watcher.status()["refused"] == 4
    assert "links are not followed" in (box / "refused" / "link.png.reason.txt").read_text()


def test_names_that_come_again(watcher, service, box, clock):
    for seed in range(2):
        (box / "a.png").write_bytes(encoded(noise(seed=seed), ".png"))
        passes(watcher, clock, 6)
    assert names(box / "done") == ["2-a.png", "a.png"]
    assert kinds(service) == ["image", "image"]


def test_a_restart_goes_on_where_it_stopped(watcher, service, intake, box, clock, monkeypatch):
    def killed(path):
        raise KeyboardInterrupt

    (box / "a.png").write_bytes(png())
    with monkeypatch.context() as patch:
        patch.setattr(service, "add_path", killed)
        watcher.look()
        clock.now += 6
        with pytest.raises(KeyboardInterrupt):
            watcher.look()
    assert names(box) == [".taking/a.png"]
    Watcher(service, intake, box, clock).look()
    assert names(box) == ["done/a.png"]
    assert kinds(service) == ["image"]


@pytest.mark.parametrize("error", [Unavailable("free space on the disk"), Busy("64 jobs wait")])
def test_what_cannot_be_stored_now_is_taken_later(watcher, service, box, clock, monkeypatch, error):
    def full(path):
        raise error

    (box / "a.png").write_bytes(png())
    with monkeypatch.context() as patch:
        patch.setattr(service, "add_path", full)
        passes(watcher, clock, 6)
        assert watcher.status()["problem"] == error.message
        assert names(box) == [".taking/a.png"]
    passes(watcher, clock, 11)
    assert names(box) == ["done/a.png"]
    assert watcher.status()["problem"] is None


def test_it_works_in_a_thread(watcher, service, box):
    watcher._clock = time.monotonic
    watcher._quiet = 0.2
    watcher.start()
    (box / "a.png").write_bytes(png())
    wait_for(lambda: names(box) == ["done/a.png"])
    watcher.close()


def test_places_that_cannot_be_watched(service, intake, tmp_path, clock):
    data = service.settings.data
    for folder in (data, data / "studies", tmp_path, tmp_path / "nowhere"):
        with pytest.raises(BadRequest):
            Watcher(service, intake, folder, clock)
    taken = tmp_path / "taken"
    taken.mkdir()
    (taken / "done").write_text("a file")
    with pytest.raises(Unavailable):
        Watcher(service, intake, taken, clock)
