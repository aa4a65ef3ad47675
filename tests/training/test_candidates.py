"""The list of candidates names what it is, and its widths build what was published."""

import pytest

from appliance.core.errors import BadRequest
from tests.apart import apart
from training.candidates import CANDIDATES, choose

PUBLISHED = """
import json
from training.device import start
start(0)
from tensorflow import keras
from training import architectures as ours

def kernels(model):
    kinds = (keras.layers.Conv2D,)
    return sum(
        int(layer.kernel.shape.num_elements()) for layer in model.layers if isinstance(layer, kinds)
        and not isinstance(layer, keras.layers.DepthwiseConv2D)
    )

print(json.dumps({
    "inception": kernels(ours.inception_v3(96, 1.0)),
    "vgg": kernels(ours.vgg16(32, 1.0)),
    "resnet": kernels(ours.resnet18(64, 1.0)),
    "vit_parameters": ours.vit(224, 1.0).count_params(),
    "half": kernels(ours.vgg16(32, 0.5)),
    "momenta": sorted({
        layer.momentum for layer in ours.mobilenet_v2(32, 1.0).layers
        if isinstance(layer, keras.layers.BatchNormalization)
    }),
    "outputs": [
        list(getattr(ours, name)(64, width).output_shape)
        for name, width in (("sequential", 1.0), ("mobilenet_v2", 1.0), ("vit", 0.5))
    ],
}))
"""

FIRST_STEPS = """
import json
from training.device import start
start(0)
import numpy as np
from training.architectures import sequential
from training.classify import make_step
from training.protocol import Protocol
import tensorflow as tf
from tensorflow import keras

numbers = np.random.default_rng(0)
label = numbers.integers(0, 4, 96)
image = numbers.normal(-0.6, 0.3, (96, 128, 128, 1)).astype(np.float32)
for one, kind in zip(image, label):
    one[20 * kind + 10 : 20 * kind + 50, 30:90] += 0.15
protocol = Protocol()
model, mean = sequential(128, 1.0), sequential(128, 1.0)
optimizer = keras.optimizers.AdamW(protocol.learning_rate)
optimizer.build(model.trainable_variables)
step = make_step(model, mean, optimizer, protocol)
right = []
for number in range(12):
    part = np.arange(16) + number % 6 * 16
    right.append(float(step(tf.constant(image[part]), tf.constant(label[part]), 0.9)[1]))
print(json.dumps(sum(right[-6:]) / 96))
"""


@pytest.fixture(scope="module")
def built():
    pytest.importorskip("tensorflow")
    return apart(PUBLISHED)


# Weights of the convolutions with three colours, as keras.applications and torchvision have them.
COLOURED = {
    "inception": (21_751_136, 32 * 9),
    "vgg": (14_710_464, 64 * 9),
    "resnet": (11_166_912, 64 * 49),
}


@pytest.mark.parametrize("name", COLOURED)
def test_the_full_width_has_the_published_convolutions(built, name):
    published, stem = COLOURED[name]
    assert built[name] == published - 2 * stem


def test_the_transformer_has_the_published_size(built):
    # ViT-S/16 has 22.05 M with three colours, 1,000 classes and a class token
    published = 22_050_664 - 2 * 256 * 384 - (1000 - 4) * 385 - 2 * 384
    assert built["vit_parameters"] == published


def test_half_the_width_is_a_quarter_of_the_weights(built):
    assert built["half"] / built["vgg"] == pytest.approx(0.25, abs=0.01)


def test_every_network_answers_with_four_logits_and_forgets_fast(built):
    assert built["outputs"] == [[None, 4]] * 3
    assert built["momenta"] == [0.95]


def test_a_plain_stack_learns_in_its_first_steps_at_the_full_rate():
    pytest.importorskip("tensorflow")
    # Without normalised dense layers 0.55, and on heads nothing at all.
    assert apart(FIRST_STEPS) > 0.9


def test_every_label_says_where_it_started():
    for candidate in CANDIDATES:
        label = candidate.label("reduced")
        assert label.endswith("ImageNet start") == (candidate.start == "imagenet")
        assert label.endswith("from scratch") == (candidate.start == "random")
    assert "×0.25" in choose("vgg16")[0].label("reduced")
    assert "×" not in choose("vgg16")[0].label("published")


@pytest.mark.parametrize("names", ["resnet,unknown", "", ","])
def test_unknown_names_are_refused(names):
    with pytest.raises(BadRequest, match="sequential, vgg16"):
        choose(names)
