"""Augmentation of prepared slices: what scanners, exports and patients vary, and nothing else.

The first step works against the source confound: the tumour slices and the slices without
tumour come from different scanners, so a network can tell them apart by the scanner. Tumours
are therefore painted into healthy slices, and the same blending artefact, without meaning, into
slices of every kind. All pictures here are ``(size, size)`` float32 in 0 to 1.
"""

from __future__ import annotations

import cv2
import numpy as np

from appliance.core.types import LABELS
from training.config import Augmentation
from training.data import Slices

_HEALTHY = LABELS.index("no_tumor")
_COARSE = 28


def to_unit(array: np.ndarray) -> np.ndarray:
    """Prepared ``[-1, 127/128]`` to 0 to 1."""
    return (array * 128.0 + 128.0) / 255.0


def from_unit(picture: np.ndarray) -> np.ndarray:
    """0 to 1 to the prepared range; the inverse of `to_unit`."""
    return (np.clip(picture, 0.0, 1.0) * 255.0 - 128.0) / 128.0


def head_mask(picture: np.ndarray) -> np.ndarray:
    """Filled head of a prepared slice, (size, size) uint8."""
    inside = (cv2.GaussianBlur(picture, (5, 5), 0) > 0.08).astype(np.uint8)
    closed = cv2.morphologyEx(inside, cv2.MORPH_CLOSE, np.ones((15, 15), np.uint8))
    contours, _ = cv2.findContours(closed, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    return cv2.drawContours(np.zeros_like(closed), contours, -1, 1, cv2.FILLED)


class Painter:
    """Moves tumours between slices whose heads have the same outline.

    Donors are chosen among the tumour slices whose coarse head outline overlaps most, so that a
    tumour lands in the plane and about the place it came from: a pituitary tumour stays
    central, and its label stays true.
    """

    def __init__(self, slices: Slices, candidates: int = 80) -> None:
        self.slices = slices
        coarse = np.stack(
            [
                cv2.resize(
                    head_mask(to_unit(array[..., 0])).astype(np.float32),
                    (_COARSE, _COARSE),
                    interpolation=cv2.INTER_AREA,
                ).ravel()
                for array in slices.arrays
            ]
        )
        area = slices.masks.reshape(len(slices.masks), -1).sum(1) / 255.0
        self.donors = np.flatnonzero((slices.labels != _HEALTHY) & (area > 60))
        tumour = coarse[self.donors]
        both = coarse @ tumour.T
        overlap = both / (coarse.sum(1)[:, None] + tumour.sum(1)[None] - both + 1e-6)
        self.nearest = self.donors[np.argsort(-overlap, axis=1)[:, :candidates]]

    def paint(
        self, picture: np.ndarray, index: int, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray, int] | None:
        """Paint a tumour of another slice; None when it does not fit the head.

        Returns
        -------
        picture : (size, size) float32
        mask : (size, size) float32, coverage
        label : int
        """
        donor = int(rng.choice(self.nearest[index]))
        source = to_unit(self.slices.arrays[donor, ..., 0])
        mask = self.slices.masks[donor].astype(np.float32) / 255.0
        moved = self._move(source, mask, rng, jitter=0.05)
        if moved is None:
            return None
        source, mask = moved
        head = head_mask(picture)
        if mask.sum() < 40 or (mask * head).sum() < 0.92 * mask.sum():
            return None
        return self._blend(picture, source, mask, rng), mask, int(self.slices.labels[donor])

    def artefact(
        self, picture: np.ndarray, mask: np.ndarray, rng: np.random.Generator
    ) -> np.ndarray:
        """Blend in tissue without tumour, with a tumour's outline: the seam, without meaning."""
        shape = self.slices.masks[int(rng.choice(self.donors))].astype(np.float32) / 255.0
        other = int(rng.integers(len(self.slices.arrays)))
        source = to_unit(self.slices.arrays[other, ..., 0])
        foreign = self.slices.masks[other].astype(np.float32) / 255.0
        placed = self._move(np.dstack([source, foreign]), shape, rng, jitter=0.25)
        if placed is None:
            return picture
        moved, outline = placed
        near = cv2.dilate(outline, np.ones((9, 9), np.uint8))
        if (near * moved[..., 1]).sum() > 0 or (near * mask).sum() > 0:
            return picture
        if (outline * head_mask(picture)).sum() < 0.9 * outline.sum():
            return picture
        return self._blend(picture, moved[..., 0], outline, rng)

    @staticmethod
    def _move(
        source: np.ndarray, mask: np.ndarray, rng: np.random.Generator, jitter: float
    ) -> tuple[np.ndarray, np.ndarray] | None:
        size = mask.shape[0]
        rows, columns = np.nonzero(mask > 0.5)
        if not rows.size:
            return None
        centre = (float(columns.mean()), float(rows.mean()))
        matrix = cv2.getRotationMatrix2D(centre, rng.uniform(-25, 25), rng.uniform(0.7, 1.3))
        matrix[:, 2] += rng.uniform(-jitter, jitter, 2) * size
        if rng.random() < 0.5:
            mirror = np.array([[-1.0, 0, size - 1], [0, 1, 0], [0, 0, 1]])
            matrix = (mirror @ np.vstack([matrix, [0, 0, 1]]))[:2]
        return (
            cv2.warpAffine(source, matrix, (size, size), flags=cv2.INTER_LINEAR),
            cv2.warpAffine(mask, matrix, (size, size), flags=cv2.INTER_LINEAR),
        )

    @staticmethod
    def _blend(
        picture: np.ndarray, source: np.ndarray, mask: np.ndarray, rng: np.random.Generator
    ) -> np.ndarray:
        """Feathered copy; the surroundings' brightness carries over, the contrast mostly too."""
        binary = (mask > 0.5).astype(np.uint8)
        near = cv2.dilate(binary, np.ones((5, 5), np.uint8))
        ring = (cv2.dilate(near, np.ones((9, 9), np.uint8)) - near).astype(bool)
        here, there = picture[ring], source[ring]
        here, there = here[here > 0.06], there[there > 0.06]
        if here.size < 10 or there.size < 10:
            gain = 1.0
        else:
            gain = float(np.clip(np.median(here) / max(np.median(there), 0.05), 0.5, 1.8))
        gain = gain ** rng.uniform(0.5, 1.0) * rng.uniform(0.9, 1.1)
        width = rng.uniform(0.8, 2.2)
        grown = near if rng.random() < 0.6 else binary
        alpha = cv2.GaussianBlur(np.maximum(mask, grown.astype(np.float32)), (0, 0), width)
        return picture * (1 - alpha) + np.clip(source * gain, 0, 1) * alpha


def _curve(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A random monotone intensity curve, gamma, gain and black level."""
    knots = np.linspace(0, 1, 6)
    steps = rng.uniform(0.45, 1.55, 5)
    values = np.concatenate([[0.0], np.cumsum(steps) / steps.sum()])
    out = np.interp(picture, knots, values).astype(np.float32)
    out = np.power(np.clip(out, 0, 1), rng.uniform(0.7, 1.45))
    return out * rng.uniform(0.85, 1.15)


def _bias(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Smooth multiplicative coil shading."""
    coarse = rng.uniform(-1, 1, (3, 3)).astype(np.float32)
    field = cv2.resize(coarse, picture.shape[::-1], interpolation=cv2.INTER_CUBIC)
    return picture * np.exp(field * rng.uniform(0.05, 0.35))


def _down_sample(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    side = int(rng.integers(80, 190))
    small = cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA)
    flag = cv2.INTER_LINEAR if rng.random() < 0.5 else cv2.INTER_CUBIC
    return cv2.resize(small, picture.shape[::-1], interpolation=flag)


def _jpeg(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    quality = int(rng.integers(15, 85))
    bytes8 = np.rint(np.clip(picture, 0, 1) * 255).astype(np.uint8)
    _, coded = cv2.imencode(".jpg", bytes8, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return cv2.imdecode(coded, cv2.IMREAD_GRAYSCALE).astype(np.float32) / 255.0


def _noise(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Rician noise, as in magnitude images."""
    sigma = rng.uniform(0.005, 0.06)
    real = picture + rng.normal(0, sigma, picture.shape).astype(np.float32)
    imaginary = rng.normal(0, sigma, picture.shape).astype(np.float32)
    return np.sqrt(real * real + imaginary * imaginary)


def _geometry(
    picture: np.ndarray, mask: np.ndarray, spec: Augmentation, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    size = picture.shape[0]
    middle = (size - 1) / 2
    matrix = cv2.getRotationMatrix2D(
        (middle, middle),
        rng.uniform(-spec.rotation_deg, spec.rotation_deg),
        rng.uniform(*spec.scale),
    )
    matrix[0, 1] += rng.uniform(-0.05, 0.05)
    matrix[:, 2] += rng.uniform(-spec.shift, spec.shift, 2) * size
    pair = cv2.warpAffine(np.dstack([picture, mask]), matrix, (size, size), flags=cv2.INTER_LINEAR)
    return pair[..., 0], pair[..., 1]


def augment(
    slices: Slices, index: int, spec: Augmentation, painter: Painter, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, int]:
    """One augmented training example.

    Returns
    -------
    array : (size, size, 1) float32, prepared range
    mask : (size, size) float32, coverage
    label : int, index into `LABELS`
    """
    picture = to_unit(slices.arrays[index, ..., 0])
    mask = slices.masks[index].astype(np.float32) / 255.0
    label = int(slices.labels[index])
    if label == _HEALTHY and rng.random() < spec.paint:
        painted = painter.paint(picture, index, rng)
        if painted is not None:
            picture, mask, label = painted
    elif rng.random() < spec.artefact:
        picture = painter.artefact(picture, mask, rng)
    if rng.random() < 0.5:
        picture, mask = np.ascontiguousarray(picture[:, ::-1]), np.ascontiguousarray(mask[:, ::-1])
    if rng.random() < spec.geometry:
        picture, mask = _geometry(picture, mask, spec, rng)
    steps = (
        (spec.curve, _curve),
        (spec.bias, _bias),
        (spec.blur, lambda p, r: cv2.GaussianBlur(p, (0, 0), r.uniform(0.4, 1.4))),
        (spec.down_sample, _down_sample),
        (spec.noise, _noise),
        (spec.jpeg, _jpeg),
    )
    for share, step in steps:
        if rng.random() < share:
            picture = step(picture, rng)
    return from_unit(picture)[..., None].astype(np.float32), mask, label
