"""The loss: truth is preferred, unknown planes count for nothing."""

import numpy as np
import pytest

from training.config import Config

tf = pytest.importorskip("tensorflow")
from training.step import PARTS, loss_parts  # noqa: E402

UNKNOWN = tf.constant([-1, -1], tf.int64)


@pytest.fixture
def mask():
    found = np.zeros((2, 16, 16, 1), np.float32)
    found[0, 4:9, 4:9] = 1
    return found


def answers(mask, **more):
    return {
        "logits": tf.constant([[9.0, 0, 0, 0], [0, 0, 0, 9]]),
        "mask": tf.constant(mask * 20 - 10),
        **more,
    }


def losses(outputs, mask, plane=UNKNOWN):
    target = tf.one_hot([0, 3], 4)
    parts = loss_parts(outputs, tf.constant(mask), target, plane, Config("t", "t"))
    return dict(zip(PARTS, map(float, parts), strict=True))


def test_the_loss_prefers_the_truth(mask):
    right = answers(mask)
    good = losses(right, mask)
    bad = losses({name: -value for name, value in right.items()}, mask)
    assert all(good[name] < 0.5 * bad[name] for name in ("class", "mask", "presence"))


def test_a_plane_counts_where_it_is_named(mask):
    says = answers(mask, plane=tf.constant([[0.0, 5, 0], [0, 5, 0]]))
    right, wrong = (tf.constant([number, -1], tf.int64) for number in (1, 2))
    assert losses(says, mask)["plane"] == losses(answers(mask), mask, right)["plane"] == 0
    assert 0 < losses(says, mask, right)["plane"] < 0.1 < losses(says, mask, wrong)["plane"]
