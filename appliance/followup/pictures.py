"""Both studies side by side at one place, lesions drawn: the earlier ones blue, later orange."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from appliance.core.geometry import spacing_mm
from appliance.core.types import Volume
from appliance.followup.compare import Comparison
from appliance.followup.exam import Exam
from appliance.render import display, grey, png

EARLIER, LATER = (86, 180, 233), (255, 176, 0)
_SMALLEST = 384


@dataclass(frozen=True)
class Panel:
    """A picture and what it shows."""

    caption: str
    png: bytes


def panels(found: Comparison, prior: Exam, current: Exam) -> list[Panel]:
    """Earlier and later, on the later study's grid where the two were brought together.

    None where one of them is said to hold text that nobody found to blacken: the page leaves.
    """
    if prior.shown.withheld or current.shown.withheld:
        return []
    if found.carried is None or found.moved is None:
        return [
            Panel(caption, drawn(exam.pictured, fullest(exam.labels), [(exam.labels, colour)]))
            for caption, exam, colour in (
                ("Earlier, as given", prior, EARLIER),
                ("Later, as given", current, LATER),
            )
        ]
    either = np.where(current.labels > 0, current.labels, found.carried.array)
    index = fullest(current.labels if current.labels.any() else either)
    before, now = (found.carried.array, EARLIER), (current.labels, LATER)
    where = "" if current.flat else f", slice {index + 1} of {current.labels.shape[0]}"
    return [
        Panel(f"Earlier, brought onto the later study{where}", drawn(found.moved, index, [before])),
        Panel(f"Later{where}", drawn(current.pictured, index, [now])),
        Panel(
            "Later, with the earlier outline in blue",
            drawn(current.pictured, index, [before, now]),
        ),
    ]


def fullest(labels: np.ndarray) -> int:
    """The slice with most of what is outlined, else the middle one."""
    areas = (labels > 0).sum(axis=(1, 2))
    return int(areas.argmax()) if areas.any() else len(labels) // 2


def drawn(
    volume: Volume, index: int, layers: list[tuple[np.ndarray, tuple[int, int, int]]]
) -> bytes:
    """One slice as PNG with square pixels, outlines of label maps in their colours."""
    shown = display(volume)
    picture = grey(np.ascontiguousarray(volume.array[index]), shown["level"], shown["window"])
    size = _size(volume, picture.shape)
    out = cv2.cvtColor(cv2.resize(picture, size), cv2.COLOR_GRAY2RGB)
    for labels, colour in layers:
        for number in np.unique(labels[index])[1:]:
            inside = (labels[index] == number).astype(np.uint8)
            large = cv2.resize(inside, size, interpolation=cv2.INTER_NEAREST)
            edges, _ = cv2.findContours(large, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
            out = cv2.drawContours(np.ascontiguousarray(out), edges, -1, colour, 2)
            if len(layers) == 1:
                _name(out, int(number), large, colour)
    return png(out)


def _name(out: np.ndarray, number: int, inside: np.ndarray, colour: tuple[int, int, int]) -> None:
    """The lesion's number beside its outline."""
    column, row, wide, _ = cv2.boundingRect(inside)
    at = min(column + wide + 4, out.shape[1] - 24), max(row, 16)
    for tint, thick in (((0, 0, 0), 4), (colour, 2)):
        cv2.putText(out, str(number), at, cv2.FONT_HERSHEY_SIMPLEX, 0.6, tint, thick, cv2.LINE_AA)


def _size(volume: Volume, shape: tuple[int, int]) -> tuple[int, int]:
    """Columns and rows of a picture with square pixels, large enough to draw in."""
    row, column = (1.0, 1.0) if volume.affine is None else spacing_mm(volume.affine)[1:]
    fine = min(row, column)
    rows, columns = shape[0] * row / fine, shape[1] * column / fine
    scale = min(max(1.0, _SMALLEST / max(rows, columns)), 2048 / max(rows, columns))
    return max(1, round(columns * scale)), max(1, round(rows * scale))
