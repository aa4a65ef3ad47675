"""Augmentation of prepared slices: what scanners, exports and patients vary, and nothing else.

`training.painting` works against the source confound, `training.appearance` imitates scanners;
here they are put in order. All pictures are ``(size, size)`` float32 in 0 to 1.
"""

from __future__ import annotations

import cv2
import numpy as np

from appliance.core.intensity import from_unit, to_unit
from appliance.core.stripping import stripped
from appliance.core.types import LABELS
from training import appearance, heads
from training.config import Augmentation
from training.data import Slices
from training.painting import Painter

_HEALTHY = LABELS.index("no_tumor")
_WELL_DEFINED = ("meningioma", "pituitary")  # a glioma reaches beyond its outline
_STEPS = ("curve", "bias", "blur", "ghost", "motion", "down_sample", "noise", "jpeg")


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
    generated = slices.cases[index].source == heads.SOURCE
    likely = spec.paint_heads if generated else spec.paint
    if label == _HEALTHY and rng.random() < likely:
        painted = painter.paint(picture, index, rng)
        if painted is not None:
            picture, mask, label = painted
    elif LABELS[label] in _WELL_DEFINED and rng.random() < spec.heal:
        healed = painter.heal(picture, mask, index, rng)
        if healed is not None:
            picture, mask, label = healed, np.zeros_like(mask), _HEALTHY
    elif rng.random() < spec.artefact:
        picture = painter.artefact(picture, mask, rng)
    if rng.random() < 0.5:
        picture, mask = np.ascontiguousarray(picture[:, ::-1]), np.ascontiguousarray(mask[:, ::-1])
    if rng.random() < spec.strip:
        picture, mask = stripped(picture, mask, rng) or (picture, mask)
    if rng.random() < spec.geometry:
        picture, mask = _geometry(picture, mask, spec, rng)
    if rng.random() < spec.borrow:
        other = int(rng.integers(len(slices.arrays)))
        picture = appearance.borrow(picture, to_unit(slices.arrays[other, ..., 0]), rng)
    for name in _STEPS:
        if rng.random() < getattr(spec, name):
            picture = getattr(appearance, name)(picture, rng)
    if rng.random() < spec.cut_out:
        picture = appearance.cut_out(picture, mask, rng)
    return from_unit(picture)[..., None].astype(np.float32), mask, label
