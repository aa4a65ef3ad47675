"""appliance.network.spool: images that wait, whole, within limits, over a restart."""

import errno
import threading
from collections import namedtuple
from dataclasses import replace

import pytest

from appliance import atomic, dicom
from appliance.core.errors import CorruptFile, Unavailable
from appliance.network import spool as spool_module
from appliance.network.frames import renamed
from appliance.network.spool import Full, Room, Spool, forget, waiting_studies
from appliance.pseudonym import Pseudonyms
from tests.network.sites import series
from tests.scans import saved

ROOM = Room(images=100, series_bytes=1 << 30, total_bytes=1 << 30, reserve_bytes=0)


def images(count=3, seed=0):
    names = Pseudonyms(bytes(32))
    return [
        renamed(dicom.parse(saved(one), f"{seed}{number}"), names)[0]
        for number, one in enumerate(series(count, seed))
    ]


def test_what_was_put_is_there_after_a_restart(tmp_path):
    first, given = Spool(tmp_path, ROOM), images()
    keys = {first.put(one) for one in given}
    (key,) = keys
    again = Spool(tmp_path, ROOM)
    assert again.look() == [key]
    assert again.count(key) == 3
    assert {f.instance for f in again.frames(key)} == {one[0].instance for one in given}
    assert waiting_studies(tmp_path) == {key.study}


def test_the_same_image_again_is_one_image(tmp_path):
    spool, given = Spool(tmp_path, ROOM), images(1)
    key, before = spool.put(given[0]), spool.bytes
    spool.put(given[0])
    assert (spool.count(key), spool.bytes) == (1, before)


def test_done_until_something_comes(tmp_path):
    spool, given = Spool(tmp_path, ROOM), images(2)
    key = spool.put(given[0])
    assert not spool.is_done(key)
    spool.finish(key, spool.changed(key))
    assert spool.is_done(key)
    assert Spool(tmp_path, ROOM).is_done(key)
    spool.put(given[1])
    assert not spool.is_done(key)


@pytest.mark.parametrize(
    "room",
    [{"images": 2}, {"series_bytes": 6500}, {"total_bytes": 6500}, {"reserve_bytes": 1 << 60}],
)
def test_no_room_leaves_nothing_behind(tmp_path, room):
    spool, given = Spool(tmp_path, replace(ROOM, **room)), images(3)
    room_for = 0 if "reserve_bytes" in room else 2
    for one in given[:room_for]:
        spool.put(one)
    with pytest.raises(Full):
        spool.put(given[room_for])
    kept = [p for p in (tmp_path / "incoming").rglob("*") if p.is_file()]
    assert len(kept) == room_for
    assert sum(p.stat().st_size for p in kept) == spool.bytes


def test_what_is_done_makes_room(tmp_path):
    spool = Spool(tmp_path, replace(ROOM, total_bytes=10_000))
    for old in images(3):
        key = spool.put(old)
    spool.finish(key, spool.changed(key))
    new = spool.put(images(1, seed=50)[0])
    assert spool.look() == [new]


def test_a_full_disk_is_said_and_leaves_nothing(tmp_path, monkeypatch):
    spool = Spool(tmp_path, ROOM)

    def full(path, data):
        path.write_bytes(data[:10])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(atomic, "_write", full)
    with pytest.raises(Full, match="disk is full"):
        spool.put(images(1)[0])
    assert [p for p in (tmp_path / "incoming").rglob("*") if p.is_file()] == []
    assert spool.bytes == 0


def test_the_disk_is_asked_before_writing(tmp_path, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(spool_module.shutil, "disk_usage", lambda path: usage(0, 0, 5000))
    assert Spool(tmp_path, ROOM).put(images(1)[0])
    with pytest.raises(Full):
        Spool(tmp_path, replace(ROOM, reserve_bytes=4000)).put(images(1, seed=9)[0])


def test_a_damaged_file_is_left_out(tmp_path):
    spool = Spool(tmp_path, ROOM)
    for one in images(3):
        key = spool.put(one)
    path = sorted((tmp_path / "incoming" / key.name).iterdir())[1]
    path.write_bytes(path.read_bytes()[:100])
    assert len(spool.frames(key)) == 2


def test_a_name_that_is_no_uid_becomes_no_path(tmp_path):
    (frame,) = images(1)[0]
    bad = replace(frame, header=replace(frame.header, series_instance_uid="../../x"))
    with pytest.raises(CorruptFile):
        Spool(tmp_path, ROOM).put([bad])


def test_forgetting_a_study_takes_all_of_it(tmp_path):
    spool = Spool(tmp_path, ROOM)
    gone, stays = spool.put(images(1)[0]), spool.put(images(1, seed=5)[0])
    spool.finish(gone, 1)
    (tmp_path / "outbox").mkdir()
    (tmp_path / "outbox" / f"{gone.name}.json").write_text("{}")
    forget(tmp_path, gone.study)
    assert spool.look() == [stays]
    assert not [p for p in tmp_path.rglob("*") if gone.study in p.name]
    forget(tmp_path / "nowhere", gone.study)


def test_many_at_once(tmp_path):
    spool, given = Spool(tmp_path, ROOM), images(40)
    parts = [given[n::4] for n in range(4)]
    threads = [threading.Thread(target=lambda p=p: [spool.put(i) for i in p]) for p in parts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (key,) = spool.look()
    assert spool.count(key) == len(spool.frames(key)) == 40


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "incoming").write_text("a file")
    with pytest.raises(Unavailable, match="incoming"):
        Spool(tmp_path, ROOM)
