"""A person at the page: three planes of a volume, and general information beside the answer."""

from __future__ import annotations

import re

import numpy as np
import pytest

from appliance.core.types import Volume
from appliance.nifti import to_bytes
from tests.browsing import drop, overflow, png
from tests.conftest import head_array
from tests.test_browser import address, browser, open_page, problems

__all__ = ["address", "browser", "open_page", "problems"]

AFFINE = np.array([[0, 0, 2.5, -100], [0, 2.5, 0, -120], [8.0, 0, 0, -30], [0, 0, 0, 1]])
GREYS = """(plane) => {
  const canvas = document.querySelector(`#plane-${plane} canvas`);
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  let sum = 0, cross = 0, contour = 0;
  for (let i = 0; i < data.length; i += 4) {
    const [r, g, b] = [data[i], data[i + 1], data[i + 2]];
    sum += r === g && g === b ? r : 0;
    cross += b - r > 60 ? 1 : 0;
    contour += r - b > 100 && g > 120 ? 1 : 0;
  }
  return { sum, cross, contour };
}"""


def volume(seed: int) -> bytes:
    """A generated head of 9 slices as NIfTI, a lesion in it."""
    head = head_array((9, 96, 80), True, seed).astype(np.int16)
    return to_bytes(Volume(head, AFFINE))


def places(page) -> list[str]:
    """Slice and number of slices of axial, coronal and sagittal."""
    return page.locator("planes-view .slice-place").all_inner_texts()


def settled(page) -> None:
    page.wait_for_timeout(400)
    page.wait_for_load_state("networkidle")


def open_planes(page, seed: int) -> None:
    drop(page, f"head{seed}_t1c.nii.gz", volume(seed), "application/gzip")
    page.get_by_role("button", name="Three planes").click()
    settled(page)


def test_three_planes_follow_one_cross_hair(open_page, problems) -> None:
    page = open_page(1280, 860)
    open_planes(page, 201)
    assert page.locator("slice-viewer").is_hidden()
    first = places(page)
    assert [re.sub(r".* / ", "", place) for place in first] == ["9", "96", "80"]
    for plane in ("axial", "coronal", "sagittal"):
        drawn = page.evaluate(GREYS, plane)
        assert drawn["sum"] > 10_000, plane
        assert drawn["cross"] > 100, plane
    assert page.evaluate(GREYS, "axial")["contour"] > 20
    page.locator("#plane-axial .plane-stage").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("PageUp")
    settled(page)
    moved = places(page)
    changes = [
        int(b.split(" ")[0]) - int(a.split(" ")[0]) for a, b in zip(first, moved, strict=True)
    ]
    assert changes == [1, 1, 1]
    label = page.locator("#plane-coronal .plane-stage").get_attribute("aria-label")
    assert label == f"Coronal, slice {moved[1].replace(' / ', ' of ')}"
    box = page.locator("#plane-sagittal .plane-stage").bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    settled(page)
    assert [place.split(" ")[0] for place in places(page)[:2]] == ["5", "49"]
    words = page.inner_text(".planes-place")
    assert words.count("mm") == 3
    page.get_by_role("slider", name="Coronal slice").focus()
    page.keyboard.press("Home")
    settled(page)
    assert places(page)[1] == "1 / 96"
    assert problems == []


def test_window_and_outline_of_the_planes(open_page, problems) -> None:
    page = open_page(1280, 860)
    open_planes(page, 202)
    before = page.evaluate(GREYS, "axial")
    page.get_by_role("button", name="Contour").last.click()
    settled(page)
    bare = page.evaluate(GREYS, "axial")
    assert bare["contour"] < before["contour"] / 4
    box = page.locator("#plane-axial .plane-stage").bounding_box()
    page.mouse.move(box["x"] + 80, box["y"] + 80)
    page.mouse.down(button="right")
    page.mouse.move(box["x"] + 80, box["y"] - 60, steps=4)
    page.mouse.up(button="right")
    settled(page)
    assert page.evaluate(GREYS, "axial")["sum"] > 1.1 * bare["sum"]
    page.locator("planes-view").get_by_role("button", name="Reset").click()
    settled(page)
    assert page.evaluate(GREYS, "axial")["sum"] == pytest.approx(bare["sum"], rel=0.01)
    assert problems == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_one_plane_at_a_time(open_page, scheme, problems) -> None:
    page = open_page(390, 844, color_scheme=scheme, has_touch=True)
    open_planes(page, 203)
    shown = page.locator("planes-view .plane:visible")
    assert shown.count() == 1
    page.get_by_role("tab", name="Axial").focus()
    page.keyboard.press("ArrowRight")
    assert page.get_by_role("tab", name="Coronal").get_attribute("aria-selected") == "true"
    settled(page)
    assert shown.get_attribute("data-plane") == "coronal"
    assert page.evaluate(GREYS, "coronal")["sum"] > 10_000
    before = places(page)
    box = page.locator("#plane-coronal .plane-stage").bounding_box()
    page.touchscreen.tap(box["x"] + box["width"] / 3, box["y"] + box["height"] / 2)
    settled(page)
    assert places(page)[2] != before[2]
    assert overflow(page) <= 0
    assert problems == []


def test_a_single_picture_has_no_three_planes(open_page, problems) -> None:
    page = open_page()
    drop(page, "flat.png", png(seed=204), "image/png")
    assert page.get_by_role("button", name="Three planes").is_hidden()
    assert page.locator("slice-viewer").is_visible()
    assert problems == []


def test_general_information_stands_beside_a_tumour_only(open_page, problems) -> None:
    page = open_page(390, 844)
    drop(page, "sick.png", png(seed=205), "image/png")
    card = page.locator("reference-cards")
    card.locator("details").first.wait_for()
    assert "It is no advice" in card.inner_text()
    card.locator("summary").first.click()
    assert re.search(r"doi:10\.\d+", card.inner_text())
    assert "[1]" in card.inner_text()
    assert overflow(page) <= 0
    drop(page, "well.png", png(lesion=False, seed=206), "image/png")
    if page.locator(".verdict").get_attribute("data-verdict") == "no_tumor":
        assert card.locator("details").count() == 0
    assert problems == []
