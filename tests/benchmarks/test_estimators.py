"""Stock scikit-learn, sklearnex and daal4py: timed on one cohort, and held against each other."""

from __future__ import annotations

import json

import numpy as np
import pytest

from benchmarks import report
from benchmarks.agreement import compare
from benchmarks.cohort import cohort
from benchmarks.peers.estimator_peer import open_peer
from benchmarks.plan import ALGORITHMS, CONTENDERS, LIBRARIES
from benchmarks.process import THIS_PYTHON, Process
from benchmarks.results import Row, Run
from benchmarks.summary import headline, libraries
from tests.benchmarks.test_session import _options, few

__all__ = ["few"]


@pytest.fixture(scope="module")
def features(tiny_package, tmp_path_factory):
    return cohort(tiny_package, tmp_path_factory.mktemp("cohort"))


def test_the_cohort_is_kept_and_says_where_it_is_from(tiny_package, features):
    with np.load(features.path) as archive:
        bank, labels = archive["bank"], archive["labels"]
        assert archive["queries"].dtype == np.float32
    assert features.n == len(bank) == len(labels)
    assert str(features.n) in features.what
    assert set(labels) == {0, 1, 2, 3}
    again = cohort(tiny_package, features.path.parent)
    assert again == features


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_libraries_answer_the_same(algorithm, features):
    answers = {}
    for library in LIBRARIES:
        config = {"library": library, "algorithm": algorithm, "cohort": str(features.path)}
        if library == "daal4py" and algorithm in ("logistic", "svm"):
            with pytest.raises(RuntimeError, match="through sklearnex"):
                open_peer(config)
            continue
        peer = open_peer(config)
        assert set(peer.ways()) == {"fit", "predict"}
        peer.ways()["predict"].call(0)
        answers[library] = peer.results()
    reference = answers.pop("scikit-learn")
    for found in answers.values():
        assert compare(found, reference)["same"]


def test_what_differs_is_not_called_the_same():
    reference = {"values": np.array([1.0, 2.0]), "labels": np.array([0, 1])}
    assert not compare({**reference, "values": np.array([1.0, 2.1])}, reference)["same"]
    assert not compare({**reference, "labels": np.array([0, 0])}, reference)["same"]


def test_rows_of_a_run(few, tiny_package, tmp_path):
    from benchmarks import run

    chosen = [one for one in CONTENDERS if one.target == "pca"]
    found = run.measure(tiny_package, chosen, _options(), cache=tmp_path / "cache")
    rows = {(row.runtime, row.scenario): row for row in found.rows if row.status == "measured"}
    assert set(rows) == {(library, step) for library in LIBRARIES for step in ("fit", "predict")}
    row = rows["daal4py", "fit"]
    assert row.name == "pca daal4py"
    assert row.driver == "plain"
    assert row.scored["against"] == "scikit-learn"
    assert row.scored["same"] is True
    assert "against" not in rows["scikit-learn", "fit"].scored
    assert json.loads(json.dumps(row.to_json()))["p50_ms"] > 0
    names, lines = libraries(found.rows)
    assert len(lines) == 6
    assert lines[0][names.index("times as fast")] == "–"
    assert lines[-1][names.index("same answers")].startswith("yes")
    assert headline(found.rows)[1] == []
    assert "Libraries against stock" in report.summary(found)
    assert "times as fast as stock" in report.render(found, "html")


def test_a_training_step_needs_its_environment_to_be_right():
    step = next(one for one in CONTENDERS if one.target == "train" and one.runtime == "itex")
    assert (step.environment, dict(step.settings)) == ("itex", {"itex": True})
    assert step.own == ("train-step",)


def test_a_worker_writes_results(features, tmp_path):
    process = Process("estimator_peer", THIS_PYTHON, ())
    try:
        config = {"library": "sklearnex", "algorithm": "pca", "cohort": str(features.path)}
        process.ask(do="open", config=config)
        answer = process.ask(do="block", scenario="fit", seconds=0.01)
        assert answer["items"] % features.n == 0
        process.ask(do="results", out=str(tmp_path / "r.npz"))
    finally:
        process.close()
    with np.load(tmp_path / "r.npz") as archive:
        assert len(archive["values"]) == 512


def test_a_row_without_an_answer_to_compare_has_a_dash():
    row = Row("train", "itex", "FP32", "CPU", "", "train-step", p50_ms=2.0)
    assert libraries(Run((row,)).rows)[1][0][-1] == "–"
