"""The GAN's parts do what their papers ask; in a process of its own, as in use."""

import numpy as np
import pytest

from appliance.core.errors import BadRequest
from tests.apart import apart
from training.gan_plan import Plan, shares, sheet, to_bytes

PARTS = """
import json, sys
from training.device import start
start(0)
import numpy as np, tensorflow as tf
from training import gan

made, judge = gan.generator(32), gan.discriminator(32)
noise, label = tf.random.normal((6, gan.NOISE)), tf.constant([0, 1, 2, 3, 0, 1])
pictures = made([noise, label])
other = made([noise, (label + 1) % 4])
for _ in range(40):  # power iteration
    judge([pictures, label], training=True)
norms = [
    float(np.linalg.norm(
        gan._normalised(l.kernel, l.vector, False).numpy().reshape(-1, l.kernel.shape[-1]), 2
    ))
    for l in judge.layers if isinstance(l, (gan.SpectralConv, gan.SpectralDense))
]
flat = tf.ones((64, 32, 32, 1))
altered = gan.altered(flat).numpy()

@tf.function
def fused():  # ITEX 2.15.0.0 made nan of this before there was a product between the two
    return gan.altered(made([noise, label], training=True))

from pathlib import Path
from types import SimpleNamespace
from training.gan_plan import Plan
from training.gan_train import Game, batches
rng, out = np.random.default_rng(0), Path(sys.argv[1])
real = SimpleNamespace(
    arrays=rng.uniform(-1, 0.9, (10, 32, 32, 1)).astype("f4"), labels=np.arange(10) % 4
)
first = Game(out, Plan(size=32, steps=1, every=1, batch=4))
first.train(real)
second = Game(out, Plan(size=32, steps=2, every=1, batch=4))
same = (first.draw(np.arange(4), (1,)) == second.draw(np.arange(4), (1,))).all()
at = int(second.done)
second.train(real)
stream = batches(real, first.plan, 0)
begun = [next(stream)[1].tolist() for _ in range(4)]
later = next(batches(real, first.plan, 3))[1].tolist()

with tf.GradientTape() as tape:
    tape.watch(pictures)
    moved = tf.reduce_sum(gan.altered(pictures))
gradient = tape.gradient(moved, pictures).numpy()
print(json.dumps({
    "shape": list(pictures.shape), "reach": float(np.abs(pictures).max()),
    "class_matters": float(np.abs(pictures - other).mean()),
    "norms": norms,
    "score": list(judge([pictures, label]).shape),
    "scores_differ": float(np.ptp(judge([pictures, label]).numpy())),
    "black": float((altered == -1.0).mean()), "altered_differ": float(altered.std(0).mean()),
    "finite": bool(np.isfinite(fused().numpy()).all()),
    "gradient": float(np.abs(gradient).mean()),
    "same": bool(same), "at": at, "rounds": [r["step"] for r in second.history],
    "kept": second.history[0] == first.history[0], "stream": begun[3] == later,
    "loss": float(gan.hinge(tf.constant([0.5]), tf.constant([-0.25]))),
}))
"""


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    pytest.importorskip("tensorflow")
    return apart(PARTS, tmp_path_factory.mktemp("gan"))


def test_pictures_lie_in_the_prepared_range_and_follow_the_class(parts):
    assert parts["shape"] == [6, 32, 32, 1]
    assert parts["reach"] <= 1.0
    assert parts["class_matters"] > 1e-3


def test_no_layer_of_the_discriminator_stretches(parts):
    assert len(parts["norms"]) >= 6
    assert max(parts["norms"]) == pytest.approx(1.0, abs=0.05)
    assert parts["score"] == [6]
    assert parts["scores_differ"] > 0


def test_augmentation_cuts_moves_and_lets_gradients_through(parts):
    assert 0.15 < parts["black"] < 0.6
    assert parts["altered_differ"] > 0.05
    assert parts["gradient"] > 0.2


def test_nothing_is_nan_in_the_compiled_graph(parts):
    assert parts["finite"]
    assert parts["loss"] == 0.5 + 0.75


def test_a_gan_that_was_stopped_goes_on(parts):
    assert parts["same"]
    assert parts["at"] == 1
    assert parts["rounds"] == [1, 2]
    assert parts["kept"]
    assert parts["stream"]


@pytest.mark.parametrize("changes", [{"size": 100}, {"steps": 0}, {"batch": 1}, {"every": 0}])
def test_plans_that_are_none(changes):
    with pytest.raises(BadRequest):
        Plan(**changes)


def test_shares_add_up_and_follow_the_classes():
    labels = np.array([0] * 801 + [1] * 425 + [2] * 562 + [3] * 698)
    counts = shares(labels, 746)
    assert counts.sum() == 746
    assert np.abs(counts - 746 * np.bincount(labels) / len(labels)).max() < 1


def test_bytes_and_sheet():
    arrays = np.linspace(-1, 127 / 128, 256, dtype=np.float32).reshape(1, 16, 16, 1)
    assert to_bytes(arrays).ravel().tolist() == list(range(256))
    assert sheet(np.zeros((8, 16, 16), np.uint8), 4).shape == (2 * 18, 4 * 18)
