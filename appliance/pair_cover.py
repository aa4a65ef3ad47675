"""What of a series may be shown where a picture leaves: text found in it is black.

Registration and network see a series as it is; only what is drawn, carried or fused is covered.
"""

from __future__ import annotations

from dataclasses import dataclass

from appliance import burned_in
from appliance.burned_in import Box
from appliance.core.errors import BurnedInText
from appliance.core.types import Series


@dataclass(frozen=True, eq=False)
class Shown:
    """A series as its pictures are shown.

    Attributes
    ----------
    series : Series
        Text that was found is black.
    places : tuple of Box
        Where: rows and columns of the input, in every slice.
    withheld : bool
        The header says that there is text, and none was found to blacken: pictures stay here.
    """

    series: Series
    places: tuple[Box, ...]
    withheld: bool

    @property
    def text(self) -> bool:
        """Whether text is in the pictures, or is said to be."""
        return self.withheld or bool(self.places)


def shown(series: Series) -> Shown:
    """A series with the text in it blackened."""
    _, places = burned_in.noticed(series)
    try:
        covered = burned_in.covered(series, {"quality": {"text_places": places}})
    except BurnedInText:
        return Shown(series, (), True)
    return Shown(covered, places, False)


def leaving(series: Series) -> Series:
    """The same for a picture that leaves; raises BurnedInText where it must not."""
    found = shown(series)
    if found.withheld:
        raise BurnedInText(
            f"{series.name}: the header says that text is burned into the pictures, but none was "
            "found to blacken; bring a picture without text"
        )
    return found.series
