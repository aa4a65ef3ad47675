"""The shipped card is what the shipped manifest says."""

from pathlib import Path

import pytest

from appliance.registry import SHIPPED, open_package
from optimize.card import render

CARDS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize("name", sorted(p.parent.name for p in SHIPPED.glob("*/manifest.json")))
def test_docs_hold_the_card_of_every_shipped_package(name):
    written = (CARDS / f"model-card-{name}.md").read_text(encoding="utf-8")
    assert written == render(open_package(SHIPPED / name).manifest)
