"""Tumours moved between slices, against the source confound.

The tumour slices and the slices without tumour come from different scanners, so a network can
tell them apart by the scanner. Tumours are therefore painted into healthy slices, the same
blending artefact, without meaning, into slices of every kind, and some tumours are covered with
healthy tissue. Pictures are ``(size, size)`` float32 in 0 to 1.
"""

from __future__ import annotations

import cv2
import numpy as np

from appliance.core.intensity import to_unit
from appliance.core.stripping import disc, head_mask
from appliance.core.types import LABELS
from training.data import Slices

_HEALTHY = LABELS.index("no_tumor")
_COARSE = 28


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
        self.healthy = np.flatnonzero(slices.labels == _HEALTHY)
        calm = coarse[self.healthy]
        both = coarse @ calm.T
        overlap = both / (coarse.sum(1)[:, None] + calm.sum(1)[None] - both + 1e-6)
        self.alike = self.healthy[np.argsort(-overlap, axis=1)[:, : candidates // 4]]

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

    def heal(
        self, picture: np.ndarray, mask: np.ndarray, index: int, rng: np.random.Generator
    ) -> np.ndarray | None:
        """Lay healthy tissue of another slice over a tumour; None when it does not fit.

        The donor is a healthy slice whose head has the same outline, and the tissue comes from
        the same place, mirrored at times: the tumour's scanner without the tumour.
        """
        if not self.alike.shape[1]:
            return None
        source = to_unit(self.slices.arrays[int(rng.choice(self.alike[index])), ..., 0])
        if rng.random() < 0.5:
            source = source[:, ::-1]
        over = (mask > 0.1).astype(np.uint8)
        reach = int(rng.integers(3, 8))
        over = cv2.dilate(over, disc(reach))
        if (over * head_mask(source)).sum() < 0.95 * over.sum():
            return None
        return self._blend(picture, source, over.astype(np.float32), rng)

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
