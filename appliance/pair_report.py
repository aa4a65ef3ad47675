"""A result on two series as one self-contained HTML page."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from jinja2 import Environment

from appliance import NOTICE, __version__
from appliance.followup.page import CATEGORIES, signed
from appliance.pair_pictures import for_report
from appliance.pair_words import in_words, roles, tone
from appliance.pairs import Pair
from appliance.report import style
from appliance.templating import data_uri, environment

_LEAST = 1e-3


def figure(value: float) -> str:
    """A measured value as a person reads it.

    >>> figure(12.0), figure(0.12345), figure(0.00001), figure(1234.5)
    ('12', '0.123', '0.00001', '1234')
    """
    if float(value).is_integer() or abs(value) >= 1000:
        return f"{value:.0f}"
    return f"{value:.3g}" if abs(value) >= _LEAST else f"{value:.5f}"


def name_of(name: str) -> str:
    """A measurement's name as words.

    >>> name_of("transform_rotation_deg"), name_of("qabf")
    ('Transform rotation', 'Q^AB/F')
    """
    known = {"qabf": "Q^AB/F", "ssim": "SSIM", "vif": "VIF"}
    words = name.removesuffix("_deg").replace("_", " ")
    return known.get(name, words[:1].upper() + words[1:])


def input_in_words(given: Mapping[str, Any]) -> str:
    """One of the two inputs in a line."""
    parts = [given["name"] or "unnamed", given["modality"], given["sequence"], given["plane"]]
    if given["shape"]:
        parts.append(" × ".join(map(str, given["shape"])) + " pixels")
    if given["spacing_mm"]:
        parts.append(" × ".join(f"{v:g}" for v in given["spacing_mm"]) + " mm")
    return ", ".join(str(part) for part in parts if part)


def measurements(document: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Name, value and unit of each measurement, as words."""
    return [
        (name_of(m["name"]), figure(m["value"]), "" if m["unit"] == "1" else m["unit"])
        for m in document["measurements"]
    ]


@lru_cache(maxsize=1)
def _environment() -> Environment:
    return environment(signed=signed)


def to_html(pair: Pair) -> str:
    """The page, pictures inlined, nothing loaded from elsewhere."""
    document = pair.document
    word, meaning = in_words(document)
    pictures = []
    for name, text in pair.texts.items():
        if name.endswith(".svg"):
            caption = name.removesuffix(".svg").replace("_", " ").capitalize()
            pictures.append((caption, data_uri(text.encode(), "image/svg+xml")))
    pictures += [(caption, data_uri(data)) for caption, data in for_report(pair)]
    return (
        _environment()
        .get_template("pair.html")
        .render(
            style=style(),
            notice=NOTICE,
            version=__version__,
            pair=document,
            word=word,
            meaning=meaning,
            tone=tone(document),
            pictures=pictures,
            measurements=measurements(document),
            sums=pair.documents.get("followup", {}).get("rano_arithmetic"),
            categories=CATEGORIES,
            roles={role: name.capitalize() for role, name in roles(document["task"]).items()},
            inputs={role: input_in_words(given) for role, given in document["inputs"].items()},
        )
    )
