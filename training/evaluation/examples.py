"""Slices as the appliance read them, for the eye: right, wrong, doubtful and refused ones.

They are pictures of the data: they go into the user's own report and nowhere else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from appliance.core.types import LABELS
from optimize.build import analyzer_of
from optimize.cases import Case
from optimize.evaluate import drawn, report_of
from training.evaluation.plan import Judged

DRAWN, TRUE = (255, 170, 60), (70, 190, 255)
DRAWN_NAME, TRUE_NAME = "orange", "blue"
SIDE = 320
SEED = 17
KINDS = (
    ("right", "Right label, outline drawn"),
    ("healthy", "Right: no tumour"),
    ("wrong", "Wrong label"),
    ("outline", "Right label, poor outline"),
    ("uncertain", "Called uncertain"),
    ("refused", "Refused"),
)


@dataclass(frozen=True)
class Example:
    """A slice with both outlines.

    Attributes
    ----------
    picture : (rows, columns, 3) uint8, RGB
    """

    kind: str
    picture: np.ndarray
    caption: str


def kind_of(row: dict) -> str:
    """Which of `KINDS` a scored row belongs to."""
    if row["verdict"] in ("refused", "uncertain"):
        return row["verdict"]
    if row["label"] != row["truth"]:
        return "wrong"
    if row["truth"] == LABELS[-1]:
        return "healthy"
    return "right" if row["dice"] >= 0.5 else "outline"


def _picture(case: Case, mask: np.ndarray) -> np.ndarray:
    """The slice with the drawn and the true outline, RGB."""
    grey = case.picture()
    top = max(float(np.percentile(grey, 99.8)), 1.0)
    grey = np.clip(grey / top * 255.0, 0, 255).astype(np.uint8)
    scale = SIDE / max(grey.shape)
    size = (round(grey.shape[1] * scale), round(grey.shape[0] * scale))
    canvas = cv2.cvtColor(cv2.resize(grey, size, interpolation=cv2.INTER_AREA), cv2.COLOR_GRAY2RGB)
    for outline, colour in ((case.truth(), TRUE), (mask, DRAWN)):
        small = cv2.resize(outline.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST)
        contours, _ = cv2.findContours(small, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(canvas, contours, -1, colour, 1)
    return canvas


def _caption(row: dict) -> str:
    said = row["label"] or "refused"
    parts = [f"truth {row['truth']}, said {said}"]
    if row["probabilities"]:
        parts.append(f"{row['probabilities'][said]:.2f}")
    if row["dice"] is not None and row["mask_px"]:
        parts.append(f"Dice {row['dice']:.2f}")
    return ", ".join(parts)


def examples(judged: Sequence[Judged], each: int = 6) -> list[Example]:
    """Up to `each` slices of every kind, drawn by chance, one of a group.

    The slices are read again, so that what is shown is what the package answers.
    """
    rng = np.random.default_rng(SEED)
    found = []
    pairs = [
        (j, case, row) for j in judged for case, row in zip(j.cases, j.rows["INT8"], strict=True)
    ]
    for kind, _ in KINDS:
        own = [pair for pair in pairs if kind_of(pair[2]) == kind]
        groups: set[str] = set()
        for at in rng.permutation(len(own)):
            j, case, row = own[at]
            if case.group in groups or len(groups) >= each:
                continue
            groups.add(case.group)
            report = report_of(analyzer_of(j.package), case.image.read_bytes(), case.image.name)
            mask = drawn(report, case.picture().shape)
            found.append(Example(kind, _picture(case, mask), _caption(row)))
    return found
