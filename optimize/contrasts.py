"""Contrasts the network must not read, imitated from training slices, and scanners it should.

No CT, T2 or FLAIR image is needed: a training slice (T1) is given another modality's look. The
imitations teach an estimator what "another contrast" means; real CT, T2 and nuclear images
stay untouched for measuring. Pictures are ``(size, size)`` float32 in 0 to 1.

References
----------
Hendrycks et al., Deep anomaly detection with outlier exposure, ICLR 2019.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from appliance.core.stripping import disc, head_mask, stripped

Contrast = Callable[[np.ndarray, np.random.Generator], np.ndarray]


def ct_like(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Saturated bone around flat, noisy soft tissue, in a brain window."""
    head = head_mask(picture)
    scalp, bone = int(rng.integers(2, 9)), int(rng.integers(5, 15))
    inside = cv2.erode(head, disc(scalp))
    brain = cv2.erode(inside, disc(bone))
    tissue = cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.6, 2.0))
    level, contrast = rng.uniform(0.25, 0.6), rng.uniform(0.08, 0.35)
    middle = np.median(tissue[brain > 0]) if brain.any() else 0.4
    out = level + contrast * (tissue - middle) / max(middle, 0.1)
    out = out + rng.normal(0, rng.uniform(0.01, 0.06), out.shape)
    out = np.where(brain > 0, out, np.where(inside > 0, 1.0, np.where(head > 0, level * 0.6, 0.0)))
    # Face and skull base: what was dark between tissues is bone or air.
    dark = (tissue < rng.uniform(0.1, 0.25)) & (inside > 0)
    if rng.random() < 0.5:
        out = np.where(dark & (cv2.erode(brain, disc(12)) == 0), rng.choice([0.0, 1.0]), out)
    return cv2.GaussianBlur(np.clip(out, 0, 1).astype(np.float32), (3, 3), 0)


def t2_like(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Fluid bright, white matter dark: the order of tissues is reversed inside the skull."""
    head = head_mask(picture)
    inside = cv2.erode(head, disc(int(rng.integers(6, 13)))).astype(np.float32)
    inside = cv2.GaussianBlur(inside, (0, 0), 2.0)
    tissue = cv2.GaussianBlur(picture, (0, 0), 0.6)
    reversed_ = np.clip(1.0 - tissue / max(np.percentile(tissue, 97), 0.2), 0, 1)
    reversed_ = np.power(reversed_, rng.uniform(0.6, 1.8)) * rng.uniform(0.7, 1.0)
    outside = picture * rng.uniform(0.2, 0.9)
    return (inside * reversed_ + (1 - inside) * outside).astype(np.float32) * head


def flair_like(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Fluid dark, grey matter brighter than white, the bright rest in between."""
    white = max(float(np.percentile(picture[picture > 0.15], 60)), 0.3) if picture.any() else 0.5
    knots = np.array([0.0, 0.35, 0.65, 1.0, 1.4, 2.2]) * white
    grey, matter = rng.uniform(0.55, 0.85), rng.uniform(0.35, 0.6)
    levels = [0.0, rng.uniform(0.05, 0.2), grey, min(matter, 0.8 * grey), grey, 1.0]
    out = np.interp(cv2.GaussianBlur(picture, (0, 0), 0.7), knots, levels).astype(np.float32)
    return cv2.GaussianBlur(out, (0, 0), rng.uniform(0.5, 1.2)) * head_mask(picture)


def without_skull(contrast: Contrast) -> Contrast:
    """The contrast on a skull-stripped head."""

    def imitate(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        left = stripped(picture, np.zeros_like(picture), rng)
        return contrast(picture if left is None else left[0], rng)

    return imitate


def negative(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A photographic negative of the head."""
    head = head_mask(picture)
    return ((1.0 - picture) * head).astype(np.float32) * rng.uniform(0.7, 1.0)


def blobs(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Smooth activity inside the outline, as nuclear images have."""
    head = cv2.erode(head_mask(picture), disc(int(rng.integers(3, 14)))).astype(np.float32)
    size = picture.shape[0]
    side = int(rng.integers(6, 20))
    field = cv2.resize(rng.random((side, side)).astype(np.float32), (size, size), interpolation=2)
    mixed = field * rng.uniform(0.5, 1.0) + cv2.GaussianBlur(picture, (0, 0), 4) * rng.random()
    return cv2.GaussianBlur(np.clip(mixed, 0, 1) * head, (0, 0), rng.uniform(1.5, 5)).astype(
        np.float32
    )


FOREIGN: tuple[Contrast, ...] = (
    ct_like,
    t2_like,
    negative,
    blobs,
    flair_like,
    without_skull(flair_like),
    without_skull(t2_like),
)


def another_scanner(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The same contrast from elsewhere: curve, shading, resolution, noise, zoom, no skull."""
    if rng.random() < 0.15:
        left = stripped(picture, np.zeros_like(picture), rng)
        picture = picture if left is None else left[0]
    out = np.power(picture, rng.uniform(0.65, 1.5)) * rng.uniform(0.85, 1.15)
    coarse = rng.uniform(-1, 1, (3, 3)).astype(np.float32)
    out = out * np.exp(cv2.resize(coarse, out.shape[::-1], interpolation=2) * rng.uniform(0, 0.35))
    size = out.shape[0]
    if rng.random() < 0.4:
        side = int(rng.integers(90, 190))
        out = cv2.resize(cv2.resize(out, (side, side), interpolation=3), (size, size))
    if rng.random() < 0.4:
        out = np.abs(out + rng.normal(0, rng.uniform(0.005, 0.05), out.shape))
    if rng.random() < 0.5:
        middle = (size - 1) / 2
        turn = cv2.getRotationMatrix2D(
            (middle, middle), rng.uniform(-15, 15), rng.uniform(0.88, 1.12)
        )
        out = cv2.warpAffine(out.astype(np.float32), turn, (size, size))
    if rng.random() < 0.5:
        out = out[:, ::-1]
    return np.ascontiguousarray(out, np.float32)
