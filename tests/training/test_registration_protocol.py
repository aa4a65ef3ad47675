"""The protocol over the CT/MR pairs: which runs, how they are summed up."""

import numpy as np
import pytest

from appliance.core.transforms import moved
from tests.training.test_registration import ROWS, row
from training import registration
from training import registration_protocol as protocol


def run(number: int, error: float, right: bool = True) -> dict:
    made = row(number, right, protocol.SOURCE)
    extra = {"pair_px": 1.0, "from_pair_px": abs(error - 1.0), "group": str(number % 2)}
    return {**made, "kind": "right", "error_px": error, **extra}


def test_each_pair_gets_each_transform_once_and_others_beside_it_another():
    tasks = [k for _, k in protocol.tasks(5, protocol.TRANSFORMS)]
    assert sorted(tasks) == list(range(5 * protocol.TRANSFORMS))
    first = protocol.tasks(40, 1)
    assert len({k % protocol.TRANSFORMS for _, k in first}) == protocol.TRANSFORMS
    assert [k // protocol.TRANSFORMS for _, k in protocol.tasks(9, 1, 4)] == [0, 4, 8]


def test_known_transforms_are_within_bounds_and_stay_the_same():
    middle = np.full((1, 2), 127.5)
    for number in range(protocol.TRANSFORMS):
        matrix = protocol.known(number)
        assert (matrix == protocol.known(number)).all()
        assert np.abs(moved(matrix, middle) - middle).max() <= 20.0
        assert 0.81 <= np.linalg.det(matrix[:2, :2]) <= 1.21


def test_the_report_counts_by_patient_by_verdict_and_by_cut():
    document, _ = registration.fitted_limits(ROWS, ROWS)
    rows = [run(k, 1.0 + k / 10) for k in range(10)]
    rows += [run(k, 20.0, right=False) for k in range(10, 14)]
    found = protocol.report(rows, document)
    assert found["n"] == 14
    assert found["all"]["beyond_5_px"] == 4
    assert {who: part["n"] for who, part in found["patients"].items()} == {"0": 7, "1": 7}
    assert found["verdicts"]["beyond 10 px"]["good"] == 0
    assert sum(found["verdicts"]["to 4 px"].values()) == 10
    flagged = [cut["missed_flagged"] for cut in found["cuts"][1:]]
    assert flagged == sorted(flagged)
    assert found["cuts"][0]["missed_flagged"] == 1.0


def test_without_misses_their_share_is_not_made_up():
    cut = protocol.trade_off(np.array([0.9]), np.array([1.0]), (0.5,))[0]
    assert cut == {"good_from": 0.5, "missed_flagged": None, "fine_flagged": pytest.approx(0.0)}
