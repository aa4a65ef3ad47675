"""Letters in a picture, found by their strokes: boxes around lines of text.

Letters are bright strokes of one brightness and one height, side by side on a line. They are
looked for outside the head, where nothing of the kind belongs; inside it only as strokes of the
very brightest value, because vessels and sulci are strokes too. A look at half size ends the
search for most slices.

References
----------
Epshtein et al., Detecting text in natural scenes with stroke width transform, CVPR 2010 (letters
have one stroke width; lines are chains of like letters).
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from appliance.core.intensity import percentiles

Box = tuple[int, int, int, int]
"""Half-open: row0, column0, row1, column1."""

_LEVELS = (20, 56, 120)
_WHITE = 250
_TALL, _SMALL = 1 / 6, 6
"""Height of a letter: at most this share of the picture, at least so many pixels."""
_LETTERS = 3
_SATURATED_LETTERS = 5
_MERGED = 1.5
"""Marks that could be three letters at half size, where neighbours touch."""
_SURE = 6
_FEWEST_PIXELS = 3 * _SMALL


@dataclass(frozen=True)
class _Letter:
    row: int
    column: int
    height: int
    width: int
    count: float
    peak: float

    @property
    def bottom(self) -> int:
        return self.row + self.height

    @property
    def right(self) -> int:
        return self.column + self.width


@dataclass(frozen=True)
class _Scale:
    """A picture's grey values from the smallest to nearly the largest, as 0 to 255."""

    low: float
    high: float
    dark_on_bright: bool = False

    @classmethod
    def of(cls, plane: np.ndarray) -> _Scale:
        low, high = percentiles(plane[::2, ::2], 0.0, 99.9)
        if high <= low:
            low, high = float(plane.min()), float(plane.max())
        edges = np.concatenate([plane[0], plane[-1], plane[:, 0], plane[:, -1]])
        return cls(low, high, high > low and percentiles(edges, 50.0)[0] > (low + high) / 2)

    def grey(self, plane: np.ndarray) -> np.ndarray:
        """Bright strokes on dark, uint8; all zero where every value is the same."""
        if self.high <= self.low:
            return np.zeros(plane.shape, np.uint8)
        factor = 255.0 / (self.high - self.low)
        if plane.dtype == np.uint8:
            steps = np.clip((np.arange(256) - self.low) * factor, 0, 255).astype(np.uint8)
            grey = cv2.LUT(np.ascontiguousarray(plane), steps)
        else:
            above = cv2.max(cv2.subtract(plane.astype(np.float32), self.low), 0.0)
            grey = cv2.convertScaleAbs(above, alpha=factor)
        return 255 - grey if self.dark_on_bright else grey


def find(plane: np.ndarray) -> tuple[Box, ...]:
    """Where text seems to be in one picture.

    Parameters
    ----------
    plane : (rows, columns), any grey values, bright is white

    Returns
    -------
    tuple of Box
        Around whole lines, with a margin; empty where there is none.

    Examples
    --------
    >>> empty = np.zeros((128, 128), np.uint8)
    >>> find(empty), len(find(cv2.putText(empty, "Doe 1943", (4, 20), 0, 0.5, 255)))
    ((), 1)
    """
    if min(plane.shape) < 4 * _SMALL:
        return ()
    if plane.dtype not in (np.uint8, np.uint16, np.int16, np.float32):
        plane = plane.astype(np.float32)
    scale = _Scale.of(plane)
    worth = _worth_a_look(plane, scale)
    if not worth.any():
        return ()
    grey = scale.grey(plane)
    strokes = cv2.morphologyEx(grey, cv2.MORPH_TOPHAT, np.ones((21, 21), np.uint8))
    lines: list[Box] = []
    if worth[0]:
        lines += _around(grey, strokes)
    if worth[1]:
        bright = (grey >= _WHITE) & (strokes > _LEVELS[-1])
        lines += _lines(bright, strokes, _SATURATED_LETTERS)
    return joined(lines, plane.shape)


def _around(grey: np.ndarray, strokes: np.ndarray) -> list[Box]:
    """Lines outside the head, in strokes of any brightness above the noise there."""
    rows, columns = grey.shape
    head = cv2.resize(_head(_halved(grey)), (columns, rows), interpolation=cv2.INTER_NEAREST)
    outside = head == 0
    quiet = strokes[outside]
    noise = float(np.percentile(quiet[::4], 90)) if quiet.size else 0.0
    lines: list[Box] = []
    for level in _LEVELS:
        marks = (strokes > level) & outside
        if level > 1.5 * noise and np.count_nonzero(marks) >= _FEWEST_PIXELS:
            lines += _lines(marks, strokes, _LETTERS)
    return lines


def _worth_a_look(plane: np.ndarray, scale: _Scale) -> np.ndarray:
    """Whether there may be letters outside the head, and saturated ones anywhere: a quick no.

    At half size, where the brightest of four pixels stands for them, strokes are still there.
    """
    pool = cv2.erode if scale.dark_on_bright else cv2.dilate
    small = scale.grey(pool(plane, np.ones((2, 2), np.uint8))[1::2, 1::2])
    strokes = cv2.morphologyEx(small, cv2.MORPH_TOPHAT, np.ones((11, 11), np.uint8))
    head = _head(scale.grey(_halved(plane)))
    outside = head[: small.shape[0], : small.shape[1]] == 0
    around = (strokes > _LEVELS[0]) & outside
    bright = (small >= _WHITE) & (strokes > _LEVELS[-1])
    few = np.count_nonzero(bright) < bright.size / 10
    return np.array(
        [_could_be(around, _MERGED), few and _could_be(bright, _SATURATED_LETTERS)], bool
    )


def _could_be(marks: np.ndarray, letters: int) -> bool:
    """Whether so many marks of like height, or wide ones for several, share a line."""
    if np.count_nonzero(marks) < _FEWEST_PIXELS // 2:
        return False
    tallest = marks.shape[0] * _TALL + 2
    boxes = [cv2.boundingRect(outline) for outline in _outlines(marks.view(np.uint8))]
    boxes = [box for box in boxes if _SMALL // 2 <= box[3] <= tallest]
    if not boxes:
        return False
    _, row, width, height = np.array(boxes).T
    ends = row + height
    shared = np.minimum(ends[:, None], ends) - np.maximum(row[:, None], row)
    low, high = np.minimum(height[:, None], height), np.maximum(height[:, None], height)
    mates = (shared >= 0.5 * low) & (low >= 0.4 * high)
    return bool((mates @ np.maximum(1.0, width / height)).max() >= letters)


def _outlines(marks: np.ndarray) -> list[np.ndarray]:
    """The outer outline of every component, also of those inside another's hole."""
    outlines, tree = cv2.findContours(marks, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    if tree is None:
        return []
    return [one for one, node in zip(outlines, tree[0], strict=True) if node[3] < 0]


def _halved(grey: np.ndarray) -> np.ndarray:
    return cv2.resize(grey, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)


def _head(small: np.ndarray) -> np.ndarray:
    """The hull of the largest thing that is no stroke, at half size: it is left alone."""
    size = max(3, round(min(small.shape) / 36)) | 1
    bulk = cv2.morphologyEx(small, cv2.MORPH_OPEN, np.ones((size, size), np.uint8))
    limit = max(10.0, 0.3 * float(cv2.threshold(bulk, 0, 255, cv2.THRESH_OTSU)[0]))
    outlines, _ = cv2.findContours(
        (bulk > limit).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE
    )
    mask = np.zeros(small.shape, np.uint8)
    if outlines:
        hull = cv2.convexHull(max(outlines, key=cv2.contourArea))
        cv2.fillConvexPoly(mask, hull, 1)
        mask = cv2.dilate(mask, np.ones((3, 3), np.uint8))
    return mask


def _lines(mask: np.ndarray, strokes: np.ndarray, least: int) -> list[Box]:
    """Boxes around chains of at least so many letters, with all that stands on their line."""
    marks = mask.astype(np.uint8)
    found = []
    for chain in _chains(_letters(marks, strokes)):
        if sum(letter.count for letter in chain) >= least and _is_text(chain, least > _LETTERS):
            row0, row1 = min(k.row for k in chain), max(k.bottom for k in chain)
            column0, column1 = min(k.column for k in chain), max(k.right for k in chain)
            margin = max(2, round(0.4 * (row1 - row0)))
            band = marks[max(row0 - margin, 0) : row1 + margin].any(axis=0)
            column0, column1 = _grown(band, column0, column1, 2 * (row1 - row0))
            found.append((row0 - margin, column0 - margin, row1 + margin, column1 + margin))
    return found


def _grown(band: np.ndarray, start: int, end: int, gap: int) -> tuple[int, int]:
    """A stretch of columns made longer as long as the next mark is no further than a gap."""
    marked = np.flatnonzero(band)
    for column in marked[marked >= end]:
        if column - end > gap:
            break
        end = int(column) + 1
    for column in marked[marked < start][::-1]:
        if start - column > gap:
            break
        start = int(column)
    return start, end


def _letters(marks: np.ndarray, strokes: np.ndarray) -> list[_Letter]:
    """The components that could be letters, or words whose letters touch."""
    tallest, widest = marks.shape[0] * _TALL, marks.shape[1] * 0.9
    found = []
    for outline in _outlines(marks):
        column, row, width, height = cv2.boundingRect(outline)
        if not (_SMALL <= height <= tallest and width <= widest):
            continue
        part = cv2.fillPoly(np.zeros((height, width), np.uint8), [outline - (column, row)], 1)
        part &= marks[row : row + height, column : column + width]
        count = _letters_in(part)
        if count:
            inside = strokes[row : row + height, column : column + width][part > 0]
            peak = float(np.sort(inside)[int(0.9 * (len(inside) - 1))])
            found.append(_Letter(row, column, height, width, count, peak))
    return found


def _letters_in(part: np.ndarray) -> float:
    """How many letters a component is by its strokes; 0 when it is none."""
    height, width = part.shape
    area = np.count_nonzero(part)
    if area < max(height, 0.1 * width * height):
        return 0.0
    framed = cv2.copyMakeBorder(part, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    thick = 2.0 * float(cv2.distanceTransform(framed, cv2.DIST_L1, 3).max())
    if thick > max(0.5 * height, 4.0):
        return 0.0
    if width <= 1.3 * height:
        return 1.0
    crossings = np.count_nonzero(np.diff(part.astype(np.int8), axis=1) == 1, axis=1)
    count = min(width / (0.8 * height), float(np.median(crossings[1:-1] + 1)) / 1.5)
    return count if count >= 2.0 else 0.0  # letters that touch, or something long


def _chains(letters: list[_Letter]) -> list[list[_Letter]]:
    """Letters of like height and brightness, side by side."""
    left = sorted(letters, key=lambda k: k.column)
    chains: list[list[_Letter]] = []
    for letter in left:
        for chain in chains:
            if _follows(chain[-1], letter):
                chain.append(letter)
                break
        else:
            chains.append([letter])
    return chains


def _follows(last: _Letter, letter: _Letter) -> bool:
    low, high = sorted((last.height, letter.height))
    overlap = min(last.bottom, letter.bottom) - max(last.row, letter.row)
    gap = letter.column - last.right
    alike = min(last.peak, letter.peak) >= 0.6 * max(last.peak, letter.peak)
    return (
        alike and low >= 0.55 * high and overlap >= 0.7 * low and -0.5 * high <= gap <= 1.6 * high
    )


def _is_text(chain: list[_Letter], strict: bool) -> bool:
    """Whether a chain stands on a line, its letters high or half high; few letters: all do."""
    heights = np.array([k.height for k in chain], float)
    usual = float(np.percentile(heights, 75))
    alike = (heights >= 0.55 * usual) & (heights <= 1.3 * usual)
    bottoms = np.array([k.bottom for k in chain], float)
    level = np.abs(bottoms - np.median(bottoms)) <= max(1.0, 0.12 * usual)
    share = 0.6 if len(chain) >= _SURE and not strict else 0.95
    return bool(alike.mean() >= 0.8 and level.mean() >= share)


def joined(boxes: list[Box], shape: tuple[int, ...]) -> tuple[Box, ...]:
    """Boxes inside the picture, those that touch made one."""
    if not boxes:
        return ()
    mask = np.zeros(shape, np.uint8)
    for row0, column0, row1, column1 in boxes:
        mask[max(row0, 0) : row1, max(column0, 0) : column1] = 1
    _, _, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    return tuple(
        sorted((int(r), int(c), int(r + h), int(c + w)) for c, r, w, h, _ in stats[1:].tolist())
    )
