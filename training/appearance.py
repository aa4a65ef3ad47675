"""What scanners, exports and viewers vary: intensity, shading, resolution, noise, motion.

Pictures are ``(size, size)`` float32 in 0 to 1 before and about 0 to 1 after; geometry stays.
"""

from __future__ import annotations

import cv2
import numpy as np

from appliance.core.stripping import head_mask


def curve(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A random monotone intensity curve, gamma, gain and black level."""
    knots = np.linspace(0, 1, 6)
    steps = rng.uniform(0.45, 1.55, 5)
    values = np.concatenate([[0.0], np.cumsum(steps) / steps.sum()])
    out = np.interp(picture, knots, values).astype(np.float32)
    out = np.power(np.clip(out, 0, 1), rng.uniform(0.7, 1.45))
    return out * rng.uniform(0.85, 1.15)


def bias(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Smooth multiplicative coil shading."""
    coarse = rng.uniform(-1, 1, (3, 3)).astype(np.float32)
    field = cv2.resize(coarse, picture.shape[::-1], interpolation=cv2.INTER_CUBIC)
    return picture * np.exp(field * rng.uniform(0.05, 0.35))


def down_sample(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    side = int(rng.integers(80, 190))
    small = cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA)
    flag = cv2.INTER_LINEAR if rng.random() < 0.5 else cv2.INTER_CUBIC
    return cv2.resize(small, picture.shape[::-1], interpolation=flag)


def jpeg(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    quality = int(rng.integers(15, 85))
    bytes8 = np.rint(np.clip(picture, 0, 1) * 255).astype(np.uint8)
    _, coded = cv2.imencode(".jpg", bytes8, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return cv2.imdecode(coded, cv2.IMREAD_GRAYSCALE).astype(np.float32) / 255.0


def noise(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Rician noise, as in magnitude images."""
    sigma = rng.uniform(0.005, 0.06)
    real = picture + rng.normal(0, sigma, picture.shape).astype(np.float32)
    imaginary = rng.normal(0, sigma, picture.shape).astype(np.float32)
    return np.sqrt(real * real + imaginary * imaginary)


def blur(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Gaussian blur of 0.4 to 1.4 pixels."""
    return cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.4, 1.4))


def ghost(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Periodic ghosts: every n-th line of k-space is weaker, along one axis."""
    axis = int(rng.integers(2))
    lines = np.fft.fft(picture, axis=axis)
    weight = np.ones(picture.shape[axis], np.float32)
    weight[:: int(rng.integers(2, 6))] = 1.0 - rng.uniform(0.1, 0.45)
    weight[0] = 1.0  # the mean stays
    shape = (-1, 1) if axis == 0 else (1, -1)
    return np.abs(np.fft.ifft(lines * weight.reshape(shape), axis=axis)).astype(np.float32)


def motion(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A head that moved during the scan: the outer lines of k-space come from shifted copies."""
    side = picture.shape[0]
    axis = int(rng.integers(2))
    spectrum = np.fft.fftshift(np.fft.fft2(picture))
    for _ in range(int(rng.integers(1, 4))):
        shift = rng.uniform(-4, 4, 2)
        turn = np.array([[1, 0, shift[1]], [0, 1, shift[0]]], np.float32)
        moved = np.fft.fftshift(np.fft.fft2(cv2.warpAffine(picture, turn, (side, side))))
        count = int(rng.integers(4, side // 6))
        first = side // 2 + int(rng.integers(side // 16, side // 2 - count))
        lines = np.arange(first, first + count)  # not the middle, which holds the contrast
        if rng.random() < 0.5:
            lines = side - 1 - lines
        if axis == 0:
            spectrum[lines] = moved[lines]
        else:
            spectrum[:, lines] = moved[:, lines]
    return np.abs(np.fft.ifft2(np.fft.ifftshift(spectrum))).astype(np.float32)


def cut_out(picture: np.ndarray, mask: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A dark rectangle that leaves the tumour alone, as a missing or masked part."""
    side = picture.shape[0]
    for _ in range(4):
        rows, columns = rng.integers(side // 12, side // 4, 2)
        r, c = int(rng.integers(0, side - rows)), int(rng.integers(0, side - columns))
        if mask[r : r + rows, c : c + columns].sum() == 0:
            out = picture.copy()
            out[r : r + rows, c : c + columns] = 0.0
            return out
    return picture


def borrow(picture: np.ndarray, other: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Give a slice part of another slice's histogram, head against head."""
    here, there = head_mask(picture) > 0, head_mask(other) > 0
    if here.sum() < 100 or there.sum() < 100:
        return picture
    levels = np.linspace(0, 100, 33)
    ours = np.maximum.accumulate(np.percentile(picture[here], levels) + np.arange(33) * 1e-6)
    matched = np.interp(picture, ours, np.percentile(other[there], levels)).astype(np.float32)
    share = np.float32(rng.uniform(0.4, 1.0))
    return np.where(here, (1 - share) * picture + share * matched, picture)
