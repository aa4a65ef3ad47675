"""A class-conditional GAN for few slices: generator, discriminator, augmentation of both.

Residual generator with class-conditional batch normalisation; discriminator with spectral
normalisation, a projection for the class and the minibatch's spread as a feature; hinge losses;
every picture the discriminator sees, real or not, is moved, cut and re-lit alike, so that it
cannot learn 2,500 slices by heart.

References
----------
Miyato et al., Spectral normalization, ICLR 2018. Miyato & Koyama, cGANs with projection
discriminator, ICLR 2018. Lim & Ye, Geometric GAN (hinge loss), 2017. Zhao et al., Differentiable
augmentation, NeurIPS 2020. Karras et al., Progressive growing (minibatch spread), ICLR 2018.
"""

from __future__ import annotations

import tensorflow as tf
from tensorflow import keras

from appliance.core.types import LABELS

CLASSES = len(LABELS)
NOISE = 128
_SMALLEST = 4
_WIDTHS = {4: 160, 8: 128, 16: 96, 32: 64, 64: 32, 128: 16, 256: 8}
"""Generator channels at each side."""
_JUDGE = {4: 192, 8: 160, 16: 96, 32: 48, 64: 24, 128: 12}
"""Discriminator channels at each side, after its convolution with stride 2."""


def sides(size: int) -> list[int]:
    """4, 8, … up to the side of the pictures.

    Raises
    ------
    ValueError
        For a side that is no power of two from 32 to 256.
    """
    if size not in (32, 64, 128, 256):
        raise ValueError(f"expected a side of 32, 64, 128 or 256 pixels, found {size}")
    return [side for side in _WIDTHS if side <= size]


class ConditionalNorm(keras.layers.Layer):
    """Batch normalisation whose gain and offset follow the condition."""

    def build(self, shapes: tuple[tf.TensorShape, tf.TensorShape]) -> None:
        channels = int(shapes[0][-1])
        self.norm = keras.layers.BatchNormalization(center=False, scale=False, momentum=0.95)
        small = keras.initializers.RandomNormal(stddev=0.02)  # noise must not gate at the start
        self.gain = keras.layers.Dense(channels, kernel_initializer=small)
        self.offset = keras.layers.Dense(channels, kernel_initializer=small)
        self.norm.build(shapes[0])
        self.gain.build(shapes[1])
        self.offset.build(shapes[1])

    def call(self, inputs: tuple[tf.Tensor, tf.Tensor], training: bool | None = None) -> tf.Tensor:
        features, condition = inputs
        gain = 1.0 + self.gain(condition)[:, None, None]
        return self.norm(features, training=training) * gain + self.offset(condition)[:, None, None]


def generator(size: int) -> keras.Model:
    """``[noise (n, 128), label (n,)]`` to pictures (n, size, size, 1) in -1 to 1."""
    noise, label = keras.Input((NOISE,)), keras.Input((), dtype=tf.int32)
    condition = keras.layers.Concatenate()([noise, keras.layers.Embedding(CLASSES, 64)(label)])
    start = _WIDTHS[_SMALLEST]
    x = keras.layers.Dense(_SMALLEST * _SMALLEST * start)(condition)
    x = keras.layers.Reshape((_SMALLEST, _SMALLEST, start))(x)
    for side in sides(size)[1:]:
        x = _grow(x, condition, _WIDTHS[side], 2 if side <= 16 else 1)
    x = keras.layers.ReLU()(ConditionalNorm()([x, condition]))
    picture = keras.layers.Conv2D(1, 3, 1, "same", activation="tanh")(x)
    return keras.Model([noise, label], picture, name="generator")


def _grow(x: tf.Tensor, condition: tf.Tensor, out: int, convolutions: int) -> tf.Tensor:
    """Twice the side: normalise, enlarge, convolve, beside a plain way round."""
    inside = keras.layers.ReLU()(ConditionalNorm()([x, condition]))
    inside = keras.layers.Conv2D(out, 3, 1, "same")(keras.layers.UpSampling2D()(inside))
    for _ in range(convolutions - 1):
        inside = keras.layers.ReLU()(ConditionalNorm()([inside, condition]))
        inside = keras.layers.Conv2D(out, 3, 1, "same")(inside)
    plain = keras.layers.Conv2D(out, 1)(x)
    plain = keras.layers.UpSampling2D(interpolation="bilinear")(plain)
    return keras.layers.Add()([inside, plain])


class _Spread(keras.layers.Layer):
    """One more channel: how much the pictures of the batch differ here; says "all alike" loudly."""

    def call(self, x: tf.Tensor) -> tf.Tensor:
        spread = tf.sqrt(tf.math.reduce_variance(x, 0) + 1e-8)
        return tf.concat([x, tf.ones_like(x[..., :1]) * tf.reduce_mean(spread)], -1)


def _normalised(kernel: tf.Variable, vector: tf.Variable, training: bool | None) -> tf.Tensor:
    """The kernel divided by its largest singular value, by one step of power iteration."""
    matrix = tf.reshape(kernel, (-1, kernel.shape[-1]))
    still = tf.stop_gradient(matrix)
    left = tf.math.l2_normalize(tf.linalg.matvec(still, vector))
    right = tf.math.l2_normalize(tf.linalg.matvec(still, left, transpose_a=True))
    if training:
        vector.assign(right)
    return kernel / tf.tensordot(left, tf.linalg.matvec(matrix, right), 1)


class SpectralConv(keras.layers.Conv2D):
    """A convolution, padding "same", whose kernel never stretches more than by one."""

    def build(self, shape: tf.TensorShape) -> None:
        super().build(shape)
        start = keras.initializers.RandomNormal()
        self.vector = self.add_weight("vector", (self.filters,), initializer=start, trainable=False)

    def call(self, x: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        kernel = _normalised(self.kernel, self.vector, training)
        return tf.nn.conv2d(x, kernel, self.strides, "SAME") + self.bias


class SpectralDense(keras.layers.Dense):
    """A dense layer whose matrix never stretches more than by one."""

    def build(self, shape: tf.TensorShape) -> None:
        super().build(shape)
        start = keras.initializers.RandomNormal()
        self.vector = self.add_weight("vector", (self.units,), initializer=start, trainable=False)

    def call(self, x: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        return tf.matmul(x, _normalised(self.kernel, self.vector, training)) + self.bias


def discriminator(size: int) -> keras.Model:
    """``[picture (n, size, size, 1), label (n,)]`` to how real it looks (n,), unbounded."""
    picture, label = keras.Input((size, size, 1)), keras.Input((), dtype=tf.int32)
    x = picture
    for side in reversed(sides(size)[:-1]):
        out = _JUDGE[side]
        x = SpectralConv(out, 4, 2)(x)
        x = keras.layers.LeakyReLU(0.2)(x)
        if side in (16, 32):
            x = SpectralConv(out, 3)(x)
            x = keras.layers.LeakyReLU(0.2)(x)
    x = SpectralConv(_JUDGE[_SMALLEST], 3)(_Spread()(x))
    x = _Sum()(keras.layers.LeakyReLU(0.2)(x))
    alone = SpectralDense(1)(x)
    wanted = SpectralDense(_JUDGE[_SMALLEST])(_OneHot()(label))
    fitting = keras.layers.Dot(1)([x, wanted])
    return keras.Model(
        [picture, label], keras.layers.Reshape(())(keras.layers.Add()([alone, fitting]))
    )


class _Sum(keras.layers.Layer):
    def call(self, x: tf.Tensor) -> tf.Tensor:
        return tf.reduce_sum(x, (1, 2))


class _OneHot(keras.layers.Layer):
    def call(self, label: tf.Tensor) -> tf.Tensor:
        return tf.one_hot(label, CLASSES)


def altered(pictures: tf.Tensor) -> tf.Tensor:
    """Brightness, contrast, shift by up to an eighth, and a black square of half the side.

    Differentiable, and different for each picture of the batch; black is -1.

    Parameters
    ----------
    pictures : (n, size, size, 1) float32

    Notes
    -----
    ITEX 2.15.0.0 fuses ``tanh(convolution) + constant``, the generator's end and the first step
    here, into one operation that answers nan. The product in between keeps the two apart.
    """
    count, size = tf.shape(pictures)[0], pictures.shape[1]
    x = 0.5 * pictures + 0.5  # black is 0: shifts and squares fill with black
    x = x * tf.random.uniform((count, 1, 1, 1), 0.75, 1.25)
    mean = tf.reduce_mean(x, (1, 2, 3), keepdims=True)
    x = (x - mean) * tf.random.uniform((count, 1, 1, 1), 0.5, 1.5) + mean
    x = _shifted(x, count, size, size // 8)
    return 2.0 * _with_square(x, count, size, size // 2) - 1.0


def _shifted(x: tf.Tensor, count: tf.Tensor, size: int, reach: int) -> tf.Tensor:
    padded = tf.pad(x, ((0, 0), (reach, reach), (reach, reach), (0, 0)))
    start = tf.random.uniform((2, count, 1), 0, 2 * reach + 1, tf.int32)
    where = start + tf.range(size)[None, None]
    rows = tf.gather(padded, where[0], axis=1, batch_dims=1)
    columns = tf.gather(tf.transpose(rows, (0, 2, 1, 3)), where[1], axis=1, batch_dims=1)
    return tf.transpose(columns, (0, 2, 1, 3))


def _with_square(x: tf.Tensor, count: tf.Tensor, size: int, side: int) -> tf.Tensor:
    centre = tf.random.uniform((2, count, 1), 0, size + 1, tf.int32)
    away = tf.abs(tf.range(size)[None, None] - centre)
    inside = tf.cast(away < side // 2, x.dtype)
    square = inside[0][:, :, None] * inside[1][:, None, :]
    return x * (1.0 - square[..., None])


def hinge(real: tf.Tensor, fake: tf.Tensor) -> tf.Tensor:
    """The discriminator's loss; the generator's is ``-mean(fake)``.

    >>> float(hinge(tf.constant([2.0]), tf.constant([-2.0])))
    0.0
    """
    return tf.reduce_mean(tf.nn.relu(1.0 - real)) + tf.reduce_mean(tf.nn.relu(1.0 + fake))
