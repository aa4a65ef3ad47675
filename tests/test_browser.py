"""A person at the page: Chromium drops files, reads verdicts, looks at pixels and presses keys."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import pytest

from appliance.pipeline import Analyzer
from appliance.registry import Package
from appliance.settings import Settings
from tests.browsing import (
    DONE,
    colour_png,
    drop,
    overflow,
    overlay_pixels,
    png,
    serving,
    stack_zip,
)
from tests.conftest import head_array

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
PATIENCE_MS = 20_000

if not CHROMIUM.is_file():
    pytest.skip(f"{CHROMIUM} is missing", allow_module_level=True)


@pytest.fixture(scope="module")
def address(
    tmp_path_factory: pytest.TempPathFactory, tiny_folder: Path, tiny_package: Package
) -> Iterator[str]:
    """A running server with the tiny model and an empty data folder."""
    data = tmp_path_factory.mktemp("served")
    settings = Settings(data=data, device="CPU", models=(tiny_folder,), keep_names=True)
    with serving(settings, Analyzer(device="CPU", package=tiny_package)) as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[sync_api.Browser]:
    with sync_api.sync_playwright() as playwright:
        try:
            launched = playwright.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
        except sync_api.Error as error:
            pytest.skip(f"Chromium does not start here: {error.message.splitlines()[0]}")
        yield launched
        launched.close()


@pytest.fixture
def problems() -> list[str]:
    """What the page complained about; refused uploads are a status the browser logs itself."""
    return []


@pytest.fixture
def open_page(browser: sync_api.Browser, address: str, problems: list[str]) -> Iterator:
    contexts = []

    def open_one(width: int = 1280, height: int = 800, **options) -> sync_api.Page:
        viewport = {"width": width, "height": height}
        contexts.append(browser.new_context(viewport=viewport, **options))
        page = contexts[-1].new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("console", lambda m: m.type == "error" and problems.append(m.text))
        page.goto(address)
        page.wait_for_selector("html[data-ready]")
        return page

    yield open_one
    for context in contexts:
        context.close()


def test_a_dropped_slice_comes_back_with_verdict_and_overlay(open_page, problems) -> None:
    page = open_page()
    drop(page, "head.png", png(), "image/png")
    assert page.locator(".verdict").get_attribute("data-verdict") == "tumor"
    assert "Tumour found" in page.inner_text(".verdict")
    assert "from drop to answer" in page.inner_text(".verdict")
    drawn = overlay_pixels(page)
    assert drawn > 40
    page.keyboard.press("c")
    assert overlay_pixels(page) < drawn / 4
    page.keyboard.press("c")
    assert overlay_pixels(page) == drawn
    classes, witnesses = page.locator(".bars").all()
    assert classes.locator(".bar").count() == 4
    assert witnesses.locator(".bar").count() == 2  # the classifier alone, the outline alone
    assert "Tumour found" in page.inner_text("#status")
    assert problems == []


def test_a_slice_without_a_lesion_has_no_overlay(open_page, problems) -> None:
    page = open_page()
    drop(page, "healthy.png", png(lesion=False), "image/png")
    assert page.locator(".verdict").get_attribute("data-verdict") == "no_tumor"
    assert overlay_pixels(page) == 0
    assert page.locator("[data-action=contour]").is_disabled()
    assert problems == []


@pytest.mark.parametrize(
    ("name", "data", "media_type", "words"),
    [
        ("landscape.png", colour_png(), "image/png", "colour picture"),
        ("notes.dcm", b"only words " * 20, "application/octet-stream", "Not analysed"),
        ("cut.png", png()[:200], "image/png", "damaged or incomplete"),
    ],
)
def test_a_refused_file_shows_its_reason(open_page, name, data, media_type, words) -> None:
    page = open_page()
    drop(page, name, data, media_type)
    card = page.locator(".verdict")
    assert card.get_attribute("data-verdict") == "refused"
    assert words in card.inner_text()
    assert len(card.locator(".verdict-text").inner_text()) > 20
    generated = "dicom "  # a DICOM file's own name may be a person's
    assert (generated if name.endswith(".dcm") else name) in card.inner_text()


def test_several_series_can_be_chosen(open_page, problems) -> None:
    page = open_page()
    drop(page, "three.zip", stack_zip(), "application/zip")
    picker = page.locator(".series-picker select")
    assert picker.locator("option").count() == 3
    assert page.locator(".verdict").get_attribute("data-verdict") == "tumor"
    others = [o for o in picker.locator("option").all_inner_texts() if "No tumour" in o]
    picker.select_option(label=others[0])
    page.wait_for_selector(".verdict[data-verdict=no_tumor]")
    assert problems == []


def test_the_keyboard_moves_through_the_slices(open_page, tmp_path: Path, problems) -> None:
    path = tmp_path / "stack.tif"
    assert cv2.imwritemulti(str(path), list(head_array((9, 96, 80))))
    page = open_page()
    page.set_input_files("[data-picker=files]", str(path))
    page.wait_for_selector(DONE)
    page.locator(".stage").focus()
    page.keyboard.press("Home")
    assert page.inner_text(".slice-place") == "1 / 9"
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    assert page.inner_text(".slice-place") == "3 / 9"
    page.keyboard.press("PageUp")
    assert page.inner_text(".slice-place") == "2 / 9"
    page.keyboard.press("End")
    assert page.inner_text(".slice-place") == "9 / 9"
    page.locator(".slice-range").focus()
    page.keyboard.press("ArrowLeft")
    assert page.inner_text(".slice-place") == "8 / 9"
    assert problems == []


def test_zoom_window_and_level_follow_the_mouse(open_page, problems) -> None:
    page = open_page()
    drop(page, "head.png", png(), "image/png")
    facts = page.locator(".corner-facts")
    page.wait_for_function("document.querySelector('.corner-facts').textContent.includes('100')")
    at_first = facts.inner_text()
    box = page.locator(".stage").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.wheel(0, -400)
    first_line = "document.querySelector('.corner-facts').innerText.split('\\n')[0]"
    page.wait_for_function(f"before => {first_line} !== before", arg=at_first.splitlines()[0])
    zoomed = facts.inner_text()
    page.keyboard.down("Shift")
    page.mouse.down()
    page.mouse.move(x + 60, y + 40, steps=4)
    page.mouse.up()
    page.keyboard.up("Shift")
    assert facts.inner_text().splitlines()[1:] != zoomed.splitlines()[1:]
    page.keyboard.press("r")
    sync_api.expect(facts).to_have_text(at_first, use_inner_text=True)
    assert problems == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_never_scrolls_sideways(open_page, scheme: str, problems) -> None:
    page = open_page(360, 740, color_scheme=scheme, has_touch=True, is_mobile=True)
    assert overflow(page) <= 0
    assert page.locator("[data-picker=camera]").get_attribute("capture") == "environment"
    assert page.locator(".drop-camera").is_visible()
    data = png(seed=5 if scheme == "light" else 6)
    drop(page, f"{'long_name_' * 9}{scheme}.png", data, "image/png")
    assert overflow(page) <= 0
    page.click(".adjust summary")
    page.click(".card-more summary")
    assert overflow(page) <= 0
    assert page.locator(".notice").is_visible()
    page.click("#help")
    assert overflow(page) <= 0
    assert problems == []


def test_a_study_is_deleted_only_when_agreed_to(open_page, problems) -> None:
    page = open_page()
    drop(page, "to-delete.png", png(seed=3), "image/png")
    item = page.locator(".study-item", has_text="to-delete.png").first
    item.locator(".study-delete").click()
    page.keyboard.press("Escape")
    assert item.is_visible()
    before = page.locator(".study-item", has_text="to-delete.png").count()
    item.locator(".study-delete").click()
    page.click("#confirm-dialog .danger")
    page.wait_for_function(
        "(n) => [...document.querySelectorAll('.study-title')]"
        ".filter((e) => e.textContent.includes('to-delete.png')).length < n",
        arg=before,
    )
    assert page.evaluate("document.body.dataset.state") == "empty"
    assert page.evaluate("document.activeElement.id") == "studies-title"
    assert problems == []


def test_no_raw_value_of_the_code_is_shown(open_page) -> None:
    page = open_page()
    for data in (png(), png(lesion=False), stack_zip(), colour_png()):
        drop(page, "shown.bin", data, "application/octet-stream")
        page.wait_for_timeout(300)
        words = set(page.inner_text("body").split())
        assert words & {"false", "null", "undefined", "NaN", "[object"} == set()


def test_the_address_brings_a_study_back(open_page) -> None:
    page = open_page()
    drop(page, "again.png", png(), "image/png")
    page.reload()
    page.wait_for_selector(DONE)
    assert "Tumour found" in page.inner_text(".verdict")


def test_the_downloads_are_there(open_page, address: str) -> None:
    page = open_page()
    drop(page, "take.png", png(), "image/png")
    page.wait_for_selector(".downloads a")
    links = [a.get_attribute("href") for a in page.locator(".downloads a").all()]
    assert len(links) == 4  # report, PDF, JSON, mask
    for link in links:
        assert page.request.get(address + link).ok, link


def test_light_and_dark_can_be_chosen_and_are_remembered(open_page) -> None:
    page = open_page(color_scheme="light")
    ground = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(ground)
    page.click("#theme")
    assert page.evaluate(ground) != light
    assert page.locator("#theme").get_attribute("aria-pressed") == "true"
    page.reload()
    page.wait_for_selector("html[data-ready]")
    assert page.evaluate(ground) != light


UNCERTAIN = {
    "verdict": "uncertain",
    "reasons": ["The classifier sees a tumour, the outline is faint."],
    "input": {"name": "x.png", "kind": "image", "shape": [9, 8, 8], "spacing_mm": None},
    "classification": {
        "label": "pituitary",
        "probabilities": {"glioma": 0.1, "pituitary": 0.6, "no_tumor": 0.3},
        "prediction_set": ["pituitary", "no_tumor"],
        "coverage": 0.95,
    },
    "slices": [],
    "lesions": [
        {"id": 1, "box": [7, 1, 2, 8, 5, 6], "score": 0.5, "area_px": 12, "volume_ml": None}
    ],
}


def test_an_uncertain_answer_begins_with_its_reason(open_page, problems) -> None:
    page = open_page()
    page.evaluate("document.body.dataset.state = 'open'")
    page.evaluate("(report) => document.querySelector('verdict-card').show(report)", UNCERTAIN)
    page.evaluate("(report) => document.querySelector('result-view').show(report)", UNCERTAIN)
    assert page.locator(".verdict-lead").all_inner_texts() == UNCERTAIN["reasons"]
    assert "doubtful outline is drawn: 12 pixels" in page.inner_text(".verdict")
    assert "on slice 8 only" in page.inner_text(".lesion")
    assert page.locator(".tag").all_inner_texts() == ["Pituitary tumour", "No tumour"]
    assert problems == []


def test_an_answer_says_what_the_model_and_the_file_do_not(open_page, problems) -> None:
    page = open_page()
    drop(page, "healthy.png", png(lesion=False), "image/png")
    card = page.inner_text(".verdict")
    assert "does not rule one out" in card
    assert "knows only glioma, meningioma, and pituitary tumour, no other" in card
    details = page.inner_text("result-view")
    assert "not stated" in details
    assert "R and L are not marked" in details
    assert "0 pixels" not in details
    assert problems == []


def test_a_slice_that_cannot_be_fetched_leaves_no_other_slice(open_page, tmp_path: Path) -> None:
    path = tmp_path / "gone.tif"
    assert cv2.imwritemulti(str(path), list(head_array((9, 96, 80), seed=8)))
    page = open_page()
    page.set_input_files("[data-picker=files]", str(path))
    page.wait_for_selector(DONE)
    page.wait_for_timeout(300)
    page.route("**/slices/*", lambda route: route.abort())
    page.locator(".stage").focus()
    page.keyboard.press("Home")
    page.wait_for_selector(".stage-problem:not([hidden])")
    canvas = "document.querySelector('.stage-canvas')"
    lit = (
        f"{canvas}.getContext('2d').getImageData(0, 0, {canvas}.width, {canvas}.height)"
        ".data.some((v) => v > 0)"
    )
    page.wait_for_timeout(100)
    assert page.evaluate(lit) is False


def test_the_place_stays_when_the_list_is_drawn_again(open_page, problems) -> None:
    page = open_page()
    drop(page, "place.png", png(seed=4), "image/png")
    page.click(".brand")
    button = page.locator(".study", has_text="place.png").first
    button.focus()
    page.keyboard.press("Enter")
    page.wait_for_selector(DONE)
    page.wait_for_timeout(300)
    assert "place.png" in page.evaluate("document.activeElement.innerText")
    assert problems == []
