"""Every discovered task is put through the same contract, on the same head."""

import json
from dataclasses import replace

import numpy as np
import pytest

from appliance import burned_in, pipeline
from appliance.core.errors import BadRequest, InputError, NotFound
from appliance.core.types import Result
from appliance.pair_document import IMAGE, as_document
from appliance.task import Task, find_task, load_tasks, pair_tasks
from tests.conftest import make_series
from tests.heads import head_pair

TASKS = load_tasks()
PAIRED = pair_tasks()
SINGLE = [name for name in TASKS if name not in PAIRED]


def test_the_expected_tasks_are_found():
    assert {"analyze", "classify", "segment", "detect"} <= set(SINGLE)
    assert {"register", "fuse", "track", "carry"} <= set(PAIRED)
    with pytest.raises(NotFound, match="classify"):
        find_task("nonsense")


@pytest.mark.parametrize("name", SINGLE)
def test_a_task_answers_in_primitives(name, analyzer, series):
    task = TASKS[name]
    assert task.name == name
    assert task.title
    assert task.inputs
    result = analyzer.run_task(name, dict.fromkeys(task.inputs, series), {})
    assert result.task == name
    json.dumps(result.to_json(), allow_nan=False)
    for volume in (result.label_map, *result.derived.values()):
        if volume is not None:
            assert volume.shape == series.volume.shape
            assert volume.array.dtype == np.uint8


def test_readings_of_one_pass_agree(analyzer, series):
    results = {name: analyzer.run_task(name, {"image": series}, {}) for name in SINGLE}
    assert len({r.verdict for r in results.values()}) == 1
    assert results["analyze"].classification == results["classify"].classification
    assert results["analyze"].findings == results["segment"].findings
    assert set(results["detect"].findings) == set(results["segment"].findings)


def test_a_task_runs_with_any_callable_as_network(tiny_package, series):
    passes = []

    def infer(arrays):
        for array in arrays:
            passes.append(array.shape)
            yield {
                "logits": np.array([[0.0, 0, 0, 9]]),
                "mask": np.full((1, 8, 8, 1), -9.0),
                "cam": np.zeros((1, 2, 2, 4)),
                "embedding": np.zeros((1, 16)),
            }

    result = TASKS["analyze"].run({"image": series}, infer, tiny_package.manifest, {})
    assert result.verdict == "no_tumor"
    assert passes == [(1, 64, 64, 1)] * series.volume.shape[0]


def test_a_task_refuses_what_analyze_refuses(analyzer):
    with pytest.raises(InputError):
        analyzer.run_task("segment", {"image": make_series(modality="CT")}, {})


@pytest.mark.parametrize("name", PAIRED)
def test_a_task_on_a_pair_answers_in_primitives_and_tells_its_progress(name, analyzer):
    task = TASKS[name]
    assert (task.name, task.inputs) == (name, ("fixed", "moving"))
    inputs = dict(zip(task.inputs, head_pair(), strict=True))
    shares: list[float] = []
    result = analyzer.run_task(name, inputs, task.chosen({}), shares.append)
    assert result.task == name
    assert result.verdict
    assert len(shares) > 2
    assert 0 <= min(shares) <= max(shares) <= 1
    for finding in result.findings:
        assert int((result.label_map.array == finding.id).sum()) == finding.area_px
    document, layers = as_document(name, inputs, result, {}, {})
    json.dumps(document, allow_nan=False)
    json.dumps({**result.documents, **result.texts}, allow_nan=False)
    for volume in layers.values():
        assert volume.shape == inputs["fixed"].volume.shape
        assert np.isfinite(volume.array).all()


@pytest.mark.parametrize("name", PAIRED)
def test_a_task_on_a_pair_stops_when_told_to(name, analyzer):
    class Enough(Exception):
        pass

    def watch(share: float) -> None:
        if share > 0.1:
            raise Enough

    inputs = dict(zip(TASKS[name].inputs, head_pair(), strict=True))
    with pytest.raises(Enough):
        analyzer.run_task(name, inputs, TASKS[name].chosen({}), watch)


@pytest.mark.parametrize("name", PAIRED)
def test_a_task_on_a_pair_takes_no_option_it_does_not_offer(name):
    with pytest.raises(BadRequest, match="no option"):
        TASKS[name].chosen({"nonsense": 1})
    for option, choices in TASKS[name].options.items():
        assert TASKS[name].chosen({})[option] == choices[0]
        with pytest.raises(BadRequest, match="expected"):
            TASKS[name].chosen({option: ["no choice"]})


def test_only_the_roles_a_task_reads_must_suit_the_network(analyzer, monkeypatch):
    def run(inputs, infer, manifest, options, watch):
        return Result("carry", verdict="carried")

    task = Task("carry", "Carry", ("fixed", "moving"), True, run, read=("moving",))
    monkeypatch.setattr(pipeline, "find_task", lambda name: task)
    ct, mr = make_series(modality="CT"), make_series()
    assert analyzer.run_task("carry", {"fixed": ct, "moving": mr}, {}).verdict == "carried"
    with pytest.raises(InputError):
        analyzer.run_task("carry", {"fixed": mr, "moving": ct}, {})


@pytest.mark.parametrize("name", PAIRED)
def test_text_in_either_picture_is_black_in_all_that_a_task_on_a_pair_makes(
    name, analyzer, monkeypatch
):
    place, task = (2, 4, 14, 70), TASKS[name]

    def painted(series, by):
        array = (series.volume.array * 0.6).astype(np.uint8)
        array[:, place[0] : place[2], place[1] : place[3]] = 255
        return replace(series, volume=series.volume.with_array(array), sha256=by * 64)

    inputs = {r: painted(s, r[0]) for r, s in zip(task.inputs, head_pair(), strict=True)}
    monkeypatch.setattr(burned_in, "noticed", lambda series: (series, (place,)))
    result = analyzer.run_task(name, inputs, task.chosen({}))
    document, layers = as_document(name, inputs, result, {}, {})
    assert document["text_in_pictures"] is True
    assert document["pictures_withheld"] is False
    assert document["text_places"] == dict.fromkeys(task.inputs, [list(place)])
    assert document["warnings"].count(burned_in.WARNING) == 1
    for layer, volume in layers.items():
        if document["layers"][layer]["kind"] == IMAGE:
            assert volume.array.max() < 250, layer
