"""The network as follow-up sees it: a series in, how likely each of its pixels is lesion out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from appliance.core.errors import BlankImage
from appliance.core.manifest import Manifest
from appliance.core.types import Series
from appliance.reading import Reading

Sight = Callable[[Series], np.ndarray]
"""From a series to (slices, rows, columns) float32 on its own grid: 0 to 1, 0 where nothing may be
drawn."""


@dataclass(frozen=True)
class Outliner:
    """What outlines lesions: a sight, and from which probability on a pixel is drawn.

    Attributes
    ----------
    name : str
        Of the package behind it; empty for none.
    """

    sight: Sight
    threshold: float = 0.5
    name: str = ""


def network_outliner(read: Callable[[Series], Reading], manifest: Manifest) -> Outliner:
    """The outliner of a network: its one pass over a series, without joining or naming anything.

    Parameters
    ----------
    read : callable
        The pass, as `appliance.pipeline.Analyzer.read`.
    """

    def sight(series: Series) -> np.ndarray:
        try:
            reading = read(series)
        except BlankImage:
            return np.zeros(series.volume.shape, np.float32)
        out = np.zeros(reading.view.view_shape, np.float32)
        for row in reading.rows:
            plane = reading.outline(row)
            if plane is not None:
                out[row] = plane
        return np.ascontiguousarray(reading.view.undo(out))

    return Outliner(sight, manifest.verdict.pixel_threshold, manifest.name)
