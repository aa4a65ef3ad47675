"""appliance.report: one page that stands alone, says its limits, and runs nothing."""

import base64
import hashlib
import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest

from appliance import NOTICE, report
from appliance.core.types import Refusal, Series, Volume
from tests.serving import API, Bright, app, bright, client, picture, png, post_files, settings

__all__ = ["app", "bright", "client", "settings"]

AFFINE = np.diag([4.0, 2.0, 1.0, 1.0])[[2, 1, 0, 3]]


def a_series(array: np.ndarray, affine=None, **changes) -> Series:
    values = {"kind": "image", "name": "slice.png", "sha256": "ab" * 32, **changes}
    return Series(Volume(array, affine), **values)


def page(series: Series) -> str:
    return report.to_html([(Bright().analyze(series), series)])


class Tags(HTMLParser):
    """Tags in order with their attributes, and the balance of what is opened."""

    void = frozenset({"meta", "img"})

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict]] = []
        self.open: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))
        if tag not in self.void:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def tags(text: str) -> Tags:
    parser = Tags()
    parser.feed(text)
    assert parser.open == []
    return parser


def test_it_loads_nothing_and_runs_nothing():
    found = tags(page(a_series(picture()[None]))).found
    assert not {"script", "link", "iframe", "object", "form"} & {tag for tag, _ in found}
    addresses = [v for _, a in found for k, v in a.items() if k in ("src", "href", "srcset")]
    assert len(addresses) == 3
    assert all(address.startswith("data:image/png;base64,") for address in addresses)
    assert not [a for _, a in found if "style" in a or any(key.startswith("on") for key in a)]
    assert "url(" not in report.style()
    assert "@import" not in report.style()


def test_it_says_what_it_is_and_what_it_is_not():
    text = page(a_series(picture()[None]))
    for part in (NOTICE, "Tumour found: glioma most likely", "bright 1, INT8 on CPU", "100.0 %"):
        assert part in text
    assert "What was not measured" in text
    assert "carries no geometry" in text
    assert "outside this one slice" in text
    assert "no other tumour, bleeding" in text
    assert "prefers-color-scheme: dark" in text
    assert "@media print" in text


def test_names_from_outside_are_escaped():
    text = page(a_series(picture()[None], name='<script>alert("x")</script>'))
    assert "<script" not in text
    assert "&lt;script&gt;" in text


def test_a_refusal_gives_its_reason():
    refused = Bright().refuse(Refusal("encrypted", "protected by a <password>", "a.zip"))
    text = report.to_html([(refused, None)])
    assert "Not analysed" in text
    assert "protected by a &lt;password&gt;" in text
    assert "<code>encrypted</code>" in text
    assert "<img" not in text
    tags(text)


def test_a_healthy_picture():
    text = page(a_series(picture(lesion=False)[None]))
    assert "No tumour found" in text
    assert "does not exclude" in text
    assert "What was found" not in text


def test_a_volume_shows_its_telling_slices_with_square_pixels():
    array = np.repeat(picture(lesion=False)[None], 12, axis=0)
    for index, size in ((3, 2), (4, 6), (5, 3)):
        array[index, 10 : 10 + size, 10:20] = 250
    series = a_series(array, AFFINE, kind="dicom", sequence="T1c")
    shown = report.pictures(Bright().analyze(series), series)
    assert [p.caption for p in shown] == [f"Slice {n} of 12" for n in (4, 5, 6)]
    text = page(series)
    assert "12 of 12 slices were read" in text
    assert "carries no geometry" not in text
    assert "4 to 6" in text
    from tests.serving import pixels

    data = base64.b64decode(shown[0].data_uri.split(",")[1])
    assert pixels(data).shape == (80, 60, 3)
    tags(text)


def test_json_is_the_document():
    made = Bright().analyze(a_series(picture()[None]))
    assert json.loads(report.to_json(made)) == made.to_json()


def test_the_policy_allows_exactly_this_style():
    text = page(a_series(picture()[None]))
    style = re.search(r"<style>(.*?)</style>", text, re.DOTALL)[1]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"'sha256-{digest}'" in report.policy()


@pytest.mark.parametrize("name", ["report.html", "overlay.png"])
def test_only_the_page_s_policy_differs(client, name):
    made = post_files(client, "/analyze", "file", ("a.png", png())).json
    answer = client.get(f"{API}/analyze/{made['input']['sha256']}/{name}")
    policy = answer.headers["Content-Security-Policy"]
    assert policy == report.policy() if name == "report.html" else "'self'" in policy
