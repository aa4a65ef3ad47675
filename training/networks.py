"""The network: EfficientNet-Lite0 encoder, a light decoder, one pass for all readings.

Outputs of `build` by name: ``logits`` (4), ``mask`` (side, side, 1) logits, ``cam`` (7, 7, 4)
class evidence by place, and ``embedding``: pooled features of several depths. With attention,
the tumour type is also read from the features under the network's own mask.

References
----------
Tan & Le, EfficientNet, ICML 2019; EfficientNet-Lite (no squeeze-excite, ReLU6), TensorFlow
model zoo 2020. Ronneberger et al., U-Net, MICCAI 2015. Zhou et al., class activation maps, 2016.
Shi et al., sub-pixel convolution, CVPR 2016.
Ilse et al., Attention-based deep multiple instance learning, ICML 2018 (a learnt pooling; ours is
guided by the mask, because a learnt one was unstable beside it).
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf
from tensorflow import keras

from appliance.core.types import LABELS
from training.config import Config
from training.data import PLANES
from training.mask_losses import DEEPER

_BLOCKS = (  # repeats, kernel, stride, expansion, channels
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
_EPSILON = 1e-3


def _norm(x: tf.Tensor, name: str) -> tf.Tensor:
    return keras.layers.BatchNormalization(momentum=0.95, epsilon=_EPSILON, name=name)(x)


def _relu(x: tf.Tensor, name: str) -> tf.Tensor:
    return keras.layers.ReLU(6.0, name=name)(x)


def _block(x: tf.Tensor, name: str, kernel: int, stride: int, expand: int, out: int) -> tf.Tensor:
    """Inverted residual (Sandler et al., MobileNetV2, CVPR 2018)."""
    inside = x
    if expand > 1:
        width = x.shape[-1] * expand
        inside = keras.layers.Conv2D(width, 1, use_bias=False, name=f"{name}_expand_conv")(inside)
        inside = _relu(_norm(inside, f"{name}_bn0"), f"{name}_relu0")
    inside = keras.layers.DepthwiseConv2D(
        kernel, stride, "same", use_bias=False, name=f"{name}_depthwise_conv"
    )(inside)
    inside = _relu(_norm(inside, f"{name}_bn1"), f"{name}_relu1")
    inside = keras.layers.Conv2D(out, 1, use_bias=False, name=f"{name}_project_conv")(inside)
    inside = _norm(inside, f"{name}_bn2")
    if stride == 1 and x.shape[-1] == out:
        inside = keras.layers.Add(name=f"{name}_add")([x, inside])
    return inside


def _separable(x: tf.Tensor, out: int, name: str) -> tf.Tensor:
    x = keras.layers.DepthwiseConv2D(3, 1, "same", use_bias=False, name=f"{name}_dw")(x)
    x = keras.layers.Conv2D(out, 1, use_bias=False, name=f"{name}_pw")(x)
    return _relu(_norm(x, f"{name}_bn"), f"{name}_relu")


def _dense(x: tf.Tensor, out: int, name: str, kernel: int = 3) -> tf.Tensor:
    x = keras.layers.Conv2D(out, kernel, 1, "same", use_bias=False, name=f"{name}_conv")(x)
    return _relu(_norm(x, f"{name}_bn"), f"{name}_relu")


def _joined(y: tf.Tensor, skip: tf.Tensor, name: str) -> tf.Tensor:
    y = keras.layers.UpSampling2D(2, interpolation="bilinear", name=f"up{name}")(y)
    return keras.layers.Concatenate(name=f"join{name}")([y, skip])


Drawn = tuple[tf.Tensor, dict[int, tf.Tensor]]
"""Mask logits, and the decoder's features by stride."""


def _separable_decoder(deep: tf.Tensor, skips: list[tf.Tensor]) -> Drawn:
    """Mask logits at half the input's side."""
    features = {}
    y = _separable(deep, 128, "decode32")
    for skip, width, name in zip(skips[::-1], (96, 64, 40, 24), ("16", "8", "4", "2"), strict=True):
        y = _joined(y, skip, name)
        y = _separable(y, width, f"decode{name}a")
        features[int(name)] = y = _separable(y, width, f"decode{name}b")
    return keras.layers.Conv2D(1, 1, name="mask")(y), features


def _dense_decoder(deep: tf.Tensor, skips: list[tf.Tensor]) -> Drawn:
    """Mask logits at the input's own side.

    Full convolutions down to a quarter of the side, where each place then answers for its 4x4
    pixels: what a processor with 8-bit dot products does best.
    """
    features = {}
    y = _dense(deep, 128, "decode32", kernel=1)
    for skip, width, name in zip(skips[:0:-1], (128, 96, 64), ("16", "8", "4"), strict=True):
        y = _joined(y, skip, name)
        y = _dense(y, width, f"decode{name}a")
        features[int(name)] = y = _dense(y, width, f"decode{name}b")
    y = keras.layers.Conv2D(16, 1, name="subpixels")(y)
    return tf.nn.depth_to_space(y, 4, name="mask"), features


DECODERS = {"separable": _separable_decoder, "dense": _dense_decoder}


def _under_mask(x: tf.Tensor, mask: tf.Tensor, width: int) -> tf.Tensor:
    """Mean features (batch, width) where the mask logits are high; near zero where none are.

    The mask is a guide, not a pupil: no gradient flows back into it from the class.
    """
    factor = mask.shape[1] // x.shape[1]
    guide = keras.layers.AveragePooling2D(factor, name="lesion_guide")(tf.stop_gradient(mask))
    guide = keras.layers.Activation("sigmoid", name="lesion_place")(guide)
    values = keras.layers.Conv2D(width, 1, use_bias=False, name="lesion_values")(x)
    values = _relu(_norm(values, "lesion_values_bn"), "lesion_values_relu")
    total = tf.reduce_sum(values * guide, axis=(1, 2))
    return total / (tf.reduce_sum(guide, axis=(1, 2)) + 1.0)


def build(
    size: int,
    dropout: float,
    classes: int = len(LABELS),
    attention: bool = False,
    decoder: str = "separable",
    deep_masks: bool = False,
    planes: int = 0,
) -> keras.Model:
    """The multi-task network with random weights.

    Parameters
    ----------
    size : int
        Side of the input, a multiple of 32.
    attention : bool
        Read the tumour type also from the features under the mask.
    decoder : str
        A key of `DECODERS`: ``separable`` draws at half the side, ``dense`` at the whole side.
    deep_masks : bool
        For training, outputs ``mask_at_16`` and ``mask_at_8`` at those strides too.
    planes : int
        For training, an output ``plane`` of so many logits.
    """
    image = keras.Input((size, size, 1), name="image")
    x = keras.layers.Conv2D(32, 3, 2, "same", use_bias=False, name="conv_stem")(image)
    x = _relu(_norm(x, "bn0"), "stem_relu")
    skips: list[tf.Tensor] = []
    number = 0
    for repeats, kernel, stride, expand, out in _BLOCKS:
        if stride == 2:
            skips.append(x)
        for repeat in range(repeats):
            x = _block(x, f"block{number}", kernel, stride if repeat == 0 else 1, expand, out)
            number += 1
    deep = x
    head = keras.layers.Conv2D(1280, 1, use_bias=False, name="conv_head")(deep)
    head = _relu(_norm(head, "bn_head"), "head_relu")

    cam = keras.layers.Conv2D(classes, 1, name="cam")(keras.layers.Dropout(dropout)(head))
    whole = keras.layers.GlobalAveragePooling2D(name="whole" if attention else "logits")(cam)

    mask, features = DECODERS[decoder](deep, skips)
    pools = [keras.layers.GlobalAveragePooling2D()(s) for s in (*skips[1:], deep)]
    embedding = keras.layers.Concatenate(name="embedding")(pools)
    outputs = {"logits": whole, "mask": mask, "cam": cam, "embedding": embedding}
    if attention:
        lesion = keras.layers.Dropout(dropout)(_under_mask(features[8], mask, 128))
        lesion = keras.layers.Dense(classes - 1, name="lesion_types")(lesion)
        lesion = lesion - tf.reduce_mean(lesion, axis=1, keepdims=True)  # type, not presence
        lesion = tf.pad(lesion, ((0, 0), (0, 1)))
        outputs["logits"] = keras.layers.Add(name="logits")([whole, lesion])
    for stride in (16, 8) if deep_masks else ():
        name = f"{DEEPER}{stride}"
        outputs[name] = keras.layers.Conv2D(1, 1, name=name)(features[stride])
    if planes:
        pooled = keras.layers.GlobalAveragePooling2D()(head)
        outputs["plane"] = keras.layers.Dense(planes, name="plane")(pooled)
    return keras.Model(image, outputs, name="net")


def build_for(config: Config) -> keras.Model:
    """The network a configuration describes, with random weights."""
    return build(
        config.preprocessing.size,
        config.dropout,
        attention=config.attention,
        decoder=config.decoder,
        deep_masks=config.deep > 0,
        planes=len(PLANES) if config.plane_weight else 0,
    )


def load_imagenet(model: keras.Model, state: dict[str, np.ndarray]) -> int:
    """Copy the encoder's ImageNet weights; the stem's three colours become one grey.

    Returns
    -------
    int
        Number of arrays copied; every encoder layer is covered or a ValueError is raised.
    """
    copied = 0
    for layer in model.layers:
        name = layer.name
        if name.startswith("block"):
            block, _, part = name.partition("_")
            torch = f"_blocks.{block[5:]}._{part}"
        elif name in ("conv_stem", "conv_head"):
            torch = f"_{name}"
        elif name in ("bn0", "bn_head"):
            torch = "_bn0" if name == "bn0" else "_bn1"
        else:
            continue
        if isinstance(layer, keras.layers.BatchNormalization):
            parts = ("weight", "bias", "running_mean", "running_var")
            values = [state[f"{torch}.{part}"] for part in parts]
        elif isinstance(layer, keras.layers.DepthwiseConv2D):
            values = [state[f"{torch}.weight"].transpose(2, 3, 0, 1)]
        elif isinstance(layer, keras.layers.Conv2D):
            kernel = state[f"{torch}.weight"].transpose(2, 3, 1, 0)
            values = [kernel.sum(2, keepdims=True) if name == "conv_stem" else kernel]
        else:
            continue
        layer.set_weights(values)
        copied += len(values)
    expected = len([k for k in state if not k.startswith("_fc") and "num_batches" not in k])
    if copied != expected:
        raise ValueError(f"copied {copied} of {expected} ImageNet arrays")
    return copied
