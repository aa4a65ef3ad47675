"""`appliance.audit`: a chain that holds, and that says where it was broken."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import get_context

import pytest

from appliance.audit import FILE, HEAD, Audit, seal_of


@pytest.fixture
def audit(tmp_path):
    log = Audit(tmp_path)
    for number in range(5):
        log.record("study.added", "client 127.0.0.1", f"2.25.{number}", size=number)
    return log


def lines(folder):
    return (folder / FILE).read_text().splitlines()


def put(folder, kept):
    (folder / FILE).write_text("\n".join(kept) + "\n")


def test_entries_hold_together(audit, tmp_path):
    found = audit.verify()
    assert (found.entries, found.good, found.line) == (5, True, None)
    entries, total = audit.entries(limit=2, offset=1)
    assert total == 5
    assert [entry["number"] for entry in entries] == [4, 3]
    assert entries[0]["previous"] == entries[1]["seal"]
    assert entries[0]["detail"] == {"size": 3}
    assert (tmp_path / FILE).stat().st_mode & 0o077 == 0


def changed(kept):
    entry = json.loads(kept[2])
    entry["who"] = "somebody else"
    return [*kept[:2], json.dumps(entry), *kept[3:]]


def sealed_again(kept):
    entry = json.loads(kept[2])
    entry["who"] = "somebody else"
    entry["seal"] = seal_of(entry)
    return [*kept[:2], json.dumps(entry), *kept[3:]]


@pytest.mark.parametrize(
    ("tamper", "line"),
    [
        (changed, 3),
        (sealed_again, 4),
        (lambda kept: [*kept[:1], *kept[2:]], 2),
        (lambda kept: [kept[0], kept[2], kept[1], *kept[3:]], 2),
        (lambda kept: [*kept[:3], kept[2], *kept[3:]], 4),
        (lambda kept: kept[:-1], 5),
        (lambda kept: [*kept[:4], "{}"], 5),
        (lambda kept: [*kept[:1], "no JSON", *kept[1:]], 2),
    ],
    ids=["changed", "resealed", "dropped", "moved", "twice", "cut", "emptied", "put in"],
)
def test_tampering_is_found_at_its_line(audit, tmp_path, tamper, line):
    put(tmp_path, tamper(lines(tmp_path)))
    found = audit.verify()
    assert (found.good, found.line) == (False, line)
    assert found.reason
    assert found.entries == line - 1


def test_a_last_entry_sealed_again_is_found_by_the_head(audit, tmp_path):
    kept = lines(tmp_path)
    entry = json.loads(kept[-1])
    entry["who"] = "somebody else"
    put(tmp_path, [*kept[:-1], json.dumps({**entry, "seal": seal_of(entry)})])
    assert audit.verify().line == 5


def test_without_the_log_or_the_head(audit, tmp_path):
    (tmp_path / FILE).rename(tmp_path / "aside")
    assert (audit.verify().good, audit.verify().line) == (False, 1)
    (tmp_path / "aside").rename(tmp_path / FILE)
    (tmp_path / HEAD).unlink()
    assert not audit.verify().good
    assert Audit(tmp_path / "new").verify().good


def test_damage_stays_visible_when_more_is_written(audit, tmp_path):
    put(tmp_path, changed(lines(tmp_path)))
    audit.record("study.deleted", "client 127.0.0.1", "2.25.1")
    assert (audit.verify().line, len(lines(tmp_path))) == (3, 6)


def test_a_torn_last_line_is_said_in_the_next(audit, tmp_path):
    with (tmp_path / FILE).open("a") as stream:
        stream.write('{"number": 6, "torn')
    audit.record("server.started", "user x")
    assert audit.verify().good
    assert audit.entries(1)[0][0]["torn_bytes"] == 19


def test_what_cannot_be_written_stops_nobody_and_is_counted(tmp_path, caplog):
    (tmp_path / "file").write_text("")
    log = Audit(tmp_path / "file" / "below")
    log.record("study.added", "client")
    assert "could not be written" in caplog.text
    log._path, log._head = tmp_path / FILE, tmp_path / HEAD
    log.record("study.added", "client")
    assert log.entries()[0][0]["missed"] == 1


def _write(folder, count):
    log = Audit(folder)
    for _ in range(count):
        log.record("study.added", "another process")


def test_threads_and_processes_write_one_chain(tmp_path):
    log = Audit(tmp_path)
    other = get_context("spawn").Process(target=_write, args=(tmp_path, 20))
    other.start()
    with ThreadPoolExecutor(4) as pool:
        for _ in range(40):
            pool.submit(log.record, "study.added", "a thread")
    other.join(60)
    found = log.verify()
    assert (found.entries, found.good) == (60, True)


def test_an_entry_that_may_wait_is_written_but_the_disk_is_not_waited_for(tmp_path, monkeypatch):
    waits: list[int] = []
    monkeypatch.setattr("os.fsync", waits.append)
    log = Audit(tmp_path)
    log.record("study.added", "client")
    log.record("input.analysed", "client", at_once=False)
    assert len(waits) == 1
    assert log.entries()[1] == 2
    log.record("study.deleted", "client")
    assert len(waits) == 2
    monkeypatch.setattr("appliance.audit._SYNC_S", 0.0)
    log.record("input.analysed", "client", at_once=False)
    assert len(waits) == 3
    assert log.verify().good
