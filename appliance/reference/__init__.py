"""Reference cards: what the literature says of the kinds of tumour the network can name.

General information, each sentence with its source; no advice, and nothing about a patient. The
texts stand in ``cards.json``, so that they can be reviewed without reading code.

>>> [card["label"] for card in cards_for({"verdict": "no_tumor", "classification": None})]
[]
>>> sorted(load()["cards"])
['glioma', 'meningioma', 'pituitary']
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from importlib import resources
from typing import Any

SECTIONS = {
    "what": "What it is",
    "grades": "Usual grades and subtypes",
    "behaviour": "Usual behaviour",
    "guideline": "Where management is discussed",
}
"""Parts of a card in their order, with their titles."""


@lru_cache(maxsize=1)
def load() -> dict[str, Any]:
    """The whole file: ``notice``, ``cards`` by label, ``sources`` by key, ``reviewed``."""
    return json.loads(resources.files(__name__).joinpath("cards.json").read_text("utf-8"))


def cards_for(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The cards that belong beside a report: of the tumours that remain possible, likeliest first.

    Parameters
    ----------
    document : mapping
        A report's JSON.

    Returns
    -------
    list of dict
        ``label``, ``sections`` (title and sentences) and ``sources``, numbered from 1 in the
        order in which the sentences name them; each sentence has its ``numbers``.
    """
    found = document.get("classification")
    if not found or document.get("verdict") not in ("tumor", "uncertain"):
        return []
    known = load()["cards"]
    shares = found["probabilities"]
    possible = sorted(found["prediction_set"], key=lambda name: -shares.get(name, 0.0))
    return [card(label) for label in possible if label in known]


def shown() -> dict[str, Any]:
    """Every card as pages show it, with the notice that stands above them."""
    every = load()
    return {
        "notice": every["notice"],
        "reviewed": every["reviewed"],
        "cards": [card(label) for label in every["cards"]],
    }


def card(label: str) -> dict[str, Any]:
    """One card, its sources numbered; raises KeyError for a label without one."""
    parts, sources = load()["cards"][label], load()["sources"]
    order: list[str] = []
    sections = []
    for key, title in SECTIONS.items():
        sentences = []
        for sentence in parts[key]:
            order += [name for name in sentence["sources"] if name not in order]
            numbers = [order.index(name) + 1 for name in sentence["sources"]]
            sentences.append({"text": sentence["text"], "numbers": numbers})
        sections.append({"key": key, "title": title, "sentences": sentences})
    return {"label": label, "sections": sections, "sources": [sources[name] for name in order]}
