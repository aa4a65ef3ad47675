"""`appliance.identity`: identifiers under a key, for their own study, and gone when erased."""

from __future__ import annotations

import json
import os

import numpy as np
import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from appliance import ingest, sealed
from appliance.core.errors import Unavailable
from appliance.dicom_origin import Origin
from appliance.identity import FOLDER, Vault
from appliance.pseudonym import Pseudonyms
from tests.readings import FRAME
from tests.scans import SERIES, STUDY, dicom_file

FILES = [(f"{i}.dcm", dicom_file(index=i, FrameOfReferenceUID=FRAME)) for i in range(3)]


@pytest.fixture
def key(tmp_path):
    return tmp_path / "config" / "identity.key"


@pytest.fixture
def vault(tmp_path, key):
    return Vault(tmp_path / "data", key)


def studies():
    """A study as it was and under pseudonyms, and what was lost in between."""
    linked = ingest.read_files(FILES, linked=True)
    renamed = Pseudonyms(bytes(32)).study(linked)
    return linked, renamed, Origin.between(linked, renamed)


def test_what_was_renamed_comes_back_as_it_was(vault):
    linked, renamed, origin = studies()
    vault.put(renamed.study_instance_uid, origin)
    (before,), (after,) = linked.series, renamed.series
    back = vault.get(renamed.study_instance_uid).restored(after)
    assert back.source == before.source
    assert back.source.header["PatientName"] == "Doe^Jane"
    assert (back.study_instance_uid, back.series_instance_uid) == (STUDY, SERIES)
    assert back.name == after.name


def test_nothing_readable_lies_on_the_disk(vault, tmp_path):
    _, renamed, origin = studies()
    vault.put(renamed.study_instance_uid, origin)
    (entry,) = (tmp_path / "data" / FOLDER).glob("*.sealed")
    data = entry.read_bytes()
    assert not any(word in data for word in (b"Doe", b"12345", STUDY.encode(), b"PatientName"))
    assert entry.stat().st_mode & 0o077 == 0
    assert "Doe" not in repr(origin)


def test_two_uploads_of_a_study_are_one_entry(vault):
    vault.put("2.25.1", Origin({"a": {"PatientName": "Doe"}}, {"x": "1"}))
    vault.put("2.25.1", Origin({"b": {"PatientName": "Doe"}}, {"y": "2"}))
    found = vault.get("2.25.1")
    assert set(found.headers) == {"a", "b"}
    assert found.uids == {"x": "1", "y": "2"}


def test_an_image_more_does_not_read_those_before(vault, tmp_path, monkeypatch):
    vault.put("2.25.1", Origin({"a": {"PatientName": "Doe"}}, {"x0": "1.0"}))
    monkeypatch.setattr(sealed, "read", None)
    (entry,) = (tmp_path / "data" / FOLDER).glob("*.sealed")
    sizes = []
    for number in range(1, 100):
        vault.put("2.25.1", Origin({"a": {"PatientName": "Doe"}}, {f"x{number}": f"1.{number}"}))
        sizes.append(entry.stat().st_size)
    assert max(np.diff(sizes)) < 200
    monkeypatch.undo()
    found = vault.get("2.25.1")
    assert found.uids == {f"x{number}": f"1.{number}" for number in range(100)}
    assert entry.stat().st_size < sizes[-1] / 2  # they were made one
    vault.put("2.25.1", Origin({}, {"y": "2"}))
    assert vault.get("2.25.1").uids == {**found.uids, "y": "2"}


def test_a_record_that_was_cut_off_is_dropped_and_the_next_one_kept(vault, tmp_path, key):
    vault.put("2.25.1", Origin({}, {"x": "1"}))
    (entry,) = (tmp_path / "data" / FOLDER).glob("*.sealed")
    whole = entry.stat().st_size
    vault.put("2.25.1", Origin({}, {"y": "2"}))
    for cut in (1, 20, entry.stat().st_size - whole - 1):
        entry.write_bytes(entry.read_bytes()[:-cut])
        again = Vault(tmp_path / "data", key)
        assert again.get("2.25.1").uids == {"x": "1"}
        again.put("2.25.1", Origin({}, {"y": "3"}))
        assert again.get("2.25.1").uids == {"x": "1", "y": "3"}


def test_two_processes_add_to_one_study(vault, tmp_path, key):
    other = Vault(tmp_path / "data", key)
    for number in range(3):
        vault.put("2.25.1", Origin({}, {f"x{number}": "1"}))
        other.put("2.25.1", Origin({}, {f"y{number}": "1"}))
    assert len(vault.get("2.25.1").uids) == 6


def test_an_entry_of_the_first_format_is_read_and_added_to(vault, tmp_path, key):
    vault.put("2.25.1", Origin({}, {"x": "1"}))
    (entry,) = (tmp_path / "data" / FOLDER).glob("*.sealed")
    magic, nonce = b"neuralscan-identity-1\n", bytes(12)
    plain = json.dumps(Origin({}, {"old": "1"}).to_json()).encode()
    secret = AESGCM(key.read_bytes()).encrypt(nonce, plain, magic + b"2.25.1")
    entry.write_bytes(magic + nonce + secret)
    assert vault.get("2.25.1").uids == {"old": "1"}
    vault.put("2.25.1", Origin({}, {"y": "2"}))
    assert vault.get("2.25.1").uids == {"old": "1", "y": "2"}


def test_a_series_that_is_not_known_whole_stays_under_pseudonyms():
    _, renamed, origin = studies()
    (series,) = renamed.series
    some = Origin(origin.headers, dict(list(origin.uids.items())[:2]))
    assert some.restored(series) is series
    assert Origin({}, {}).restored(series) is series


def test_erased_is_gone_and_needs_no_key(vault, tmp_path):
    vault.put("2.25.1", Origin({"a": {}}, {}))
    before = next((tmp_path / "data" / FOLDER).glob("*.sealed"))
    os.link(before, tmp_path / "what a file system might keep")
    sealed = before.read_bytes()
    Vault(tmp_path / "data", None).erase("2.25.1")
    assert vault.get("2.25.1") is None
    assert (tmp_path / "what a file system might keep").read_bytes() != sealed
    vault.erase("2.25.1")  # again is no error


def test_entries_without_a_study_and_half_written_ones_go(vault, tmp_path):
    vault.put("2.25.1", Origin({"a": {}}, {}))
    vault.put("2.25.2", Origin({"a": {}}, {}))
    (tmp_path / "data" / FOLDER / ".2.25.3.sealed-xyz").write_bytes(b"half")
    vault.keep_only({"2.25.2"})
    assert vault.studies() == {"2.25.2"}
    assert not list((tmp_path / "data" / FOLDER).glob(".*"))


def test_an_entry_opens_for_its_own_study_only(vault, tmp_path):
    vault.put("2.25.1", Origin({"a": {}}, {}))
    folder = tmp_path / "data" / FOLDER
    (folder / "2.25.2.sealed").write_bytes((folder / "2.25.1.sealed").read_bytes())
    with pytest.raises(Unavailable, match="cannot be opened"):
        vault.get("2.25.2")


def test_a_changed_byte_is_noticed(vault, tmp_path):
    vault.put("2.25.1", Origin({"a": {}}, {}))
    path = tmp_path / "data" / FOLDER / "2.25.1.sealed"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(Unavailable, match="damaged"):
        vault.get("2.25.1")


def test_another_key_is_refused_while_entries_are_there(vault, tmp_path, key):
    vault.put("2.25.1", Origin({"a": {}}, {}))
    key.write_bytes(bytes(32))
    with pytest.raises(Unavailable, match="not the one"):
        Vault(tmp_path / "data", key)
    vault.erase("2.25.1")
    Vault(tmp_path / "data", key).put("2.25.2", Origin({}, {}))


def test_a_lost_key_is_not_silently_replaced(vault, tmp_path, key):
    vault.put("2.25.1", Origin({"a": {}}, {}))
    key.unlink()
    with pytest.raises(Unavailable, match="gone"):
        Vault(tmp_path / "data", key)
    assert not key.exists()


def test_a_key_others_can_read_in_the_data_folder_or_of_another_length(tmp_path, vault, key):
    key.chmod(0o644)
    with pytest.raises(Unavailable, match="chmod 600"):
        Vault(tmp_path / "data", key)
    key.chmod(0o600)
    key.write_bytes(b"short")
    with pytest.raises(Unavailable, match="expected 32 bytes"):
        Vault(tmp_path / "data", key)
    with pytest.raises(Unavailable, match="outside"):
        Vault(tmp_path / "data", tmp_path / "data" / "in" / "identity.key")


def test_without_a_key_nothing_is_kept(tmp_path):
    vault = Vault(tmp_path / "data", None)
    assert not vault.open
    with pytest.raises(Unavailable, match="--linked"):
        vault.put("2.25.1", Origin({}, {}))
    assert not (tmp_path / "data" / FOLDER).exists()
