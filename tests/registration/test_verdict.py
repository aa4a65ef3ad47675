"""The decision over the evidence."""

import json
from importlib import resources

import numpy as np
import pytest

from appliance.core.errors import ManifestError
from appliance.core.transforms import parts
from appliance.registration.evidence import NAMES
from appliance.registration.verdict import Limits, judge, shipped

CLEAR = {
    "edges": 0.6, "information": 0.35, "peak": 6.0, "blocks": 0.8, "mirror": 0.45, "outline": 0.99,
    "contained": 1.0, "size": 0.001, "stretch": 0.0, "rival": 0.4, "margin": 0.7,
    "inverse": 0.0, "recovery": 0.0, "halves": 0.0,
}  # fmt: skip
HOPELESS = {
    **dict.fromkeys(NAMES, 0.0),
    "size": 0.4,
    "inverse": 0.5,
    "recovery": 0.5,
    "halves": 0.1,
}
UPRIGHT = parts(np.eye(3))


def test_clear_evidence_is_good_and_none_has_failed():
    assert judge(CLEAR, UPRIGHT, shipped())[:2] == ("good", [])
    verdict, reasons, probability = judge(HOPELESS, UPRIGHT, shipped())
    assert verdict == "failed"
    assert reasons
    assert probability < 0.5


@pytest.mark.parametrize("matrix", [np.diag([3.0, 3.0, 1.0]), np.diag([1.0, -1.0, 1.0])])
def test_an_implausible_transform_fails_whatever_the_evidence(matrix):
    assert judge(CLEAR, parts(matrix), shipped())[0] == "failed"


def test_limits_of_another_version_are_refused():
    text = resources.files("appliance.registration").joinpath("limits.json").read_text("utf-8")
    document = json.loads(text)
    assert document["pictures"]["n"]["right"] > 0
    assert document["volumes"]["n"]["right"] > 0
    assert document["fitted_on"]
    part = document["pictures"]
    for damage in (
        {"names": ["edges"]},
        {"schema": "other"},
        {"pictures": {**part, "weights": [1.0]}},
        {"pictures": {**part, "good": None}},
        {"pictures": None},
    ):
        with pytest.raises(ManifestError):
            Limits.from_json({**document, **damage})
