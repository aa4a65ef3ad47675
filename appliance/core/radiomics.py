"""Radiomic features of a lesion and its surroundings: what a person would describe, as numbers.

Measured on the network's grid (`appliance.core.preprocess.prepare`), where the head fills the
square and grey values run from 0 to 1: sizes are shares of the head, so that neither pixel size
nor the scanner's gain enters. Nothing here knows what the classifier said. Mirrored or turned by
a quarter, a picture has the same features (features that know up from down were tried: they
told types apart no better).

Grey levels are counted between the lesion's own 1st and 99th percentile; neighbours are one
pixel apart, in four directions. Widths are in pixels of a grid of 224 and grow with the grid.

References
----------
Zwanenburg et al., The image biomarker standardization initiative (IBSI), Radiology 2020: names
and definitions, shape taken in two dimensions. van Griethuysen et al., Computational radiomics
system to decode the radiographic phenotype, Cancer Research 2017 (two-dimensional shape).
Cheng et al., Enhanced performance of brain tumor classification via tumor region augmentation
and partition, PLoS ONE 2015: the surroundings of these tumours tell their types apart.
"""

from __future__ import annotations

import math

import cv2
import numpy as np

from appliance.core.texture import INTENSITY, TEXTURE, intensity, levels_of, quantiles, texture

GRID = 224
BORDER, RING = 3, 9
LEAST_PX = 12
"""A smaller region has no shape or texture worth a number."""

SHAPE = (
    "area",  # share of the head
    "longest_diameter",  # over that of a disc as large as the head
    "elongation",  # minor over major axis, 1 for a disc (IBSI Q3CK)
    "circularity",  # 2 sqrt(pi area) over the perimeter, about 1 for a disc
    "solidity",  # area over that of the convex hull
    "rectangularity",  # area over that of the smallest rectangle of any direction
    "raggedness",  # spread of the outline's distance to the centroid, over its mean
)
SURROUNDINGS = (
    "contrast_to_surroundings",  # lesion minus surroundings, over their sum
    "contrast_to_head",  # lesion minus the head's median, over their sum
    "rim_minus_core",  # border inside minus what it encloses
    "dark_share",  # of the lesion, darker than the head's median
    "bright_share",  # of the lesion, brighter than nine tenths of the head
    "spread_of_surroundings",  # standard deviation of the surroundings
    "dark_share_of_surroundings",  # of the surroundings, darker than 0.75 of the head's median
    "bright_share_of_surroundings",  # of the surroundings, brighter than nine tenths of the head
    "edge_step",  # border inside minus border outside, over the head's spread
)
POSITION = (
    "distance_to_centre",  # centroid to the head's, over the head's radius
    "depth_in_head",  # centroid to the head's convex outline, over the head's radius
    "distance_to_head_outline",  # the lesion's point nearest to that outline, likewise
    "offset_along_head",  # from the middle of the head's box along its longer side, 1 at its end
    "offset_across_head",  # likewise along its shorter side
)
NAMES = SHAPE + INTENSITY + TEXTURE + SURROUNDINGS + POSITION
"""Order of `features`."""

_SMALL = 56
_EPSILON = 1e-6
_CROSS = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (3, 3))


def _head(small: np.ndarray) -> np.ndarray:
    """The head's convex outline, filled, (56, 56) uint8; everything where there is none."""
    inside = cv2.morphologyEx((small > 0.1).astype(np.uint8), cv2.MORPH_OPEN, _CROSS)
    if np.count_nonzero(inside) < 3:
        return np.ones((_SMALL, _SMALL), np.uint8)
    filled = np.flatnonzero(inside.any(1))
    ends = inside[filled].argmax(1), _SMALL - 1 - inside[filled, ::-1].argmax(1)
    points = np.stack([np.concatenate(ends), np.tile(filled, 2)], 1).astype(np.int32)
    return cv2.fillConvexPoly(np.zeros_like(inside), cv2.convexHull(points), 1)


def _shape(mask: np.ndarray, moments: dict[str, float], head_px: float) -> list[float]:
    """`SHAPE` of a mask, (rows, columns) uint8."""
    outlines, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    corners = outlines[0] if len(outlines) == 1 else np.concatenate(outlines)
    hull = cv2.convexHull(corners)
    points = hull[:, 0].astype(np.float32)
    area = moments["m00"]
    middle = np.array([moments["m10"], moments["m01"]]) / area
    spread = (moments["mu20"] + moments["mu02"]) / (2 * area)
    lean = math.hypot((moments["mu20"] - moments["mu02"]) / 2, moments["mu11"]) / area
    gaps = points[:, None] - points[None]
    away = (max(outlines, key=len)[:, 0] - middle).T
    away = np.hypot(away[0], away[1])
    # Outlines run through pixel centres: the half pixel around them is added.
    perimeter = sum(cv2.arcLength(one, True) for one in outlines) + math.pi
    whole = cv2.contourArea(hull) + cv2.arcLength(hull, True) / 2 + math.pi / 4
    _, (width, height), _ = cv2.minAreaRect(hull)
    return [
        area / head_px,
        (math.sqrt(float((gaps * gaps).sum(-1).max())) + 1) / (2 * math.sqrt(head_px / math.pi)),
        math.sqrt(max(spread - lean, 0.0) / (spread + lean + _EPSILON)),
        2 * math.sqrt(math.pi * area) / perimeter,
        area / whole,
        area / ((width + 1) * (height + 1)),
        float(away.std() / (away.mean() + 1)),
    ]


def _inward(mask: np.ndarray) -> np.ndarray:
    """Distance of each pixel inside to the outside, which begins at the picture's edge too."""
    framed = cv2.copyMakeBorder(mask, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    return cv2.distanceTransform(framed, cv2.DIST_L2, 3)[1:-1, 1:-1]


def _surroundings(
    picture: np.ndarray,
    mask: np.ndarray,
    unit: float,
    tissue: tuple[float, float, float],
) -> list[float]:
    """`SURROUNDINGS`.

    Parameters
    ----------
    unit : float
        Pixels of this grid in one of a grid of 224.
    tissue : (float, float, float)
        The head's median, 90th percentile and spread.
    """
    median, bright, loose = tissue
    inside = mask > 0
    inward = _inward(mask)
    outward = cv2.distanceTransform(1 - mask, cv2.DIST_L2, 3)
    border = max(BORDER * unit, 1.0)
    ring = ~inside & (outward <= max(RING * unit, 2.0))
    core = inward > border
    lesion = picture[inside]
    nearby = picture[ring] if ring.any() else lesion
    rim, outer = picture[inside & ~core], picture[~inside & (outward <= border)]
    mean, beside, edge = float(lesion.mean()), float(nearby.mean()), float(rim.mean())
    count = np.count_nonzero
    return [
        (mean - beside) / (mean + beside + _EPSILON),
        (mean - median) / (mean + median + _EPSILON),
        edge - float(picture[core].mean()) if core.any() else 0.0,
        count(lesion < median) / lesion.size,
        count(lesion > bright) / lesion.size,
        float(nearby.std()),
        count(nearby < 0.75 * median) / nearby.size,
        count(nearby > bright) / nearby.size,
        (edge - float(outer.mean())) / (loose + _EPSILON) if outer.size else 0.0,
    ]


def _position(
    mask: np.ndarray, head: np.ndarray, middle: tuple[float, float], radius: float
) -> list[float]:
    """`POSITION`; all on the small grid, the centroid as (row, column)."""
    row, column = middle
    whole = cv2.moments(head, binaryImage=True)
    left, top, width, height = cv2.boundingRect(head)
    inward = _inward(head)
    at = min(max(round(row), 0), _SMALL - 1), min(max(round(column), 0), _SMALL - 1)
    offsets = [
        2 * abs(row - top - (height - 1) / 2) / height,
        2 * abs(column - left - (width - 1) / 2) / width,
    ]
    if width > height:
        offsets.reverse()
    away = column - whole["m10"] / whole["m00"], row - whole["m01"] / whole["m00"]
    return [
        math.hypot(*away) / radius,
        float(inward[at]) / radius,
        float(inward[mask > 0].min()) / radius,
        *offsets,
    ]


def features(picture: np.ndarray, mask: np.ndarray) -> np.ndarray | None:
    """Features of one lesion on one prepared slice.

    Parameters
    ----------
    picture : (side, side) float32, 0 to 1
    mask : (side, side), non-zero inside the lesion

    Returns
    -------
    (len(NAMES),) float32, or None for a region below `LEAST_PX` pixels of a grid of 224

    Examples
    --------
    >>> picture = np.full((224, 224), 0.4, np.float32)
    >>> mask = cv2.circle(np.zeros((224, 224), np.uint8), (80, 90), 20, 1, cv2.FILLED)
    >>> found = dict(zip(NAMES, features(picture, mask)))
    >>> round(float(found["elongation"]), 1), round(float(found["solidity"]), 1)
    (1.0, 1.0)
    >>> features(picture, np.zeros((224, 224), np.uint8)) is None
    True
    """
    side = picture.shape[0]
    unit, scale = side / GRID, side / _SMALL
    mask = (np.asarray(mask) > 0).astype(np.uint8)
    if np.count_nonzero(mask) < max(LEAST_PX * unit**2, 4):
        return None
    small = cv2.resize(picture, (_SMALL, _SMALL), interpolation=cv2.INTER_AREA)
    head = _head(small)
    small_px = int(np.count_nonzero(head))
    tissue = np.sort(small[head > 0])
    median, bright = quantiles(tissue, (0.5, 0.9))

    left, top, width, height = cv2.boundingRect(mask)
    wide = math.ceil(RING * unit) + 1
    row0, column0 = max(top - wide, 0), max(left - wide, 0)
    part = np.s_[row0 : top + height + wide, column0 : left + width + wide]
    near, around = np.ascontiguousarray(mask[part]), picture[part]
    inside = near > 0
    ordered = np.sort(around[inside])
    levels = levels_of(around, *quantiles(ordered, (0.01, 0.99)))
    moments = cv2.moments(near, binaryImage=True)
    middle = (
        (row0 + moments["m01"] / moments["m00"] + 0.5) / scale - 0.5,
        (column0 + moments["m10"] / moments["m00"] + 0.5) / scale - 0.5,
    )
    lesion = cv2.resize(mask * 255, (_SMALL, _SMALL), interpolation=cv2.INTER_AREA)
    return np.array(
        [
            *_shape(near, moments, small_px * scale**2),
            *intensity(ordered, levels[inside]),
            *texture(levels, inside),
            *_surroundings(around, near, unit, (median, bright, float(tissue.std()))),
            *_position(lesion, head, middle, math.sqrt(small_px / math.pi)),
        ],
        np.float32,
    )
