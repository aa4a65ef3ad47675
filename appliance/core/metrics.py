"""Figures of merit: one definition for training, optimisation, evaluation and the cards.

Figures of many slices that a bootstrap repeats (`weighted_auc` and its like) take weights of
shape (draws, n), how often a slice was drawn, and answer with one value for each draw.

References
----------
Dice, Ecology 1945. Wilson, JASA 1927 (interval). Guo et al., ICML 2017 (calibration error).
Huttenlocher et al., IEEE PAMI 1993 (Hausdorff distance). Everingham et al., The PASCAL visual
object classes challenge, IJCV 2010 (average precision).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np

Box = tuple[int, int, int, int]
"""Half-open ``(row0, column0, row1, column1)``."""


def dice(a: np.ndarray, b: np.ndarray) -> float:
    """Overlap of two masks; 1.0 when both are empty.

    >>> dice(np.array([1, 1, 0, 0]), np.array([1, 0, 0, 0]))
    0.6666666666666666
    >>> dice(np.zeros(3), np.zeros(3))
    1.0
    """
    a, b = np.asarray(a) > 0, np.asarray(b) > 0
    total = int(a.sum()) + int(b.sum())
    return 1.0 if total == 0 else 2.0 * int((a & b).sum()) / total


def confusion(truth: np.ndarray, guess: np.ndarray, classes: int) -> np.ndarray:
    """Counts, rows are the truth.

    >>> confusion(np.array([0, 1, 1]), np.array([0, 1, 0]), 2).tolist()
    [[1, 0], [1, 1]]
    """
    flat = np.asarray(truth) * classes + np.asarray(guess)
    return np.bincount(flat, minlength=classes * classes).reshape(classes, classes)


def wilson(hits: int, n: int, z: float = 1.96) -> tuple[float, float]:
    """95 % interval of a share; the whole range when n is 0.

    >>> [round(x, 3) for x in wilson(9, 10)]
    [0.596, 0.982]
    >>> wilson(0, 4)[0], wilson(4, 4)[1]
    (0.0, 1.0)
    """
    if n == 0:
        return 0.0, 1.0
    share = hits / n
    middle = share + z * z / (2 * n)
    half = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    low, high = (middle - half) / (1 + z * z / n), (middle + half) / (1 + z * z / n)
    return (low if hits else 0.0), (high if hits < n else 1.0)


def auc(score: np.ndarray, positive: np.ndarray) -> float:
    """Area under the ROC curve, ties counted half (Mann-Whitney); nan without both kinds.

    >>> auc(np.array([0.1, 0.4, 0.4, 0.8]), np.array([0, 0, 1, 1]))
    0.875
    """
    return float(weighted_auc(score, positive, np.ones((1, len(score))))[0])


def weighted_auc(score: np.ndarray, positive: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """`auc` of every draw.

    Parameters
    ----------
    score : (n,) float, positive : (n,) bool, weights : (draws, n)

    Returns
    -------
    (draws,) float64

    Examples
    --------
    >>> weighted_auc(np.array([0.1, 0.9, 0.2]), np.array([0, 1, 1]), np.array([[1, 1, 0]]))
    array([1.])
    """
    score, positive = np.asarray(score, np.float64), np.asarray(positive, bool)
    order = np.argsort(score, kind="stable")
    drawn, hit = np.asarray(weights, np.float64)[:, order], positive[order]
    starts = np.flatnonzero(np.concatenate([[True], np.diff(score[order]) > 0]))
    with_it = np.add.reduceat(drawn * hit, starts, axis=1)
    without = np.add.reduceat(drawn * ~hit, starts, axis=1)
    below = np.cumsum(without, axis=1) - 0.5 * without
    with np.errstate(invalid="ignore", divide="ignore"):
        return (with_it * below).sum(1) / (with_it.sum(1) * without.sum(1))


def calibration_error(confidence: np.ndarray, correct: np.ndarray, bins: int = 15) -> float:
    """Expected calibration error over equal-width bins.

    >>> calibration_error(np.array([1.0, 1.0]), np.array([True, False]))
    0.5
    """
    ones = np.ones((1, len(confidence)))
    return float(weighted_calibration_error(confidence, correct, ones, bins)[0])


def bin_of(confidence: np.ndarray, bins: int = 15) -> np.ndarray:
    """Index of the equal-width bin of each confidence, (n,) int.

    >>> bin_of(np.array([0.0, 0.5, 1.0]), 4).tolist()
    [0, 2, 3]
    """
    return np.minimum((np.asarray(confidence) * bins).astype(int), bins - 1)


def weighted_calibration_error(
    confidence: np.ndarray, correct: np.ndarray, weights: np.ndarray, bins: int = 15
) -> np.ndarray:
    """`calibration_error` of every draw, (draws,) float64.

    >>> weighted_calibration_error(np.ones(2), np.array([True, False]), np.array([[1, 0], [1, 1]]))
    array([0. , 0.5])
    """
    weights = np.asarray(weights, np.float64)
    gap = np.asarray(confidence, np.float64) - np.asarray(correct, np.float64)
    inside = np.eye(bins)[bin_of(confidence, bins)]
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.abs(weights @ (inside * gap[:, None])).sum(1) / weights.sum(1)


def edge_of(mask: np.ndarray) -> np.ndarray:
    """Pixels of a mask with a neighbour (of four) outside it, (rows, columns) bool.

    >>> edge_of(np.ones((3, 3))).sum()
    8
    """
    inside = (np.asarray(mask) > 0).astype(np.uint8)
    cross = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
    core = cv2.erode(inside, cross, borderType=cv2.BORDER_CONSTANT, borderValue=0)
    return (inside > 0) & (core == 0)


def hd95(a: np.ndarray, b: np.ndarray) -> float:
    """95th percentile of the Hausdorff distance of two outlines, pixels; nan when one is empty.

    The larger of both directed 95th percentiles, between edge pixels.

    Parameters
    ----------
    a, b : (rows, columns), non-zero inside

    Examples
    --------
    >>> a, b = np.zeros((9, 9)), np.zeros((9, 9))
    >>> a[2, 2], b[2, 5] = 1, 1
    >>> hd95(a, b)
    3.0
    """
    edges = edge_of(a), edge_of(b)
    if not (edges[0].any() and edges[1].any()):
        return math.nan
    directed = []
    for here, there in (edges, edges[::-1]):
        away = cv2.distanceTransform((~there).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
        directed.append(float(np.percentile(away[here], 95)))
    return max(directed)


def box_iou(a: Box, b: Box) -> float:
    """Overlap of two half-open boxes, intersection over union.

    >>> box_iou((0, 0, 2, 2), (0, 1, 2, 3))
    0.3333333333333333
    """
    rows = min(a[2], b[2]) - max(a[0], b[0])
    columns = min(a[3], b[3]) - max(a[1], b[1])
    inside = max(rows, 0) * max(columns, 0)
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (a, b)]
    return inside / (sum(areas) - inside)


def match_boxes(
    boxes: Sequence[Box], scores: Sequence[float], truth: Sequence[Box], threshold: float = 0.5
) -> list[int | None]:
    """Which true box each detection hits, best score first, each true box at most once.

    Returns
    -------
    list
        Index into `truth`, or None for a false alarm, in the order of `boxes`.

    Examples
    --------
    >>> match_boxes([(0, 0, 4, 4), (0, 0, 4, 3)], [0.5, 0.9], [(0, 0, 4, 4)])
    [None, 0]
    """
    matched: list[int | None] = [None] * len(boxes)
    free = set(range(len(truth)))
    for index in sorted(range(len(boxes)), key=lambda i: -scores[i]):
        overlaps = {number: box_iou(boxes[index], truth[number]) for number in free}
        best = max(overlaps, key=lambda number: overlaps[number], default=None)
        if best is not None and overlaps[best] >= threshold:
            matched[index] = best
            free.discard(best)
    return matched


def average_precision(score: np.ndarray, hit: np.ndarray, lesions: int) -> float:
    """Area under precision over recall, every recall step counted, precision made monotone.

    >>> round(average_precision(np.array([0.9, 0.8, 0.7]), np.array([1, 0, 1]), 2), 4)
    0.8333
    """
    ones, total = np.ones((1, len(score))), np.array([lesions])
    return float(weighted_average_precision(score, hit, ones, total)[0])


def weighted_average_precision(
    score: np.ndarray, hit: np.ndarray, weights: np.ndarray, lesions: np.ndarray
) -> np.ndarray:
    """`average_precision` of every draw.

    Parameters
    ----------
    score : (m,) float, hit : (m,) bool
        Detections of all slices.
    weights : (draws, m)
        How often each detection's slice was drawn.
    lesions : (draws,)
        True lesions of the drawn slices.

    Returns
    -------
    (draws,) float64, nan where there is no lesion

    Examples
    --------
    >>> ones = np.ones((1, 1))
    >>> weighted_average_precision(np.array([0.9]), np.array([True]), ones, np.array([2]))
    array([0.5])
    """
    lesions = np.asarray(lesions, np.float64)
    if not len(score):
        return np.where(lesions > 0, 0.0, math.nan)
    order = np.argsort(-np.asarray(score, np.float64), kind="stable")
    drawn, hit = np.asarray(weights, np.float64)[:, order], np.asarray(hit, bool)[order]
    gains = drawn * hit
    found, shown = np.cumsum(gains, axis=1), np.cumsum(drawn, axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        precision = np.where(shown > 0, found / shown, 0.0)
        best = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
        return (best * gains).sum(1) / lesions


def weighted_median(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Lower median of every draw, (draws,) float64; nan where nothing was drawn.

    >>> weighted_median(np.array([3.0, 1.0, 2.0]), np.array([[1, 1, 1], [5, 1, 1]]))
    array([2., 3.])
    """
    values = np.asarray(values, np.float64)
    order = np.argsort(values)
    summed = np.cumsum(np.asarray(weights, np.float64)[:, order], axis=1)
    if not len(values):
        return np.full(len(weights), math.nan)
    position = (summed < 0.5 * summed[:, -1:]).sum(1)
    return np.where(summed[:, -1] > 0, values[order][np.minimum(position, len(values) - 1)], np.nan)
