"""The second opinion of a package: honest folds, a fair choice, a package written whole."""

import hashlib
import json
from types import SimpleNamespace

import numpy as np
import pytest

from appliance.core.errors import CorruptFile, NotFound
from appliance.core.radiomics import NAMES
from appliance.core.verdict import Rule
from appliance.opinion import FILE, TYPES
from appliance.pipeline import Analyzer
from appliance.registry import open_package
from optimize.__main__ import main
from optimize.contenders import Contender, _boosted, _other, contenders, timed
from optimize.evaluate import report_of
from optimize.opinion import (
    add_opinion,
    against_network,
    choose,
    cross_validated,
    judged_rows,
    training_rows,
)
from optimize.outlines import Outlines, move
from optimize.package import write
from tests.small_root import write_small_root
from tests.tiny import accept_everything
from tests.tiny_runs import write_cross_validation, write_run

SMALL = [
    _boosted({"rounds": 12, "depth": 3, "rate": 0.3, "penalty": 1.0, "least": 3, "share": 0.9,
              "looked_at": 20}),
    _other("logistic regression", "linear_model", "LogisticRegression", True, {"max_iter": 50}),
]  # fmt: skip


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return write_small_root(tmp_path_factory.mktemp("data"), per_fold=3)


def packaged(run, folder):
    """A package of a tiny run, as `python -m optimize package` would write it."""
    document = json.loads((run / "export" / "draft.json").read_text())
    rule = Rule(top_pixels=8, minimum_share=0.0005)
    return open_package(write(folder, document, run / "networks", rule, accept_everything()))


@pytest.fixture(scope="module")
def made(root, tmp_path_factory):
    """A run that held out fold 4, its package, and the answer of the verb."""
    run = write_run(tmp_path_factory.mktemp("runs") / "first", root, (1, 2, 3))
    package = packaged(run, tmp_path_factory.mktemp("before") / "tiny")
    target = tmp_path_factory.mktemp("after") / "tiny"
    answer = add_opinion(run, root, package, target, SMALL)
    return SimpleNamespace(run=run, package=package, target=target, answer=answer)


def test_the_package_holds_it_and_everything_else_unchanged(made):
    package = open_package(made.target)
    package.verify()
    assert set(package.manifest.files) - set(made.package.manifest.files) == {FILE}
    for name in made.package.manifest.files:
        assert package.read(name) == made.package.read(name)
    entry = package.manifest.files[FILE]
    assert entry["sha256"] == hashlib.sha256((made.target / FILE).read_bytes()).hexdigest()
    before, after = made.package.manifest.document, package.manifest.document
    assert {k: v for k, v in after.items() if k not in ("files", "metrics")} == {
        k: v for k, v in before.items() if k not in ("files", "metrics")
    }
    assert FILE not in made.package.manifest.files
    assert not [p for p in made.target.parent.iterdir() if p != made.target]


def test_it_answers_as_a_part_of_the_report(made, root):
    analyzer = Analyzer(device="CPU", package=open_package(made.target))
    image = next((root / "figshare" / "images").iterdir())
    said = report_of(analyzer, image.read_bytes(), image.name).document["second_opinion"]
    assert said["label"] in TYPES
    assert said["differed"]["of"] == made.answer["figures"]["beside_the_network"]["n"]


def test_the_table_names_folds_times_and_the_choice(made):
    boosting, regression = made.answer["candidates"]
    for row in (boosting, regression):
        assert set(row["accuracy"]) == {"expert", "moved", "network"}
        assert list(row["accuracy"]["expert"]["by_fold"]) == ["1", "2", "3", "4"]
        assert list(row["accuracy"]["network"]["by_fold"]) == ["4"]
        assert min(row["fit_ms"], row["predict_ms"], row["stock_fit_ms"]) > 0
    assert boosting["chosen"]
    assert "chosen" not in regression
    figures = made.answer["figures"]
    assert figures["fitted_on_folds"] == [1, 2, 3]
    assert figures["beside_the_network"]["folds"] == [4]
    assert figures["other_sources"]["n"] == 2
    assert open_package(made.target).manifest.document["metrics"]["second_opinion"] == figures


def test_a_second_call_takes_kept_features(made, root, tmp_path, monkeypatch):
    monkeypatch.setattr("optimize.outlines.features", None)
    again = add_opinion(made.run, root, made.package, tmp_path / "tiny", SMALL[:1])
    assert again["figures"]["accuracy"] == made.answer["figures"]["accuracy"]
    assert (tmp_path / "tiny" / FILE).read_bytes() == (made.target / FILE).read_bytes()


def test_a_cross_validated_run_is_measured_on_every_fold_by_the_others(root, tmp_path):
    folder = write_cross_validation(tmp_path / "run", root)
    package = packaged(folder / "all", tmp_path / "tiny")
    figures = add_opinion(folder / "all", root, package, tried=SMALL[:1])["figures"]
    assert figures["fitted_on_folds"] == [1, 2, 3, 4]
    assert figures["beside_the_network"]["folds"] == [1, 2, 3, 4]
    assert list(figures["accuracy"]["network"]["by_fold"]) == ["1", "2", "3", "4"]
    assert FILE in open_package(tmp_path / "tiny").manifest.files


def outlines(drawn_folds=(), n=24, seed=0) -> Outlines:
    """Rows whose first feature is the case's number."""
    rng = np.random.default_rng(seed)
    expert = rng.normal(size=(n, len(NAMES))).astype(np.float32)
    expert[:, 0] = np.arange(n)
    folds = np.arange(n) % 4 + 1
    drawn = np.where(np.isin(folds, drawn_folds)[:, None], expert, np.nan)
    moved = np.stack([expert, expert], 1)
    return Outlines(expert, moved, drawn, np.zeros(n, int), np.arange(n) // 4 % 3, folds)


def test_no_fold_is_judged_by_one_that_has_seen_it():
    class Suspicious:
        def fit(self, rows, types):
            self.seen = set(rows[:, 0].tolist())
            return self

        def predict(self, rows):
            assert not self.seen & set(rows[:, 0].tolist())
            assert len(self.seen) == 18
            return np.zeros(len(rows), int)

    found = cross_validated(outlines((1, 2, 3, 4)), Suspicious)
    assert {kind: part["n"] for kind, part in found.items()} == {
        "expert": 24,
        "moved": 24,
        "network": 24,
    }


def test_network_outlines_are_fitted_on_only_where_every_fold_has_them():
    some, every = outlines((4,)), outlines((1, 2, 3, 4))
    assert len(training_rows(some, (3, 4))[0]) == 24
    assert len(training_rows(every, (3, 4))[0]) == 36
    assert set(judged_rows(some, 1)) == {"expert", "moved"}
    assert set(judged_rows(some, 4)) == {"expert", "moved", "network"}


def test_specks_are_neither_fitted_nor_judged():
    found = outlines()
    found.expert[0] = found.moved[0] = np.nan
    assert len(training_rows(found, (1,))[0]) == 2 * 5
    assert len(judged_rows(found, 1)["expert"][0]) == 5


def row(value: float, stored: bool, network: float | None = None, rounds: int = 100) -> dict:
    every = {str(fold): value for fold in (1, 2, 3, 4)}
    accuracy = {"expert": {"value": value, "by_fold": every, "n": 900}}
    if network is not None:
        accuracy["network"] = {"value": network, "by_fold": {"4": network}}
    settings = {"rounds": rounds}
    return {"algorithm": "a", "accuracy": accuracy, "from_arrays": stored, "settings": settings}


def test_the_best_that_can_be_stored_is_chosen_and_a_better_one_is_named(caplog):
    rows = [row(0.88, True), row(0.92, True), row(0.95, False)]
    assert choose(rows) == 1
    assert "cannot be rebuilt" in caplog.text
    assert choose([row(0.88, True, 0.99), row(0.92, True, 0.10)]) == 1


def test_fewer_trees_win_within_a_standard_error():
    assert choose([row(0.920, True, rounds=400), row(0.915, True, rounds=150)]) == 1
    assert choose([row(0.920, True, rounds=400), row(0.905, True, rounds=150)]) == 0


def test_who_is_right_where_two_differ():
    chances = np.eye(3)[[0, 1, 2, 0]]
    found = against_network(chances, np.array([0, 0, 2, 1]), np.array([0, 1, 1, 1]))
    assert (found["second_opinion_right"], found["network_right"]) == (2, 2)
    assert found["differed"] == {"n": 2, "network_right": 1, "second_opinion_right": 1}
    assert found["network_right_when_agreed"] == 1


def test_moved_outlines_are_near_and_never_gone():
    rng = np.random.default_rng(0)
    for radius in (2, 6, 30):
        mask = np.hypot(*(np.mgrid[0:224, 0:224] - 112)) < radius
        copies = [move(mask, rng) > 0 for _ in range(30)]
        assert min(copy.sum() for copy in copies) > 0
        assert radius == 2 or len({copy.tobytes() for copy in copies}) > 5
        shares = [2 * (copy & mask).sum() / (copy.sum() + mask.sum()) for copy in copies]
        assert np.mean(shares) > 0.6


def test_every_contender_learns_and_is_timed():
    rng = np.random.default_rng(0)
    types = np.repeat(np.arange(3), 70)
    rows = (rng.normal(size=(210, 6)) + 3 * np.eye(3)[types][:, [0, 1, 2, 0, 1, 2]]).astype("f4")
    for one in contenders():
        if one.settings.get("rounds", 0) > 200 or one.settings.get("n_estimators", 0) > 200:
            continue  # seconds each, and nothing new
        for make in (one.onedal,) if one.as_arrays else (one.onedal, one.stock):
            assert (make().fit(rows, types).predict(rows) == types).mean() > 0.95, one.name
    assert min(timed(SMALL[1].onedal, rows, types)) > 0
    assert isinstance(SMALL[1], Contender)


def test_a_fold_without_a_type_is_an_error(tmp_path, root):
    run = write_run(tmp_path / "first", root, (1, 2, 3))
    lists = json.loads((run / "export" / "cases.json").read_text())
    lists["validation"] = [c for c in lists["validation"] if c["label"] != "glioma"]
    (run / "export" / "cases.json").write_text(json.dumps(lists))
    package = packaged(run, tmp_path / "tiny")
    with pytest.raises(CorruptFile, match="0 of glioma in fold 4"):
        add_opinion(run, root, package, tried=SMALL)
    with pytest.raises(NotFound):
        add_opinion(tmp_path / "nowhere", root, package, tried=SMALL)
    assert FILE not in open_package(tmp_path / "tiny").manifest.files


def test_wrong_usage_ends_in_two(tmp_path, root, capsys, made):
    arguments = ["--package", str(made.package.path)]
    assert main(["opinion", str(tmp_path / "none"), "--data", str(root), *arguments]) == 2
    assert main(["opinion", str(made.run), "--data", str(tmp_path / "none"), *arguments]) == 2
    assert "error:" in capsys.readouterr().err
