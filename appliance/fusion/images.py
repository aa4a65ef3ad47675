"""Grey values as fusion sees them, 0 to 1, and back to whole numbers."""

from __future__ import annotations

import numpy as np

from appliance.core.types import Series, Volume
from appliance.render import display

CT_WINDOW = (400.0, 1000.0)
"""Centre and width, HU: bone is bright, brain dark grey, air and fat black, so that what the CT
adds is bone and blood, and the other image's soft tissue is not greyed over."""


def unit(series: Series) -> Volume:
    """The series as float32, 0 to 1: a CT in Hounsfield units by `CT_WINDOW`, else as shown.

    8-bit pictures keep their grey values, whatever they show.
    """
    volume = series.volume
    if volume.array.dtype == np.uint8:
        shown = {"level": 127.5, "window": 255.0}
    elif series.modality == "CT":
        shown = dict(zip(("level", "window"), CT_WINDOW, strict=True))
    else:
        shown = display(volume, series.window)
    low = np.float32(shown["level"] - shown["window"] / 2)
    scaled = (volume.array.astype(np.float32) - low) / np.float32(shown["window"])
    return volume.with_array(np.clip(scaled, 0.0, 1.0, out=scaled))


def whole(volume: Volume, bits: int) -> Volume:
    """Values 0 to 1 as whole numbers of 8 or 16 bits, full scale."""
    kind = np.uint8 if bits == 8 else np.uint16
    most = np.iinfo(kind).max
    return volume.with_array(np.rint(np.clip(volume.array, 0, 1) * most).astype(kind))
