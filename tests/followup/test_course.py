"""Several studies: one document, one timeline, sums of products."""

import json
import xml.etree.ElementTree as xml

import pytest

from appliance.core.errors import BadRequest
from appliance.core.types import Refusal
from appliance.followup.band import shipped
from appliance.followup.course import follow
from appliance.followup.document import document_of
from appliance.followup.exam import refused
from appliance.followup.outputs import write
from appliance.followup.page import timeline_svg, to_html
from appliance.followup.pictures import panels
from tests.followup.truths import STACK, exam, how, series

MODEL = {"name": "other", "version": "1", "precision": "INT8", "device": "CPU"}
THICK = (3.0, 2.0, 2.0)
KEYS = {
    "prior", "current", "verdict", "measure", "prior_value", "current_value", "change_percent",
    "band_percent",
}  # fmt: skip


def grown(*radii: float):
    return [
        exam(series((r,), STACK, THICK, seed=n, name=f"study <{n}>.nii"))
        for n, r in enumerate(radii)
    ]


@pytest.fixture(scope="module")
def three():
    return follow(grown(14.0, 10.0, 12.5), how(repeats=3), days=(10, 100, 190))


def test_the_document_keeps_the_contract(three):
    document = document_of(three, shipped(), MODEL)
    json.dumps(document, allow_nan=False)
    assert document["schema"] == "neuralscan/followup/1"
    assert [step["verdict"] for step in document["steps"]] == ["smaller", "larger"]
    assert document["verdict"] == "larger"
    assert document["since_first"]["verdict"] in ("smaller", "within_error")
    (lesion,) = document["lesions"]
    assert set(lesion) >= KEYS
    assert (lesion["prior"], lesion["current"]) == (1, 1)
    assert document["registration"]["verdict"] == "good"
    assert [p["day"] for p in document["timeline"]["points"]] == [0, 90, 180]
    assert all(p["low"] < p["value"] < p["high"] for p in document["timeline"]["points"])
    assert any("fitted with the package" in text for text in document["warnings"])


def test_sums_of_products_are_arithmetic_on_the_diameters(three):
    sums = three.sums
    size = three.exams[0].sizes()[1]
    assert sums[0].value == pytest.approx(size.diameters[0] * size.diameters[1])
    assert [found.category for found in sums] == [None, "between", "25_percent_more"]
    assert sums[2].since_smallest == pytest.approx(100 * (sums[2].value / sums[1].value - 1))


def test_what_cannot_be_compared_is_in_no_sum():
    """The later study shows a second lesion at its first slices, which the earlier one lacks."""
    first, later = grown(12.0, 12.0)
    before = follow([first, later], how(repeats=2))
    later.labels[0:3, 30:44, 30:44] = 2
    course = follow([first, later], how(repeats=2))
    assert {c.verdict for c in course.last.changes} == {"within_error", "not_comparable"}
    assert course.sums == before.sums
    assert course.points[1].value == before.points[1].value


def test_the_timeline_is_well_formed_and_names_every_step(three):
    plot = timeline_svg(document_of(three, shipped(), MODEL))
    tree = xml.fromstring(plot)
    words = [node.text for node in tree.iter() if node.tag.endswith("text")]
    assert {"smaller", "larger", "day 0", "day 90", "day 180"} <= set(words)
    assert sum(node.tag.endswith("circle") for node in tree.iter()) == 3


def test_the_page_stands_alone_and_escapes_names(three, tmp_path):
    document = document_of(three, shipped(), MODEL)
    page = to_html(document, panels(three.last, *three.exams[-2:]))
    assert "http" not in page.replace("http://www.w3.org/2000/svg", "")
    assert page.count("data:image/png;base64") == 3
    assert "study &lt;0&gt;.nii" in page
    assert "not a RANO assessment" in page
    write(three, document, tmp_path, ("json", "html"))
    assert {p.name for p in tmp_path.iterdir()} == {
        "followup.json", "followup.html", "timeline.svg", "prior_lesions.nii.gz",
    }  # fmt: skip


def test_a_refused_study_leaves_a_gap(tmp_path):
    first, second = grown(12.0, 12.0)
    gap = refused(first.given, Refusal("out_of_distribution", "unlike any head"))
    course = follow([first, gap, second], how(repeats=2))
    assert [point is None for point in course.points] == [False, True, False]
    assert course.sums == ()
    assert course.since_first.verdict == "within_error"
    document = document_of(course, shipped(), MODEL)
    assert document["verdict"] == "not_comparable"
    assert "unlike any head" in document["reasons"][0]
    write(course, document, tmp_path, ("html",))
    assert "unlike any head" in (tmp_path / "followup.html").read_text()


@pytest.mark.parametrize("days", [(0,), (5, 5), (9, 2)])
def test_days_must_fit_and_grow(days):
    with pytest.raises(BadRequest, match="days"):
        follow(grown(12.0, 12.0), how(), days=days)


def test_one_study_is_no_course():
    with pytest.raises(BadRequest, match="two studies"):
        follow(grown(12.0), how())
