"""appliance.opinion: what the outline says, beside the network, and never in its place."""

import io
import json
from dataclasses import replace

import numpy as np
import pytest

from appliance import console, opinion, report
from appliance.boosting import fit_boosted_trees
from appliance.core.errors import ModelError
from appliance.core.preprocess import Prepared, prepare_mask
from appliance.core.radiomics import NAMES, features
from appliance.core.types import Volume
from appliance.interpret import interpret
from appliance.opinion import FILE, TYPES, OpinionEstimator, second_opinion, telling
from appliance.pipeline import Analyzer
from appliance.registry import open_package
from optimize.package import write_with
from tests.conftest import head_array, make_series


def fitted(towards: int = 0, sure: float = 1.0) -> OpinionEstimator:
    """An estimator that mostly looks at `area` and leans to one type."""
    rng = np.random.default_rng(5)
    rows = rng.normal(size=(300, len(NAMES))).astype(np.float32)
    types = rng.integers(0, 3, 300)
    rows[:, 0] = types * 3 + rng.normal(size=300) * 0.3 - 3 * towards
    usual = np.stack([np.quantile(rows[types == t], (0.1, 0.9), axis=0) for t in range(3)])
    trees = fit_boosted_trees(rows, types, rounds=120)
    return OpinionEstimator(
        trees, 1 / sure, np.median(rows, 0).astype(np.float32), usual.astype(np.float32)
    )


def with_opinion(package, folder, estimator, record=None):
    metrics = {"second_opinion": {"differed": record}} if record else {}
    path = write_with(package, {FILE: estimator.to_bytes()}, {"metrics": metrics}, folder)
    return Analyzer(device="CPU", package=open_package(path))


@pytest.fixture(scope="module")
def agreeing(tiny_package, tmp_path_factory):
    return with_opinion(tiny_package, tmp_path_factory.mktemp("a") / "tiny", fitted(0))


@pytest.fixture(scope="module")
def differing(tiny_package, tmp_path_factory):
    record = {"n": 55, "of": 607, "network_right": 37, "second_opinion_right": 16, "folds": [4]}
    folder = tmp_path_factory.mktemp("d") / "tiny"
    return with_opinion(tiny_package, folder, fitted(2), record)


def test_a_package_without_an_estimator_has_none(analyzer, series):
    document = analyzer.analyze(series).document
    assert document["second_opinion"] is None


def test_an_opinion_that_agrees(agreeing, series):
    document = agreeing.analyze(series).document
    said = document["second_opinion"]
    json.dumps(document, allow_nan=False)
    assert (said["label"], said["agrees"], said["warning"]) == ("glioma", True, None)
    assert list(said["probabilities"]) == list(TYPES)
    assert sum(said["probabilities"].values()) == pytest.approx(1, abs=1e-3)
    assert 0 < len(said["features"]) <= 4
    assert set(said["features"]) <= set(NAMES)
    first = next(iter(said["features"].values()))
    assert list(first["usual"]) == list(TYPES)
    assert document["quality"]["warnings"] == []


def test_an_opinion_that_differs_changes_nothing_but_warns(analyzer, differing, series):
    plain, document = analyzer.analyze(series).document, differing.analyze(series).document
    said = document["second_opinion"]
    assert (said["label"], said["compared_with"], said["agrees"]) == ("pituitary", "glioma", False)
    assert said["differed"]["network_right"] == 37
    for key in ("verdict", "reasons", "classification", "lesions", "slices"):
        assert document[key] == plain[key]
    assert said["confident"]
    assert document["quality"]["warnings"] == [said["warning"]]
    assert "looks like pituitary" in console.summary(document)


def test_one_that_is_not_confident_does_not_warn(tiny_package, tmp_path, series):
    unsure = with_opinion(tiny_package, tmp_path / "tiny", fitted(2, sure=0.05))
    said = unsure.analyze(series).document["second_opinion"]
    assert (said["agrees"], said["confident"], said["warning"]) == (False, False, None)


def test_nothing_drawn_or_refused_has_none(differing):
    healthy = differing.analyze(make_series(lesion=False)).document
    assert (healthy["verdict"], healthy["second_opinion"]) == ("no_tumor", None)
    refused = differing.analyze(make_series(modality="CT")).document
    assert refused["second_opinion"] is None


def test_it_looks_at_the_slice_that_shows_most_of_the_largest_lesion(differing, series):
    found = interpret(differing.read(series), differing.manifest)
    seen = telling(found)
    areas = (found.labels == 1).sum(axis=(1, 2))
    assert areas[seen.index] == areas.max() > 0
    prepared = found.reading.prepared[seen.index]
    inside = opinion.on_grid(prepared, found.labels[seen.index] == 1)
    assert (seen.values == features(*inside)).all()
    assert second_opinion(found, fitted())["slice"] == seen.index
    assert telling(replace(found, labels=np.zeros_like(found.labels))) is None


def test_a_picture_and_a_volume_in_another_order_are_read_alike(differing):
    array = head_array()
    one = make_series(slices=1, volume=Volume(array[4:5]), kind="image")
    turned = make_series(volume=Volume(np.ascontiguousarray(array[::-1])), kind="nifti")
    for other in (one, turned):
        said = differing.analyze(other).document["second_opinion"]
        assert said["label"] == "pituitary"


def test_features_that_spoke_are_those_the_trees_look_at():
    estimator = fitted()
    row = estimator.median.copy()
    row[0] = -0.2
    chances, spoke = estimator.judge(row)
    assert TYPES[int(chances.argmax())] == "glioma"
    assert NAMES[spoke[0]] == NAMES[0]


def test_bytes_round_trip():
    estimator = fitted()
    again = OpinionEstimator.from_bytes(estimator.to_bytes())
    rows = np.random.default_rng(0).normal(size=(20, len(NAMES))).astype(np.float32)
    assert (again.probabilities(rows) == estimator.probabilities(rows)).all()


def changed(**arrays) -> bytes:
    with np.load(io.BytesIO(fitted().to_bytes())) as archive:
        kept = {name: archive[name] for name in archive.files}
    stream = io.BytesIO()
    np.savez(stream, **{k: v for k, v in {**kept, **arrays}.items() if v is not None})
    return stream.getvalue()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"PK\x03\x04junk",
        changed(median=None),
        changed(names=np.array([{"a": 1}], object)),
        changed(usual=np.zeros((2, 2), np.float32)),
        changed(tree_sizes=np.array([3], np.int32)),
        changed(tree_classes=np.array(2)),
        changed(temperature=np.array(3.0)),
        changed(temperature=np.array(np.nan)),
    ],
)
def test_damaged_or_foreign_bytes_are_refused(data):
    with pytest.raises(ModelError):
        OpinionEstimator.from_bytes(data)


def test_other_features_say_the_remedy():
    with pytest.raises(ModelError, match="python -m optimize opinion"):
        OpinionEstimator.from_bytes(changed(names=np.array([*NAMES[:-1], "else"])))


def test_the_page_shows_it_loudly_only_where_it_differs(agreeing, differing, series):
    loud = report.to_html([(differing.analyze(series), series)])
    assert "A second opinion differs:" in loud
    assert "pituitary tumour" in loud
    assert "the network was right 37 times" in loud
    assert "Read with care" not in loud
    quiet = report.to_html([(agreeing.analyze(series), series)])
    assert "A second opinion differs:" not in quiet
    assert "Shape, texture and surroundings of the outline alone also say glioma" in quiet


def test_it_is_quick(differing, series):
    """A budget with much room to spare: the appliance's own is 2 ms."""
    import time

    found = interpret(differing.read(series), differing.manifest)
    estimator = fitted()
    spent = []
    for _ in range(20):
        before = time.thread_time()
        second_opinion(found, estimator)
        spent.append(time.thread_time() - before)
    assert np.median(spent) < 0.02


@pytest.mark.parametrize("square", [(3, 5, 40), (-6, -4, 60), (10, -8, 30), (0, 0, 48)])
def test_the_mask_is_laid_on_the_grid_as_the_network_s_own_masks_are(square):
    mask = np.zeros((48, 50), bool)
    mask[15:32, 12:30] = True
    prepared = Prepared(np.zeros((96, 96, 1), np.float32), mask.shape, square)
    wanted = prepare_mask(mask, prepared, 96) > 0.5
    found = opinion.on_grid(prepared, mask)[1]
    assert found.shape == (96, 96)
    assert (found != wanted).mean() < 0.02
    assert found.sum() == pytest.approx(wanted.sum(), rel=0.05)
