"""Disturbances do what they say, and the truth goes with the pixels."""

import numpy as np
import pytest

from appliance.core.probe import probe_picture
from optimize.cases import Case
from training.evaluation.robustness import DISTURBANCES, PER_GROUP, chosen

KINDS = {kind.name: kind for kind in DISTURBANCES}


@pytest.fixture(scope="module")
def pair():
    return probe_picture(), probe_picture(True) != probe_picture(False)


def _applied(name: str, strength: float, pair, seed: int = 0):
    return KINDS[name].apply(pair, strength, np.random.default_rng(seed))


@pytest.mark.parametrize("kind", DISTURBANCES, ids=lambda kind: kind.name)
def test_shapes_and_types(kind, pair):
    for strength in kind.strengths:
        picture, truth = kind.apply(pair, strength, np.random.default_rng(1))
        assert picture.dtype == np.uint8
        assert truth.dtype == bool
        assert picture.shape == truth.shape
        assert not np.array_equal(picture, pair[0])


@pytest.mark.parametrize("name", ["rotation", "down-sampling", "crop"])
def test_the_mass_stays_under_its_mask(name, pair):
    bright = pair[0][pair[1]].mean()
    for seed in range(4):
        picture, truth = _applied(name, KINDS[name].strengths[1], pair, seed)
        if truth.any():
            assert picture[truth].mean() == pytest.approx(bright, rel=0.06)


@pytest.mark.parametrize("name", ["noise", "blur", "jpeg", "gamma"])
def test_more_is_worse(name, pair):
    strengths = KINDS[name].strengths
    if name == "gamma":
        strengths = strengths[2:]
    away = [np.abs(_applied(name, s, pair)[0].astype(float) - pair[0]).mean() for s in strengths]
    assert sorted(away) == away
    assert away[0] > 0


def test_contrast_keeps_the_share_it_says(pair):
    half = _applied("contrast", 0.4, pair)[0]
    head = pair[0] > 0.1 * np.percentile(pair[0], 99)
    assert half[head].std() == pytest.approx(0.4 * pair[0][head].std(), rel=0.05)


def test_the_subset_is_drawn_by_group(tmp_path):
    cases = [
        Case(tmp_path / f"{i}.png", None, "no_tumor" if i < 60 else "glioma", 1, f"g{i // 10}", "s")
        for i in range(120)
    ]
    picked = chosen(cases, 9)
    assert picked == chosen(cases, 9)
    labels = [cases[i].label for i in picked]
    assert labels.count("no_tumor") == labels.count("glioma") == 9
    groups = [cases[i].group for i in picked]
    assert max(map(groups.count, groups)) <= PER_GROUP
