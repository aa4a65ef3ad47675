"""appliance.store: round trips, shared files, rebuilding, a full disk."""

import errno
import os
from dataclasses import replace

import numpy as np
import pytest
import sqlalchemy as sa

from appliance import index
from appliance.core.errors import NotFound, Unavailable
from appliance.core.types import Refusal, Report, Series, Study, Volume
from appliance.store import Store

AFFINE = np.array([[0.1, 0, 0.5, -3], [0, 1 / 3, 0, 7], [2, 0, 0, 1e-7], [0, 0, 0, 1.0]])


def a_series(uid="1.2.3", seed=0, **changes) -> Series:
    array = np.random.default_rng(seed).integers(0, 3000, (4, 6, 5)).astype(np.uint16)
    values = {
        "volume": Volume(array, AFFINE),
        "kind": "dicom",
        "name": "head",
        "sha256": f"{seed:064d}",
        "modality": "MR",
        "sequence": "T1c",
        "plane": "axial",
        "series_instance_uid": uid,
        "warnings": ("uneven",),
        "window": (600.0, 1200.0),
        **changes,
    }
    return Series(**values)


def a_report(series: Series, verdict="tumor") -> Report:
    labels = (series.volume.array > 2000).astype(np.uint8)
    heat = (series.volume.array / 3000).astype(np.float32)
    document = {"verdict": verdict, "classification": {"label": "glioma"}, "lesions": []}
    volumes = (Volume(labels, series.volume.affine), Volume(heat, series.volume.affine))
    return Report(document, *volumes)


def everything(store: Store) -> set[str]:
    return {p.name for p in store.files.root.glob("*/*") if p.is_file()}


@pytest.fixture
def store(tmp_path):
    with_store = Store(tmp_path / "data")
    yield with_store
    with_store.close()


def test_a_series_comes_back_as_it_was(store):
    series = a_series()
    refusal = Refusal("no_pixels", "no pixels", "report.dcm", "ab", "dicom")
    uid = store.put(Study("1.2", (series,), (refusal,)), "A head")
    back = store.series(uid, "1.2.3")
    np.testing.assert_array_equal(back.volume.array, series.volume.array)
    assert back.volume.array.dtype == np.uint16
    assert (back.volume.affine == AFFINE).all()
    empty = Volume(np.zeros((1, 1, 1)))
    assert replace(back, volume=empty) == replace(series, volume=empty, study_instance_uid="1.2")
    assert store.refusals(uid) == [refusal]
    listed, total = store.studies()
    assert (total, listed[0]["title"], listed[0]["sample"]) == (1, "A head", False)
    assert listed[0]["series"][0]["display"]["window"] == 1200.0


def test_a_result_comes_back_and_replaces_the_earlier_one(store):
    series = a_series()
    store.put(Study("1.2", (series,)))
    with pytest.raises(NotFound, match="no result"):
        store.report("1.2", "1.2.3")
    store.put_result("1.2", "1.2.3", "analyze", a_report(series))
    first = everything(store)
    store.put_result("1.2", "1.2.3", "analyze", a_report(series, "uncertain"))
    report = store.report("1.2", "1.2.3")
    assert report.verdict == "uncertain"
    np.testing.assert_array_equal(report.label_map.array, series.volume.array > 2000)
    assert report.heat.array.dtype == np.uint8
    assert len(everything(store)) == len(first)
    assert store.study("1.2")["series"][0]["verdict"] == "uncertain"


def test_uploading_again_changes_nothing(store):
    study = Study("1.2", (a_series(), a_series("1.2.4", 1)))
    store.put(study)
    before = everything(store)
    store.put(study)
    assert everything(store) == before


def test_a_study_grows_and_a_changed_series_replaces_its_results(store):
    store.put(Study("1.2", (a_series(),)))
    store.put_result("1.2", "1.2.3", "analyze", a_report(a_series()))
    store.put(Study("1.2", (a_series("1.2.4", 1),)))
    assert [s["verdict"] for s in store.study("1.2")["series"]] == ["tumor", None]
    store.put(Study("1.2", (a_series(seed=2),)))
    assert {s["verdict"] for s in store.study("1.2")["series"]} == {None}
    assert len(store.files.digests("arrays")) == 2
    assert not store.files.digests("results")


def test_deleting_keeps_what_another_study_uses(store):
    shared = a_series()
    store.put(Study("1.2", (shared,)))
    store.put(Study("1.3", (shared, a_series("1.2.4", 1))))
    store.delete("1.3")
    assert store.series("1.2", "1.2.3").volume.shape == (4, 6, 5)
    assert len(store.files.digests("arrays")) == 1
    store.delete("1.2")
    assert not everything(store) - {"index.sqlite"}
    for ask in (lambda: store.study("1.2"), lambda: store.delete("1.2")):
        with pytest.raises(NotFound):
            ask()


def test_the_index_is_rebuilt_from_the_files(store, tmp_path):
    store.put(Study("1.2", (a_series(), a_series("1.2.4", 1))), "Kept", sample=True)
    store.put(Study("1.2", (a_series(seed=2),)))
    store.put_result("1.2", "1.2.3", "analyze", a_report(a_series(seed=2)))
    store.put(Study("1.9", (), (Refusal("empty", "nothing"),)))
    before, files = store.studies(), everything(store)
    store.close()
    for path in (tmp_path / "data").glob("index.sqlite*"):
        path.unlink()
    again = Store(tmp_path / "data")
    by_uid = [{s["series_instance_uid"]: s for s in study["series"]} for study in before[0]]
    rebuilt = [
        {s["series_instance_uid"]: s for s in study["series"]} for study in again.studies()[0]
    ]
    assert rebuilt == by_uid
    assert again.studies()[0][1]["title"] == "Kept"
    assert again.report("1.2", "1.2.3").label_map is not None
    assert everything(again) == files
    again.close()


def test_opening_forgets_rows_without_files_and_files_without_rows(store, tmp_path):
    store.put(Study("1.2", (a_series(),)))
    store.put(Study("1.3", (a_series("1.5", 1),)))
    orphan, _ = store.files.put_array(np.ones(3))
    stray, _ = store.files.put_json(
        "results",
        {
            "study": "9",
            "series": "9",
            "task": "analyze",
            "created": "2020",
            "document": {},
            "label_map": None,
            "heat": None,
        },
    )
    with store.engine.connect() as connection:
        digest = connection.scalar(
            sa.select(index.records.c.digest).where(index.records.c.study == "1.3")
        )
    store.files.remove("studies", digest)
    store.close()
    again = Store(tmp_path / "data")
    assert [s["study_instance_uid"] for s in again.studies()[0]] == ["1.2"]
    assert orphan not in again.files.digests("arrays")
    assert stray not in again.files.digests("results")
    assert len(again.files.digests("arrays")) == 1
    again.close()


def test_a_full_disk_is_said_and_leaves_nothing(store, monkeypatch):
    store.put(Study("1.2", (a_series(),)))
    before, calls = everything(store), []
    real = os.fsync

    def full_on_the_second(handle):
        calls.append(handle)
        if len(calls) > 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(handle)

    monkeypatch.setattr(os, "fsync", full_on_the_second)
    with pytest.raises(Unavailable, match="No space left"):
        store.put(Study("1.4", (a_series("1.6", 3), a_series("1.7", 4))))
    assert everything(store) == before
    assert store.studies()[1] == 1


def test_identifiers_are_safe_and_unique(store):
    same = [a_series("1/../2", 0), a_series("1/../2", 1), a_series("1/../2", 1)]
    uid = store.put(Study("../../etc", tuple(same)))
    uids = [s["series_instance_uid"] for s in store.study(uid)["series"]]
    assert len(uids) == len(set(uids)) == 2 or len(uids) == 2
    assert all("/" not in value for value in [uid, *uids])


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(Unavailable, match="data folder"):
        Store(tmp_path / "file" / "below")


def test_deleting_makes_room_before_the_index_is_written(store, monkeypatch):
    """On a full disk the rows can only be written once the files are gone."""
    store.put(Study("1.2", (a_series(),)))

    def full(statement):
        raise sa.exc.OperationalError("", {}, Exception("database or disk is full"))

    with monkeypatch.context() as patched:
        patched.setattr(sa, "delete", full)
        with pytest.raises(Unavailable, match="full"):
            store.delete("1.2")
    assert everything(store) == set()
    store.delete("1.2")
    assert store.studies() == ([], 0)
