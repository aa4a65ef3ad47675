"""Planes, look-alikes, places and readers say what was planted."""

import numpy as np
import pytest

from training.data import Case
from training.explore import embedding, places, readers
from training.explore.both import Bench
from training.explore.slices import Collected

from .collected import make_collected


@pytest.fixture(scope="module")
def collected():
    return make_collected(confounded=False, groups=96)


def test_planes_are_inferred_where_they_are_not_listed(collected):
    found = embedding.planes(collected, Bench())
    assert found["accuracy"]["value"] > 0.9
    assert found["accuracy_other_sources"] is None
    names = np.array(["ax", "co", "sa"])
    truth = names[[int(c.group[1:]) // 4 % 3 for c in collected.cases]]
    inferred = np.array(found["inferred"])
    unlisted = collected.column("plane") == ""
    sure = unlisted & (inferred != "unsure")
    assert sure.sum() > 0.5 * unlisted.sum()
    assert (inferred == truth)[sure].mean() > 0.9
    assert (inferred[~unlisted] == truth[~unlisted]).all()


def test_planes_need_some_that_are_known(collected):
    cases = tuple(Case(c.image, None, c.label, c.fold, c.group, c.source) for c in collected.cases)
    assert (
        embedding.planes(Collected(cases, collected.slices, collected.embeddings), Bench()) is None
    )


def test_a_planted_look_alike_across_folds_is_named(collected):
    embeddings = collected.embeddings.copy()
    a, b = 0, next(n for n, c in enumerate(collected.cases) if c.fold != collected.cases[0].fold)
    embeddings[b] = embeddings[a] + 1e-3
    planted = Collected(collected.cases, collected.slices, embeddings)
    scores, explained = embedding.components(planted, Bench())
    assert explained["components"] == scores.shape[1]
    found = embedding.look_alikes(planted, scores, Bench())
    wanted = sorted(f"{planted.cases[n].source}/{planted.cases[n].image.name}" for n in (a, b))
    assert wanted in found["examples_across_folds"]


def test_lesions_are_mapped_where_they_lie(collected):
    maps = places.heat_maps(collected, np.full(len(collected.cases), "ax"), Bench())
    found = {(entry["label"], entry["plane"]): entry for entry in maps}
    for label, where in (("glioma", (12, 30)), ("pituitary", (24, 24))):
        entry = found[label, "all"]
        values = np.array(entry["map"])
        assert values[where] == 1.0 == entry["peak"]
        assert values.sum() == pytest.approx(25)
        assert found[label, "axial"]["slices"] == entry["slices"]
    assert ("meningioma", "all") not in found


def test_few_people_are_counted_but_not_drawn():
    few = make_collected(confounded=False, groups=24)
    maps = places.heat_maps(few, np.full(len(few.cases), ""), Bench())
    assert {entry["groups"] for entry in maps} == {6}
    assert all(entry["map"] is None for entry in maps)


def test_sizes_are_counted_by_set(collected):
    found = places.sizes(collected)
    assert [row["commonest"] for row in found["files"]] == ["100×120", "100×120"]
    assert {row["label"] for row in found["lesions"]} == {"glioma", "pituitary"}
    assert found["head_in_file"][0]["median"] == pytest.approx(80 / 120, abs=1e-3)


def test_readers_who_agree_and_one_who_draws_twice_the_area():
    first = np.zeros((40, 40), bool)
    first[10:20, 10:20] = True
    double = np.zeros((40, 40), bool)
    double[10:20, 10:30] = True
    cases = [
        Case(None, None, label, 1, f"g{n}", "x")
        for n, label in enumerate(["glioma", "pituitary"] * 6)
    ]
    masks = [(n, first, first if c.label == "glioma" else double) for n, c in enumerate(cases)]
    found = readers.agreement(cases, masks, Bench())
    rows = {row["label"]: row for row in found["by_label"]}
    assert rows["glioma"]["median_dice"]["value"] == 1.0
    assert rows["pituitary"]["mean_dice"]["value"] == pytest.approx(2 / 3, abs=1e-4)
    assert rows["pituitary"]["median_area_ratio"]["value"] == 2.0
    assert rows["all"]["total_area_ratio"] == 1.5
    assert readers.agreement(cases, [], Bench()) is None
