"""Text that is part of a picture: said in the report, blackened where a picture leaves.

A scanner or a film digitiser may write name and birth date into the pixels, where no change of a
header reaches them. What the search finds is measured (docs/privacy.md); what it misses is for the
eye of a person.

References
----------
DICOM PS3.15 E.3.1 (clean pixel data option).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cache, partial
from typing import Any

import numpy as np

from appliance.core.errors import BurnedInText
from appliance.core.types import Report, Series
from appliance.text_strokes import Box, find, joined

__all__ = ["WARNING", "Box", "Search", "covered", "find", "noticed", "recurring", "told"]

WARNING = "There seems to be text in the picture: it may name the patient."
_STACK, _SAMPLED = 4, 9
"""A stack is of so many slices; so many of them are looked at while it is analysed."""


def recurring(pictures: Sequence[Sequence[Box]]) -> tuple[Box, ...]:
    """Places of text in a whole series, found in single pictures.

    A scanner writes in the same place of every slice: in a stack of four and more, a place counts
    when it holds text in at least two.

    Examples
    --------
    >>> recurring([[(0, 0, 9, 50)], [(1, 0, 10, 60), (90, 0, 99, 30)], [], []])
    ((0, 0, 10, 60),)
    """
    every = [box for boxes in pictures for box in boxes]
    least = 1 if len(pictures) < _STACK else 2
    kept = [
        box
        for box in every
        if sum(any(_overlap(box, other) for other in boxes) for boxes in pictures) >= least
    ]
    if not kept:
        return ()
    shape = max(box[2] for box in kept), max(box[3] for box in kept)
    return joined(kept, shape)


def _overlap(one: Box, other: Box) -> bool:
    """Whether two boxes share at least half of the smaller one."""
    rows = min(one[2], other[2]) - max(one[0], other[0])
    columns = min(one[3], other[3]) - max(one[1], other[1])
    smaller = min((box[2] - box[0]) * (box[3] - box[1]) for box in (one, other))
    return rows > 0 and columns > 0 and 2 * rows * columns >= smaller


def noticed(series: Series) -> tuple[Series, tuple[Box, ...]]:
    """A series with a warning where text was found in it, and the places.

    Some slices of a stack are looked at, spread over all of it; a NIfTI is not, since what makes
    one starts from slices.

    Returns
    -------
    series : Series
    places : tuple of Box
        In the rows and columns of the input, for every slice.
    """
    planes = series.volume.array
    if series.kind == "nifti":
        return series, ()
    chosen = np.unique(np.linspace(0, len(planes) - 1, min(len(planes), _SAMPLED)).astype(int))
    places = recurring([find(planes[index]) for index in chosen])
    if not places:
        return series, ()
    return replace(series, warnings=(*series.warnings, WARNING)), places


class Search:
    """Searches for text while a series is prepared and inferred, in a thread of its own."""

    def __init__(self) -> None:
        self._aside = ThreadPoolExecutor(1, thread_name_prefix="text")

    def begin(self, series: Series, crowd: bool) -> Callable[[], tuple[Series, tuple[Box, ...]]]:
        """What to call for the answer of `noticed`, as often as it is needed.

        With `crowd`, other series are analysed at the same time: no core waits for work, and the
        search is done by who asks for its answer.
        """
        if crowd:
            return cache(partial(noticed, series))
        return self._aside.submit(noticed, series).result


def told(report: Report, places: Sequence[Box]) -> Report:
    """A report that says where text was found, as ``quality.text_places``."""
    quality = {**report.document["quality"], "text_places": [list(place) for place in places]}
    return replace(report, document={**report.document, "quality": quality})


def covered(series: Series, document: Mapping[str, Any]) -> Series:
    """A series whose pictures may leave: what the report says is text is black.

    Parameters
    ----------
    document : mapping
        The report; ``quality.text_places`` is what `noticed` found.

    Raises
    ------
    BurnedInText
        When the header says that there is text, but nobody knows where.
    """
    places = (document.get("quality") or {}).get("text_places") or ()
    if not places:
        if series.source is not None and series.source.burned_in:
            raise BurnedInText(
                "the header says that text is burned into the pictures, but none was found to "
                "blacken; take the mask, the JSON report or the segmentation, which hold no picture"
            )
        return series
    array = np.array(series.volume.array)
    for row0, column0, row1, column1 in places:
        array[:, row0:row1, column0:column1] = array.min()
    return replace(series, volume=series.volume.with_array(array))
