"""Who is judged on what: never on what it has seen, unless told so and labelled so."""

import pytest

from appliance.core.errors import InputError, NotFound
from optimize.runs import Run, Runs
from training.evaluation.plan import plan, threshold_sources


def run_of(tmp_path, name: str, trained_on: tuple[int, ...]) -> Run:
    return Run(tmp_path / name, {"provenance": {"trained_on_folds": list(trained_on)}})


@pytest.fixture
def crossed(tmp_path) -> Runs:
    rest = {fold: tuple(f for f in (1, 2, 3, 4) if f != fold) for fold in (1, 2, 3, 4)}
    return Runs(tmp_path, {k: run_of(tmp_path, f"fold{k}", v) for k, v in rest.items()})


def test_each_fold_is_judged_by_the_network_that_has_not_seen_it(crossed):
    parts = plan(crossed)
    assert [(p.fold, p.run.name, p.seen) for p in parts] == [
        (k, f"fold{k}", False) for k in (1, 2, 3, 4)
    ]
    assert [p.fold for p in threshold_sources(parts[1], parts)] == [1, 3, 4]


def test_a_single_network_sets_its_own_thresholds(tmp_path):
    run = run_of(tmp_path, "first", (1, 2, 3))
    (part,) = parts = plan(Runs(tmp_path, {4: run}))
    assert part.fold == 4
    assert threshold_sources(part, parts) == [part]


def test_a_seen_fold_is_refused_and_labelled_when_allowed(tmp_path, crossed):
    run = run_of(tmp_path, "first", (1, 2, 3))
    runs = Runs(tmp_path, {4: run})
    with pytest.raises(InputError, match="--in-sample"):
        plan(runs, [2])
    assert [(p.fold, p.seen) for p in plan(runs, [2, 4], in_sample=True)] == [(2, True), (4, False)]
    whole = Runs(tmp_path, {}, whole=run_of(tmp_path, "all", (1, 2, 3, 4)))
    with pytest.raises(InputError, match="trained on fold 1"):
        plan(whole)
    # A folder that says fold 3 but was trained on it is no way round.
    mixed = dict(crossed.folds) | {3: run_of(tmp_path, "fold3", (1, 2, 3))}
    with pytest.raises(InputError, match="fold3 was trained on fold 3"):
        plan(Runs(tmp_path, mixed))


def test_a_missing_fold_is_said(crossed, tmp_path):
    two = Runs(tmp_path, {k: crossed.folds[k] for k in (1, 2)})
    assert [p.fold for p in plan(two)] == [1, 2]
    with pytest.raises(NotFound, match="fold 3"):
        plan(two, [1, 3])


def test_in_sample_answers_set_nobodys_thresholds(tmp_path):
    run = run_of(tmp_path, "first", (1, 2))
    parts = plan(Runs(tmp_path, {3: run, 4: run}), [1, 3, 4], in_sample=True)
    assert [p.fold for p in threshold_sources(parts[1], parts)] == [4]
    assert [p.fold for p in threshold_sources(parts[0], parts)] == [3, 4]
