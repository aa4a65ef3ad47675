"""Whether a picture is a grey one, and its luminance: colour maps are refused, tints are not."""

from __future__ import annotations

import cv2
import numpy as np

from appliance.core.errors import NotGreyscale, UnsupportedFormat

SATURATION_LIMIT = 0.15
_NEAR_BLACK = 0.1
_BAND_PX = 1 << 21


def to_grey(picture: np.ndarray, order: str = "BGR") -> np.ndarray:
    """One picture's luminance, provided it is a grey one by the contract's rule.

    The rule: the median saturation (HSV, over pixels brighter than a tenth of the range) is
    below 0.15. Transparent parts lie on black.

    Parameters
    ----------
    picture : (rows, columns) or (rows, columns, 2, 3 or 4) uint8 or uint16
    order : str
        ``BGR`` or ``RGB``: order of the first three of the last axis.

    Returns
    -------
    (rows, columns) of the same dtype

    Raises
    ------
    NotGreyscale

    Examples
    --------
    >>> to_grey(np.full((2, 2, 3), 90, np.uint8)).tolist()
    [[90, 90], [90, 90]]
    >>> to_grey(np.full((2, 2, 3), (200, 20, 20), np.uint8))
    Traceback (most recent call last):
    ...
    appliance.core.errors.NotGreyscale: expected a grey picture (median saturation below 0.15), \
found colour (0.90); export the scan itself, without a colour map
    """
    if picture.ndim == 2:
        return picture
    channels = picture.shape[2]
    if picture.dtype not in (np.uint8, np.uint16) or channels > 4:
        raise UnsupportedFormat(
            f"expected 8 or 16 bit grey or colour, found {channels} channels of {picture.dtype}"
        )
    alpha = picture[..., -1] if channels in (2, 4) else None
    if channels < 3:
        grey = picture[..., 0]
    else:
        colour = np.ascontiguousarray(picture[..., :3])
        first, second, third = cv2.split(colour)
        if np.array_equal(first, second) and np.array_equal(first, third):
            grey = first
        else:
            _demand_grey(colour)
            code = cv2.COLOR_RGB2GRAY if order == "RGB" else cv2.COLOR_BGR2GRAY
            grey = cv2.cvtColor(colour, code)
    if alpha is not None:
        full = np.iinfo(picture.dtype).max
        if alpha.max() > 0 and alpha.min() < full:
            grey = np.rint(grey * (alpha / np.float32(full))).astype(picture.dtype)
    return np.ascontiguousarray(grey)


def _demand_grey(colour: np.ndarray) -> None:
    """Apply the saturation rule; in bands, since a photograph may have 64 million pixels."""
    full = np.iinfo(colour.dtype).max
    step = max(1, _BAND_PX // max(1, colour.shape[1]))
    saturations = []
    for top in range(0, colour.shape[0], step):
        band = colour[top : top + step]
        high = cv2.max(cv2.max(band[..., 0], band[..., 1]), band[..., 2]).reshape(-1)
        low = cv2.min(cv2.min(band[..., 0], band[..., 1]), band[..., 2]).reshape(-1)
        bright = high > _NEAR_BLACK * full
        high = high[bright].astype(np.float32)
        saturations.append((high - low[bright]) / high)
    saturation = np.concatenate(saturations)
    median = float(np.median(saturation)) if saturation.size else 0.0
    if median >= SATURATION_LIMIT:
        raise NotGreyscale(
            f"expected a grey picture (median saturation below {SATURATION_LIMIT}), found colour "
            f"({median:.2f}); export the scan itself, without a colour map"
        )
