"""One time point: a series, what was outlined in it, and how large that is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from scipy import ndimage

from appliance.core.geometry import spacing_mm, viewing, voxel_ml
from appliance.core.types import Refusal, Report, Series, Volume
from appliance.core.verdict import REFUSED, UNCERTAIN
from appliance.lesions import diameters_mm
from appliance.pair_cover import Shown, shown

VOLUME_ML, AREA_MM2, AREA_PX = "volume_ml", "area_mm2", "area_px"


@dataclass(frozen=True)
class Size:
    """How large one lesion is.

    Attributes
    ----------
    pixels : int
        Of the mask, over all slices.
    volume_ml, area_mm2 : float or None
        The volume of a stack; the area in a single slice. None without geometry.
    diameters : (float, float)
        Longest in one slice and the longest across it, in `unit`.
    unit : str
        ``mm``, or ``px`` without geometry.
    centre : (3,) float64
        Centroid, index of the grid.
    slices : (int, int)
        Half-open range.
    cut : bool
        Touches the first or last slice of a stack, or the border of the picture.
    """

    pixels: int
    volume_ml: float | None
    area_mm2: float | None
    diameters: tuple[float, float]
    unit: str
    centre: np.ndarray
    slices: tuple[int, int]
    cut: bool

    def value(self, measure: str) -> float:
        """The size by the name of a measure."""
        value = {VOLUME_ML: self.volume_ml, AREA_MM2: self.area_mm2, AREA_PX: self.pixels}[measure]
        if value is None:
            raise ValueError(f"{measure} is not known without geometry")
        return float(value)


@dataclass(frozen=True, eq=False)
class Exam:
    """A time point as it is compared.

    Attributes
    ----------
    series : Series
        A stack lies on its viewing grid (slices first, upright); a picture is as it was given.
    labels : (slices, rows, columns) uint8
        Lesion numbers on that grid.
    verdict : str
        Of the report: ``tumor``, ``no_tumor``, ``uncertain`` or ``refused``.
    given : Series
        As it was given.
    refusal : Refusal or None
    """

    series: Series
    labels: np.ndarray
    verdict: str
    given: Series
    refusal: Refusal | None = None

    @property
    def flat(self) -> bool:
        """Whether it is one picture."""
        return self.labels.shape[0] == 1

    @property
    def doubtful(self) -> bool:
        return self.verdict == UNCERTAIN

    @cached_property
    def shown(self) -> Shown:
        """What may be seen of it: text that was found is black."""
        return shown(self.given)

    @cached_property
    def pictured(self) -> Volume:
        """The same on the grid of `series`."""
        return upright(self.shown.series).volume

    def sizes(self) -> dict[int, Size]:
        """The lesions by number."""
        return sizes(self.labels, self.series.volume.affine)


def upright(series: Series) -> Series:
    """The series on the grid it is compared on: a stack's viewing grid, a picture's own."""
    if series.volume.shape[0] == 1:
        return series
    return replace(series, volume=viewing(series.volume).apply_volume(series.volume))


def exam_of(series: Series, labels: np.ndarray | None, verdict: str) -> Exam:
    """An exam of a series and a label map on the series' own grid; None where nothing was drawn."""
    shown = upright(series)
    if labels is None:
        labels = np.zeros(shown.volume.shape, np.uint8)
    elif shown is not series:
        labels = viewing(series.volume).apply(labels)
    return Exam(shown, np.ascontiguousarray(labels, np.uint8), verdict, series)


def from_report(report: Report, series: Series) -> Exam:
    """An exam of an analysed, or refused, series."""
    if report.verdict == REFUSED:
        refusal = report.document["refusal"]
        return refused(series, Refusal(refusal["code"], refusal["message"]))
    return exam_of(
        series, None if report.label_map is None else report.label_map.array, report.verdict
    )


def refused(series: Series, refusal: Refusal) -> Exam:
    """An exam about which nothing can be said."""
    return replace(exam_of(series, None, REFUSED), refusal=refusal)


def sizes(labels: np.ndarray, affine: np.ndarray | None) -> dict[int, Size]:
    """The regions of a label map by number.

    Parameters
    ----------
    labels : (slices, rows, columns) uint8
    affine : (4, 4) float64, index to LPS mm, or None

    Examples
    --------
    >>> grid = np.zeros((1, 9, 9), np.uint8); grid[0, 2:6, 3:6] = 1
    >>> found = sizes(grid, None)[1]
    >>> found.pixels, [round(d, 2) for d in found.diameters], found.unit, found.cut
    (12, [5.0, 3.75], 'px', False)
    """
    found = {}
    for number, box in enumerate(ndimage.find_objects(labels), 1):
        if box is not None:
            found[number] = _size(labels[box] == number, box, labels.shape, affine)
    return found


def _size(
    inside: np.ndarray, box: tuple[slice, ...], shape: Sequence[int], affine: np.ndarray | None
) -> Size:
    flat, pixels = shape[0] == 1, int(np.count_nonzero(inside))
    start = np.array([side.start for side in box], np.float64)
    edges = range(1, 3) if flat else range(1)
    cut = any(box[a].start == 0 or box[a].stop == shape[a] for a in edges)
    row, column = (1.0, 1.0) if affine is None else spacing_mm(affine)[1:]
    volume = area = None
    if affine is not None and flat:
        area = pixels * row * column
    elif affine is not None:
        volume = pixels * voxel_ml(affine)
    return Size(
        pixels,
        volume,
        area,
        diameters_mm(inside, row, column),
        "px" if affine is None else "mm",
        start + np.argwhere(inside).mean(0),
        (box[0].start, box[0].stop),
        cut,
    )


def described(size: Size) -> Mapping[str, Any]:
    """A size as JSON."""
    return {
        "area_px": size.pixels,
        "area_mm2": None if size.area_mm2 is None else round(size.area_mm2, 2),
        "volume_ml": None if size.volume_ml is None else round(size.volume_ml, 4),
        "diameters": [round(d, 2) for d in size.diameters],
        "diameters_unit": size.unit,
    }
