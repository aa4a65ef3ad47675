"""A protocol is written, read back, and refuses what is no budget."""

import json

import pytest

from appliance.core.errors import BadRequest
from training.config import Augmentation
from training.protocol import Protocol, parse_budget


def test_round_trip_and_digest():
    protocol = Protocol(minutes=3.5, epochs=None, augmentation=Augmentation(paint=0.1))
    again = Protocol.from_json(json.loads(json.dumps(protocol.to_json())))
    assert again == protocol
    assert again.digest() == protocol.digest()
    assert Protocol(seed=8).digest() != Protocol().digest()


@pytest.mark.parametrize(
    "changes",
    [
        {"epochs": None},
        {"minutes": 3.0},
        {"input": 100},
        {"input": 0},
        {"steps": 0},
        {"epochs": 0},
        {"epochs": None, "minutes": -1.0},
    ],
)
def test_what_is_no_budget(changes):
    with pytest.raises(BadRequest):
        Protocol(**changes)


@pytest.mark.parametrize("text", ["0", "-3", "ten", "0m", "3h", "1.5", ""])
def test_budgets_that_are_none(text):
    with pytest.raises(BadRequest, match="20 \\(epochs\\)"):
        parse_budget(text)


def test_the_rate_warms_up_and_falls():
    protocol = Protocol()
    rates = [protocol.rate(share / 100) for share in range(101)]
    assert max(rates) == protocol.learning_rate == rates[5]
    assert rates[:6] == sorted(rates[:6])
    assert rates[5:] == sorted(rates[5:], reverse=True)
    assert protocol.rate(1.5) == rates[-1]
