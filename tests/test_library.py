"""appliance.library: cases kept with their study, found by likeness, never from another network."""

import json
import threading
from dataclasses import replace

import numpy as np
import pytest
from alembic import command

from appliance import index
from appliance.core.errors import BadRequest, NotFound, TooLarge, Unavailable
from appliance.core.types import Study, Volume
from appliance.library import Library
from appliance.store import Store
from tests.test_store import a_series, everything


def unit(angle: float) -> np.ndarray:
    return np.array([np.cos(angle), np.sin(angle)], np.float32)


@pytest.fixture
def store(tmp_path):
    found = Store(tmp_path / "data")
    for number in range(4):
        found.put(Study(f"1.{number}", (a_series(f"1.{number}.1", number),)))
    yield found
    found.close()


@pytest.fixture
def library(store):
    return Library(store, 3)


def filled(library: Library) -> Library:
    for number, label in enumerate(("glioma", "meningioma", "other")):
        library.put(f"1.{number}", f"1.{number}.1", 2, label, "net", unit(0.1 * number))
    return library


def test_the_nearest_come_first_with_the_cosine_distance(library):
    found = filled(library).nearest(unit(0.12), "net", 2)
    assert [case["label"] for case in found] == ["meningioma", "other"]
    assert found[0]["distance"] == pytest.approx(1 - np.cos(0.02), abs=1e-4)
    assert found[1]["distance"] == pytest.approx(1 - np.cos(0.08), abs=1e-4)
    assert {"study_instance_uid": "1.1", "slice": 2, "name": "head"}.items() <= found[0].items()


def test_the_own_study_is_no_other_case(library):
    found = filled(library).nearest(unit(0.08), "net", 5, without="1.1")
    assert [case["label"] for case in found] == ["glioma", "other"]


def test_an_empty_library_and_a_foreign_network_answer_nothing(library):
    assert library.nearest(unit(0), "net", 5) == []
    assert filled(library).nearest(unit(0), "another", 5) == []
    assert library.stale("another") == 3
    assert library.stale("net") == 0


def test_a_slice_is_kept_once_with_its_last_label(library, store):
    filled(library)
    before = everything(store)
    again = library.put("1.0", "1.0.1", 2, "pituitary", "net", unit(0))
    assert (again["label"], len(library)) == ("pituitary", 3)
    assert len(everything(store)) == len(before)


def test_it_is_bounded(library):
    filled(library)
    with pytest.raises(TooLarge, match="NEURALSCAN_LIBRARY"):
        library.put("1.3", "1.3.1", 0, "glioma", "net", unit(0))
    library.remove("1.0", "1.0.1", 2)
    library.put("1.3", "1.3.1", 0, "glioma", "net", unit(0))


def test_bad_labels_and_unknown_places(library):
    for label in ("Glioma", "", None, ["glioma"]):
        with pytest.raises(BadRequest):
            library.put("1.0", "1.0.1", 0, label, "net", unit(0))
    with pytest.raises(NotFound):
        library.put("1.0", "9.9", 0, "glioma", "net", unit(0))
    with pytest.raises(NotFound):
        library.remove("1.0", "1.0.1")
    with pytest.raises(NotFound):
        library.case("1.0", "1.0.1", 0)


def test_removing_one_slice_or_all_of_a_series(library, store):
    for number in (0, 1):
        library.put("1.0", "1.0.1", number, "glioma", "net", unit(0))
    library.remove("1.0", "1.0.1", 0)
    assert [case["slice"] for case in library.cases(9)[0]] == [1]
    library.remove("1.0", "1.0.1")
    assert len(library) == 0
    assert not list((store.files.root / "library").iterdir())


def test_cases_go_with_their_study(library, store):
    store.delete(filled(library) and "1.1")
    assert [case["label"] for case in library.cases(9)[0]] == ["other", "glioma"]
    assert len(list((store.files.root / "library").iterdir())) == 2
    assert [case["label"] for case in library.nearest(unit(0.08), "net", 5)] == ["glioma", "other"]


def test_a_replaced_series_takes_its_cases_with_it(library, store):
    filled(library)
    store.put(Study("1.1", (a_series("1.1.1", 77),)))
    assert len(library) == 2
    assert len(list((store.files.root / "library").iterdir())) == 2


def test_they_survive_a_lost_index(library, store):
    filled(library)
    wanted = library.cases(9)
    store.close()
    (store.files.root / "index.sqlite").unlink()
    again = Store(store.files.root)
    try:
        assert Library(again, 3).cases(9) == wanted
        assert Library(again, 3).nearest(unit(0.2), "net", 1)[0]["label"] == "other"
    finally:
        again.close()


def test_records_of_deleted_series_and_damaged_ones_are_dropped(library, store):
    filled(library)
    folder = store.files.root / "library"
    path = sorted(folder.iterdir())[0]
    record = json.loads(path.read_bytes())
    path.write_text(json.dumps({**record, "embedding": "no base64!"}))
    store.close()
    (store.files.root / "index.sqlite").unlink()
    again = Store(store.files.root)
    try:
        assert len(Library(again, 3)) == 2
        assert len(list(folder.iterdir())) == 2
    finally:
        again.close()


def test_stale_cases_are_read_again_a_few_at_a_time(library):
    filled(library)

    def embed(series, index):
        return unit(float(series.sha256[-1]) + index)

    library.renew("newer", embed, 2)
    assert library.stale("newer") == 1
    library.renew("newer", embed, 2)
    assert library.stale("newer") == 0
    assert library.nearest(unit(2.0 + 2), "newer", 1)[0]["label"] == "other"
    assert len(library) == 3


def test_a_case_that_cannot_be_read_stays_stale(library, caplog):
    filled(library)

    def fail(series, index):
        raise Unavailable("gone")

    library.renew("newer", fail, 5)
    assert library.stale("newer") == 3
    assert "stale" in caplog.text


def test_a_full_disk_keeps_the_earlier_label(library, store, monkeypatch):
    filled(library)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(store.files, "put_json", full)
    with pytest.raises(Unavailable):
        library.put("1.0", "1.0.1", 2, "other", "net", unit(0))
    assert library.case("1.0", "1.0.1", 2)["label"] == "glioma"


def test_many_threads_search_at_once(library):
    filled(library)
    wanted = {n: library.nearest(unit(0.01 * n), "net", 3) for n in range(20)}
    wrong = []

    def ask():
        for n in range(20):
            if library.nearest(unit(0.01 * n), "net", 3) != wanted[n]:
                wrong.append(n)

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_a_series_of_another_study_with_equal_pixels_is_untouched(library, store):
    twin = replace(a_series("7.1", 0), volume=Volume(a_series(seed=0).volume.array, None))
    store.put(Study("7", (twin,)))
    filled(library)
    store.delete("7")
    assert len(library) == 3


def test_a_data_folder_of_the_first_version_gets_a_library(tmp_path):
    first = Store(tmp_path / "old")
    first.put(Study("1", (a_series("1.1", 1),)))
    with first.engine.begin() as connection:
        command.downgrade(index._configure(connection), "0001")
    first.close()
    (tmp_path / "old" / "library").rmdir()
    again = Store(tmp_path / "old")
    try:
        library = Library(again, 5)
        assert library.put("1", "1.1", 0, "glioma", "net", unit(0))["name"] == "head"
        assert len(library) == 1
    finally:
        again.close()
