"""Grey by the contract's rule, whatever the channels; colour is refused."""

import numpy as np
import pytest

from appliance.core.errors import NotGreyscale
from appliance.grey import to_grey
from tests.scans import noise

GREY = noise()


def tinted(saturation: float) -> np.ndarray:
    value = np.clip(GREY.astype(np.float32), 60, 255)
    return np.dstack([value * (1 - saturation), value, value]).astype(np.uint8)


def test_the_saturation_rule():
    assert to_grey(tinted(0.10)).ndim == 2
    with pytest.raises(NotGreyscale):
        to_grey(tinted(0.20))
    half = tinted(0.9)
    half[:21] = half[:21, :, 1:2]
    assert to_grey(half).ndim == 2, "the median decides, not the mean"
    dark = np.zeros((40, 40, 3), np.uint8)
    dark[..., 2] = 20
    assert to_grey(dark).ndim == 2, "pixels near black have no colour"


def test_luminance_depends_on_the_order_of_channels():
    rgb = tinted(0.1)
    assert (to_grey(rgb, "RGB") == to_grey(rgb[..., ::-1], "BGR")).all()


def test_transparent_parts_lie_on_black_but_an_unused_alpha_is_none():
    alpha = np.zeros_like(GREY)
    alpha[:20] = 255
    array = to_grey(np.dstack([GREY] * 3 + [alpha]))
    assert (array[:20] == GREY[:20]).all()
    assert (array[20:] == 0).all()
    assert (to_grey(np.dstack([GREY] * 3 + [alpha * 0])) == GREY).all()
