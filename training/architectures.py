"""The networks that `compare` trains: image to four class logits, each with a width factor.

A width of 1.0 is the published network (for one grey channel and four classes); below that every
layer has that share of its channels. All of them start from random weights. Batch normalisation
follows each convolution and hidden dense layer, also in VGG16, which is older than it: without it,
VGG16 does not learn in the few epochs of a comparison, and a dense layer over thousands of flat
features dies in the first steps at a rate that suits the others. Its moving averages are fast
(momentum 0.95) everywhere, because the published 0.99 to 0.999 would still remember the first
steps at the end of a short run.

References
----------
Simonyan & Zisserman (VGG), ICLR 2015. Szegedy et al. (Inception-v3), CVPR 2016. Sandler et al.
(MobileNetV2), CVPR 2018. He et al. (ResNet), CVPR 2016. Dosovitskiy et al. (ViT), ICLR 2021.
"""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf
from tensorflow import keras

from appliance.core.types import LABELS

CLASSES = len(LABELS)
_MOMENTUM = 0.95


def _channels(count: int, width: float) -> int:
    """A layer's channels: a multiple of 8, at least 8."""
    return max(8, int(count * width / 8 + 0.5) * 8)


def _conv(x: tf.Tensor, out: int, kernel: int | tuple[int, int], stride: int = 1) -> tf.Tensor:
    """Convolution, batch normalisation, ReLU; the padding is "same"."""
    x = keras.layers.Conv2D(
        out, kernel, stride, "same", use_bias=False, kernel_initializer="he_normal"
    )(x)
    return keras.layers.ReLU()(keras.layers.BatchNormalization(momentum=_MOMENTUM)(x))


def _dense(x: tf.Tensor, out: int) -> tf.Tensor:
    """Dense layer, batch normalisation, ReLU."""
    x = keras.layers.Dense(out, use_bias=False, kernel_initializer="he_normal")(x)
    return keras.layers.ReLU()(keras.layers.BatchNormalization(momentum=_MOMENTUM)(x))


def _head(x: tf.Tensor, dropout: float) -> tf.Tensor:
    """Logits from pooled or flat features."""
    x = keras.layers.Dropout(dropout)(x)
    return keras.layers.Dense(CLASSES, name="logits")(x)


def sequential(size: int, width: float) -> keras.Model:
    """A plain stack, as in tutorials: four times convolution and pooling, two dense layers."""
    x = image = keras.Input((size, size, 1), name="image")
    for count in (32, 64, 128, 128):
        x = keras.layers.MaxPooling2D()(_conv(x, _channels(count, width), 3))
    x = _dense(keras.layers.Flatten()(x), _channels(128, width))
    return keras.Model(image, _head(x, 0.5), name="sequential")


def vgg16(size: int, width: float) -> keras.Model:
    """VGG16 with batch normalisation."""
    x = image = keras.Input((size, size, 1), name="image")
    for count, repeats in ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)):
        for _ in range(repeats):
            x = _conv(x, _channels(count, width), 3)
        x = keras.layers.MaxPooling2D()(x)
    x = keras.layers.Flatten()(x)
    for _ in range(2):
        x = _dense(keras.layers.Dropout(0.5)(x), _channels(4096, width))
    return keras.Model(image, _head(x, 0.0), name="vgg16")


def resnet18(size: int, width: float) -> keras.Model:
    """ResNet-18: eight residual blocks of two convolutions."""
    image = keras.Input((size, size, 1), name="image")
    x = _conv(image, _channels(64, width), 7, 2)
    x = keras.layers.MaxPooling2D(3, 2, "same")(x)
    for stage, count in enumerate((64, 128, 256, 512)):
        out = _channels(count, width)
        for block in range(2):
            stride = 2 if stage and not block else 1
            x = _residual(x, out, stride)
    return keras.Model(image, _head(keras.layers.GlobalAveragePooling2D()(x), 0.2), name="resnet18")


def _residual(x: tf.Tensor, out: int, stride: int) -> tf.Tensor:
    inside = _conv(x, out, 3, stride)
    inside = keras.layers.Conv2D(out, 3, 1, "same", use_bias=False, kernel_initializer="he_normal")(
        inside
    )
    inside = keras.layers.BatchNormalization(momentum=_MOMENTUM)(inside)
    if stride > 1 or x.shape[-1] != out:
        x = keras.layers.Conv2D(out, 1, stride, use_bias=False, kernel_initializer="he_normal")(x)
        x = keras.layers.BatchNormalization(momentum=_MOMENTUM)(x)
    return keras.layers.ReLU()(keras.layers.Add()([x, inside]))


def mobilenet_v2(size: int, width: float) -> keras.Model:
    """MobileNetV2, the graph of ``keras.applications``."""
    model = keras.applications.MobileNetV2(
        (size, size, 1), width, weights=None, classes=CLASSES, classifier_activation=None
    )
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = _MOMENTUM
    return model


def inception_v3(size: int, width: float) -> keras.Model:
    """Inception-v3 without its auxiliary classifier; "same" padding throughout."""

    def chain(x: tf.Tensor, *steps: Sequence) -> tf.Tensor:
        for count, kernel, *stride in steps:
            x = _conv(x, _channels(count, width), kernel, *stride)
        return x

    def pooled(x: tf.Tensor, count: int) -> tf.Tensor:
        return chain(keras.layers.AveragePooling2D(3, 1, "same")(x), (count, 1))

    def join(*parts: tf.Tensor) -> tf.Tensor:
        return keras.layers.Concatenate()(parts)

    image = keras.Input((size, size, 1), name="image")
    x = chain(image, (32, 3, 2), (32, 3), (64, 3))
    x = chain(keras.layers.MaxPooling2D(3, 2, "same")(x), (80, 1), (192, 3))
    x = keras.layers.MaxPooling2D(3, 2, "same")(x)
    for count in (32, 64, 64):
        x = join(
            chain(x, (64, 1)),
            chain(x, (48, 1), (64, 5)),
            chain(x, (64, 1), (96, 3), (96, 3)),
            pooled(x, count),
        )
    x = join(
        chain(x, (384, 3, 2)),
        chain(x, (64, 1), (96, 3), (96, 3, 2)),
        keras.layers.MaxPooling2D(3, 2, "same")(x),
    )
    for c in (128, 160, 160, 192):
        x = join(
            chain(x, (192, 1)),
            chain(x, (c, 1), (c, (1, 7)), (192, (7, 1))),
            chain(x, (c, 1), (c, (7, 1)), (c, (1, 7)), (c, (7, 1)), (192, (1, 7))),
            pooled(x, 192),
        )
    x = join(
        chain(x, (192, 1), (320, 3, 2)),
        chain(x, (192, 1), (192, (1, 7)), (192, (7, 1)), (192, 3, 2)),
        keras.layers.MaxPooling2D(3, 2, "same")(x),
    )
    for _ in range(2):
        split = chain(x, (384, 1))
        deep = chain(x, (448, 1), (384, 3))
        x = join(
            chain(x, (320, 1)),
            chain(split, (384, (1, 3))),
            chain(split, (384, (3, 1))),
            chain(deep, (384, (1, 3))),
            chain(deep, (384, (3, 1))),
            pooled(x, 192),
        )
    x = keras.layers.GlobalAveragePooling2D()(x)
    return keras.Model(image, _head(x, 0.2), name="inception_v3")


class _Positions(keras.layers.Layer):
    """Adds a learned vector to each token."""

    def build(self, shape: tf.TensorShape) -> None:
        start = keras.initializers.TruncatedNormal(stddev=0.02)
        self.table = self.add_weight("table", (1, *shape[1:]), initializer=start)

    def call(self, tokens: tf.Tensor) -> tf.Tensor:
        return tokens + self.table


class _Attention(keras.layers.Layer):
    """Multi-head self-attention, written with plain matrix products."""

    def __init__(self, heads: int, **kwargs) -> None:
        super().__init__(**kwargs)
        self.heads = heads

    def build(self, shape: tf.TensorShape) -> None:
        self.width = int(shape[-1])
        self.query_key_value = keras.layers.Dense(3 * self.width)
        self.query_key_value.build(shape)
        self.out = keras.layers.Dense(self.width)
        self.out.build(shape)

    def call(self, tokens: tf.Tensor) -> tf.Tensor:
        count, each = tokens.shape[1], self.width // self.heads
        packed = tf.reshape(self.query_key_value(tokens), (-1, count, 3, self.heads, each))
        query, key, value = tf.unstack(tf.transpose(packed, (2, 0, 3, 1, 4)))
        weights = tf.nn.softmax(tf.matmul(query * each**-0.5, key, transpose_b=True))
        mixed = tf.transpose(tf.matmul(weights, value), (0, 2, 1, 3))
        return self.out(tf.reshape(mixed, (-1, count, self.width)))


class _TokenNorm(keras.layers.Layer):
    """Layer normalisation over the channels of each token."""

    def build(self, shape: tf.TensorShape) -> None:
        self.gamma = self.add_weight("gamma", (shape[-1],), initializer="ones")
        self.beta = self.add_weight("beta", (shape[-1],), initializer="zeros")

    def call(self, tokens: tf.Tensor) -> tf.Tensor:
        mean = tf.reduce_mean(tokens, -1, keepdims=True)
        spread = tf.reduce_mean(tf.math.squared_difference(tokens, mean), -1, keepdims=True)
        return (tokens - mean) * tf.math.rsqrt(spread + 1e-6) * self.gamma + self.beta


def vit(size: int, width: float) -> keras.Model:
    """A vision transformer with patches of 16 pixels, its tokens averaged for the class.

    Width 1.0 is ViT-S/16: 384 channels, six heads, twelve layers. Below that the depth shrinks
    too: 0.5 has the 192 channels and three heads of ViT-Ti, and six layers.
    """
    heads, depth = max(1, round(6 * width)), max(2, round(12 * width))
    channels = heads * 64
    image = keras.Input((size, size, 1), name="image")
    x = keras.layers.Conv2D(channels, 16, 16, name="patches")(image)
    x = _Positions()(keras.layers.Reshape((-1, channels))(x))
    for _ in range(depth):
        x = keras.layers.Add()([x, _Attention(heads)(_TokenNorm()(x))])
        inside = keras.layers.Dense(4 * channels, activation=tf.nn.gelu)(_TokenNorm()(x))
        x = keras.layers.Add()([x, keras.layers.Dense(channels)(inside)])
    x = keras.layers.GlobalAveragePooling1D()(_TokenNorm()(x))
    return keras.Model(image, _head(x, 0.1), name="vit")


def neuralscan(size: int, width: float, start: str) -> keras.Model:
    """The product's network with lesion attention, of which only the class logits are used.

    Whatever the logits do not need (the last steps of the mask decoder) falls away. The attention
    is learnt from the class alone, as the other networks learn: no mask supervises it here.

    Parameters
    ----------
    width : float
        Only 1.0 exists.
    start : str
        ``imagenet`` or ``random``.
    """
    from training.networks import build, load_imagenet
    from training.weights import efficientnet_lite0

    if width != 1.0:
        raise ValueError(f"the product's network has no width factor, asked for {width}")
    whole = build(size, 0.25, attention=True)
    if start == "imagenet":
        load_imagenet(whole, efficientnet_lite0())
    return keras.Model(whole.input, whole.output["logits"], name="neuralscan")
