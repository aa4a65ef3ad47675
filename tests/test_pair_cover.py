"""What of a series may be shown: text found in it is black, or it stays here."""

from dataclasses import replace

import numpy as np
import pytest

from appliance import burned_in
from appliance.core.errors import BurnedInText
from appliance.core.types import Source
from appliance.pair_cover import leaving, shown
from tests.heads import as_series, head

PLACE = (2, 3, 12, 60)


def marked():
    """A picture with a bright bar where text is said to be."""
    array = head().copy()
    array[2:12, 3:60] = 255
    return as_series(array, "marked.png")


def test_text_that_was_found_is_black_and_nothing_else_changes(monkeypatch):
    monkeypatch.setattr(burned_in, "noticed", lambda series: (series, (PLACE,)))
    found = shown(marked())
    assert found.text
    assert found.places == (PLACE,)
    assert not found.withheld
    array = found.series.volume.array[0]
    assert not array[2:12, 3:60].any()
    assert np.array_equal(array[12:], head()[12:])
    assert np.array_equal(leaving(marked()).volume.array, found.series.volume.array)


def test_text_that_is_only_said_to_be_there_keeps_the_picture_here():
    series = replace(
        as_series(head(), "a.png"), source=Source("1.2", (("1.3", 0),), burned_in=True)
    )
    found = shown(series)
    assert (found.text, found.withheld, found.places) == (True, True, ())
    assert found.series is series
    with pytest.raises(BurnedInText, match=r"a\.png"):
        leaving(series)


def test_a_picture_without_text_is_as_it_was():
    series = as_series(head(), "a.png")
    assert not shown(series).text
    assert leaving(series) is series
