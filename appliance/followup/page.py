"""A course as one self-contained HTML page: timeline, both studies side by side, every lesion."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from jinja2 import Environment

from appliance import __version__
from appliance.followup.pictures import Panel
from appliance.followup.timeline import svg
from appliance.report import style
from appliance.templating import data_uri, environment

TITLES = {
    "larger": "Larger",
    "smaller": "Smaller",
    "within_error": "Within the error of measurement",
    "new": "Something new",
    "gone": "Gone",
    "not_comparable": "Not comparable",
}
SENTENCES = {
    "larger": "At least one lesion grew by more than the error of measurement.",
    "smaller": "At least one lesion shrank by more than the error of measurement, and none grew.",
    "within_error": "No change is larger than the error of measurement. That is no proof of none.",
    "new": "A lesion is outlined where repeated readings of the earlier study show none.",
    "gone": "Nothing is left of what the earlier study shows.",
    "not_comparable": "Nothing is said about a change, for the reason below.",
}
SHORT = {"volume_ml": "ml", "area_mm2": "mm²", "area_px": "px"}
CATEGORIES = {
    "50_percent_less": "50 % or more below the first",
    "25_percent_more": "25 % or more above the smallest before",
    "between": "between the two",
    "none_left": "nothing left to measure",
}


def steps_of(document: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Each comparison of neighbours, the only one of two studies included."""
    return document.get("steps") or [document]


def timeline_svg(document: Mapping[str, Any]) -> str:
    """The timeline of a document."""
    return svg(document["timeline"], [step["verdict"] for step in steps_of(document)])


def to_html(document: Mapping[str, Any], panels: Sequence[Panel]) -> str:
    """The page; nothing in it is loaded from elsewhere.

    Parameters
    ----------
    document : mapping
        JSON of schema ``neuralscan/followup/1``.
    panels : sequence of Panel
        Of the last two studies.
    """
    pictures = [{"caption": one.caption, "uri": data_uri(one.png)} for one in panels]
    return _environment().get_template("followup.html").render(
        document=document,
        steps=steps_of(document),
        timeline=timeline_svg(document),
        pictures=pictures,
        style=style(),
        titles=TITLES,
        sentences=SENTENCES,
        categories=CATEGORIES,
        short=SHORT,
        version=__version__,
    )  # fmt: skip


def signed(value: float) -> str:
    """A change in per cent.

    >>> signed(12.4), signed(-3.0)
    ('+12 %', '-3 %')
    """
    return f"{value:+.0f} %"


@lru_cache(maxsize=1)
def _environment() -> Environment:
    return environment(
        signed=signed,
        sides=lambda pair: " × ".join(f"{side:.1f}" for side in pair),
        size=lambda value: f"{value:.2f}" if value < 10 else f"{value:.0f}",
    )
