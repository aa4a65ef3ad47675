"""The warm-up learns to fill in, and leaves the drawing layer as it was."""

from dataclasses import replace

import numpy as np
import pytest

from appliance.core.errors import BadRequest
from appliance.core.preprocess import Preprocessing
from tests.small_network import build_small
from training.config import Config

tf = pytest.importorskip("tensorflow")
from training.warm_up import warm_up, with_holes  # noqa: E402

CONFIG = Config(
    "t", "T", preprocessing=Preprocessing(size=64), decoder="dense", mask_side=64, warm_up=2
)


def test_holes_are_grey_and_the_rest_is_kept():
    image = tf.random.stateless_uniform((8, 64, 64, 1), (1, 2), 0.5, 1.0)
    seen, holes = (part.numpy() for part in with_holes(image))
    assert 0.2 < holes.mean() < 0.6
    assert np.array_equal(seen == 0, holes == 1)
    assert np.array_equal(seen[holes == 0], image.numpy()[holes == 0])
    cells = holes.reshape(8, 4, 16, 4, 16).mean((2, 4))
    assert set(np.unique(cells)) == {0.0, 1.0}


def test_filling_in_is_learnt_and_the_drawing_layer_starts_anew():
    tf.keras.utils.set_random_seed(1)
    config = replace(CONFIG, learning_rate=0.03)
    model = build_small(config)
    before = {layer.name: layer.get_weights() for layer in model.layers}
    image = tf.fill((4, 64, 64, 1), -0.8)
    first, last = warm_up(model, config, lambda epoch: [(image,)] * 20, 20)
    assert last < 0.5 * first

    def moved(name):
        pairs = zip(before[name], model.get_layer(name).get_weights(), strict=True)
        return any((old != new).any() for old, new in pairs)

    assert moved("conv_stem")
    assert not moved("subpixels")
    assert not moved("cam")


def test_a_smaller_mask_is_refused():
    config = replace(CONFIG, mask_side=32)
    with pytest.raises(BadRequest, match="mask_side 64, found 32"):
        warm_up(build_small(config), config, lambda epoch: [], 1)
