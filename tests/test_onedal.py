"""The out-of-distribution estimator: against NumPy, through bytes, from many threads."""

import io
import threading

import daal4py
import numpy as np
import pytest

from appliance import onedal
from appliance.core.errors import ModelError
from appliance.neighbours import Neighbours
from appliance.onedal import OutlierDetector, fit_outlier_detector, with_limits


@pytest.fixture(scope="module")
def fitted():
    rng = np.random.default_rng(3)
    known = rng.normal(size=(400, 12)).astype(np.float32)
    foreign = known[:200] + np.eye(12, dtype=np.float32)[4] * 6
    validation = rng.normal(size=(300, 12)).astype(np.float32)
    loose = fit_outlier_detector(known, foreign, features=slice(2, 10), bank=300, components=6)
    distances, leanings = loose.distances(validation), loose.leanings(validation)
    detector = with_limits(loose, distances, leanings, np.arange(300) % 2)
    return detector, known, foreign, validation


def test_distances_are_those_of_brute_force(fitted):
    detector, known, _, validation = fitted
    points = (validation[:20] - detector.mean) @ detector.whitening
    gaps = np.linalg.norm(points[:, None] - detector.bank[None], axis=2)
    wanted = np.sort(gaps, axis=1)[:, : detector.neighbours].mean(1)
    assert detector.distances(validation[:20]) == pytest.approx(wanted, abs=1e-4)


@pytest.mark.parametrize("way", ["brute", "tree"])
def test_neighbours_come_nearest_first_either_way(way):
    rng = np.random.default_rng(5)
    bank, points = rng.normal(size=(500, 24)), rng.normal(size=(7, 24))
    gaps = np.linalg.norm(points[:, None] - bank[None], axis=2)
    for several in (points, points[:1]):
        distances, rows = Neighbours(bank, way).nearest(several, 5)
        assert np.array_equal(rows, np.argsort(gaps, axis=1)[: len(several), :5])
        assert distances == pytest.approx(np.sort(gaps, axis=1)[: len(several), :5], abs=1e-4)


def test_known_passes_foreign_and_far_are_refused(fitted):
    detector, _, foreign, validation = fitted
    assert (detector.scores(validation) > 1).mean() <= 0.02
    assert (detector.scores(foreign[100:]) > 1).mean() > 0.9
    far = validation[:5] + 40 * np.eye(12, dtype=np.float32)[7]
    assert (detector.scores(far) > 1).all()


def test_features_outside_the_slice_are_not_looked_at(fitted):
    detector, _, _, validation = fitted
    moved = validation.copy()
    moved[:, [0, 1, 10, 11]] += 1e3
    assert detector.scores(moved) == pytest.approx(detector.scores(validation), abs=1e-3)


def test_bytes_round_trip_and_no_pickles(fitted):
    detector, _, _, validation = fitted
    again = OutlierDetector.from_bytes(detector.to_bytes())
    assert (again.scores(validation) == detector.scores(validation)).all()
    stream = io.BytesIO()
    np.savez(stream, mean=np.array([{"a": 1}], object))
    for data in (stream.getvalue(), b"", b"PK\x03\x04junk"):
        with pytest.raises(ModelError):
            OutlierDetector.from_bytes(data)


def test_batches_of_any_size_from_many_threads(fitted):
    detector, _, _, validation = fitted
    serial = detector.scores(validation)
    wrong = []

    def client(k: int) -> None:
        for turn in range(60):
            start = (turn * 5 + k) % 250
            size = 1 + (turn + k) % 9
            if not np.allclose(
                detector.scores(validation[start : start + size]), serial[start : start + size]
            ):
                wrong.append(start)

    threads = [threading.Thread(target=client, args=(k,)) for k in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_one_thread_is_given_back():
    before = daal4py.num_threads()
    with onedal.one_thread():
        assert daal4py.num_threads() == 1
    assert daal4py.num_threads() == before
