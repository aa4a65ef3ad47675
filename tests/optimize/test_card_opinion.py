"""The card quotes the manifest's second opinion, and says nothing without one."""

import json
from pathlib import Path

from appliance.package import open_package
from optimize.card import render
from optimize.card_opinion import about_opinion

SHIPPED = Path(__file__).parents[2] / "appliance" / "models" / "third"


def test_every_figure_is_the_manifest_s():
    figures = json.loads((SHIPPED / "manifest.json").read_text())["metrics"]["second_opinion"]
    text = "\n".join(about_opinion(figures))
    for kind in figures["accuracy"].values():
        for share in (kind["value"], *kind["by_fold"].values()):
            assert f"{share:.3f}" in text
    differed = figures["beside_the_network"]["differed"]
    assert f"They differ on {differed['n']}:" in text
    assert "oneDAL" in text
    assert text.count("not measured") == 4 - len(figures["accuracy"]["network"]["by_fold"])


def test_it_stands_in_the_card_where_there_is_one():
    assert "## Second opinion" in render(open_package(SHIPPED).manifest)
    assert about_opinion(None) == []
