"""appliance.boosting: trees out of oneDAL and back, bit for bit; arrays that are no trees."""

import threading
from dataclasses import replace

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier

from appliance.boosting import BoostedTrees, accelerated, fit_boosted_trees
from appliance.core.errors import ModelError


def moons(seed: int, n: int = 600) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(n, 5)).astype(np.float32)
    labels = (rows[:, 0] * rows[:, 1] > 0).astype(int) + (rows[:, 2] > 1)
    return rows, labels


@pytest.fixture(scope="module")
def trees() -> BoostedTrees:
    return fit_boosted_trees(*moons(1), rounds=60)


def test_it_learns_as_well_as_the_stock_library():
    rows, labels = moons(2)
    stock = HistGradientBoostingClassifier(max_iter=60, max_depth=3, early_stopping=False)
    wanted = stock.fit(*moons(1)).score(rows, labels)
    whole = fit_boosted_trees(*moons(1), rounds=60, rate=0.1, share=1.0, looked_at=5)
    found = (whole.probabilities(rows).argmax(1) == labels).mean()
    assert found > wanted - 0.03
    assert wanted > 0.85


def test_probabilities_are_those_of_walking_the_arrays(trees):
    rows, _ = moons(3, 20)
    sums = np.zeros((len(rows), trees.classes))
    start = 0
    for number, size in enumerate(trees.sizes):
        for place, row in enumerate(rows):
            node = start
            while trees.feature[node] >= 0:
                left = row[trees.feature[node]] <= trees.value[node]
                node = node + 1 if left else start + trees.right[node]
            sums[place, number % trees.classes] += trees.value[node]
        start += size
    wanted = np.exp(sums) / np.exp(sums).sum(1, keepdims=True)
    assert trees.probabilities(rows) == pytest.approx(wanted, abs=1e-5)


def test_the_same_seed_grows_the_same_trees(trees):
    again = fit_boosted_trees(*moons(1), rounds=60)
    assert (again.value == trees.value).all()
    assert len(fit_boosted_trees(*moons(1), rounds=60, seed=1).value) != len(trees.value)


@pytest.mark.parametrize(
    "changes",
    [
        {"sizes": np.array([3], np.int32)},
        {"features": 1},
        {"classes": 2},
        {"sizes": np.zeros(0, np.int32)},
    ],
)
def test_arrays_that_do_not_fit(trees, changes):
    with pytest.raises(ModelError):
        replace(trees, **changes)


def test_a_tree_that_runs_in_circles_is_refused(trees):
    right = trees.right.copy()
    right[0] = 0
    with pytest.raises(ModelError):
        replace(trees, right=right)
    right[0] = 30000
    with pytest.raises(ModelError):
        replace(trees, right=right)


def test_many_threads(trees):
    rows, _ = moons(4, 64)
    wanted = trees.probabilities(rows)
    wrong = []

    def ask(size: int) -> None:
        for start in range(0, 64 - size):
            part = slice(start, start + size)
            if not np.array_equal(trees.probabilities(rows[part]), wanted[part]):
                wrong.append(start)

    threads = [threading.Thread(target=ask, args=(size,)) for size in (1, 3, 7, 20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_candidates_come_from_intel_s_library():
    assert type(accelerated("SVC", C=2.0)).__module__.startswith("sklearnex")
    assert accelerated("LogisticRegression", C=2.0).C == 2.0
