"""Every discovered task is put through the same contract, on the same head."""

import json

import numpy as np
import pytest

from appliance.core.errors import InputError, NotFound
from appliance.task import find_task, load_tasks
from tests.conftest import make_series

TASKS = load_tasks()


def test_the_expected_tasks_are_found():
    assert {"analyze", "classify", "segment", "detect"} <= set(TASKS)
    with pytest.raises(NotFound, match="classify"):
        find_task("nonsense")


@pytest.mark.parametrize("name", TASKS)
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
    results = {name: analyzer.run_task(name, {"image": series}, {}) for name in TASKS}
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
