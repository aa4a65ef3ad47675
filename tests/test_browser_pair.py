"""A person at the page of two scans: chooses, fuses, looks in every way, cancels, removes."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import requests

from appliance.settings import Settings
from tests.browsing import overflow, serving
from tests.heads import SIZE, head, png, turned
from tests.serving import API, Bright
from tests.test_browser import browser, open_page, problems

__all__ = ["browser", "open_page", "problems"]
SEEN = """() => {
  const canvas = document.querySelector(".pair-canvas");
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  return [canvas.width, canvas.height, [...data].filter((_, i) => i % 4 < 3)];
}"""


@pytest.fixture(scope="module")
def address(tmp_path_factory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("pairs")
    with serving(Settings(data=folder, device="CPU", keep_names=True), Bright()) as running:
        noise = np.random.default_rng(0).integers(0, 255, (SIZE, SIZE)).astype(np.uint8)
        pictures = {"ct.png": head(), "mr.png": turned(head()), "noise.png": noise}
        for name, array in pictures.items():
            answer = requests.post(
                f"{running}{API}/studies", files={"files": (name, png(array))}, timeout=60
            )
            assert answer.status_code == 201
        yield running


def _choose(page, fixed: str, moving: str, task: str) -> None:
    page.click("#to-pair")
    page.wait_for_selector(".pair-card")
    for name, place in ((fixed, 0), (moving, 1)):
        page.locator(".pair-card", has_text=name).locator("button").nth(place).click()
    page.select_option("#pair-task", task)


def _run(page) -> None:
    page.click("#pair-start")
    page.wait_for_selector("pair-viewer[data-ready]", timeout=60_000)


def _seen(page) -> np.ndarray:
    width, height, values = page.evaluate(SEEN)
    return np.array(values, np.uint8).reshape(height, width, 3)


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_two_scans_are_fused_and_looked_at_in_every_way(open_page, problems, width, scheme):
    page = open_page(width, 800, color_scheme=scheme)
    _choose(page, "ct.png", "mr.png", "fuse")
    page.select_option("[data-option=method]", "laplacian")
    _run(page)
    assert "#pair=" in page.url
    assert "Both in one picture" in page.inner_text(".pair-verdict")
    assert "Registration: The two lie on each other." in page.inner_text(".pair-verdict")
    assert "Q^AB/F" in page.inner_text(".pair-panels")
    assert page.locator(".downloads a").count() == 7
    seen = {}
    for mode in ("fused", "overlay", "colours", "chessboard", "swipe", "fixed", "moved"):
        page.click(f"[data-mode={mode}]")
        seen[mode] = _seen(page)
        assert page.locator(f".chip[data-mode={mode}]").get_attribute("aria-pressed") == "true"
    assert np.array_equal(seen["fixed"][..., 0], head())
    assert np.array_equal(seen["colours"][..., 1], seen["fixed"][..., 1])
    assert np.array_equal(seen["colours"][..., 0], seen["moved"][..., 0])
    left, right = np.s_[:, : SIZE // 2 - 2], np.s_[:, SIZE // 2 + 2 :]
    assert np.array_equal(seen["swipe"][left], seen["fixed"][left])
    assert np.array_equal(seen["swipe"][right], seen["moved"][right])
    mixed = seen["chessboard"]
    assert np.logical_or(mixed == seen["fixed"], mixed == seen["moved"]).all()
    assert not np.array_equal(mixed, seen["fixed"])
    assert len({picture.tobytes() for picture in seen.values()}) == 7
    assert overflow(page) <= 0
    assert not problems


def test_slider_and_arrow_keys_move_the_line_and_opacity_reaches_both_ends(open_page, problems):
    page = open_page(1280, 800)
    _choose(page, "ct.png", "mr.png", "register")
    _run(page)
    assert page.locator("[data-mode=fused]").count() == 0
    page.click("[data-mode=swipe]")
    page.focus(".pair-stage")
    for _ in range(10):
        page.keyboard.press("ArrowRight")
    assert np.array_equal(_seen(page)[:, :-1, 0], head()[:, :-1])
    page.click("[data-mode=overlay]")
    slider = page.locator(".pair-slider input").first
    slider.fill("0")
    assert np.array_equal(_seen(page)[..., 0], head())
    slider.fill("1")
    assert not np.array_equal(_seen(page)[..., 0], _seen(page)[..., 2])
    assert not problems


def test_what_does_not_belong_together_is_refused_with_its_reason(open_page, problems):
    page = open_page(390, 800)
    _choose(page, "ct.png", "noise.png", "fuse")
    _run(page)
    words = page.inner_text(".pair-verdict")
    assert "Not fused" in words
    assert "could not be brought together" in words
    assert page.locator("[data-mode=fused]").count() == 0
    page.wait_for_selector(".pair-past:has-text('noise.png')")
    before = page.locator(".pair-past").count()
    page.locator(".pair-pasts li", has_text="noise.png").locator(".icon-button").click()
    page.wait_for_function(
        "n => document.querySelectorAll('.pair-past').length === n", arg=before - 1
    )
    assert not problems


def test_roles_are_swapped_dragged_and_emptied_and_start_waits_for_both(open_page, problems):
    page = open_page(1280, 900)
    _choose(page, "ct.png", "mr.png", "register")
    assert page.locator("#pair-start").is_enabled()
    page.click(".pair-swap")
    assert "mr.png" in page.locator("#pair-fixed option:checked").inner_text()
    page.locator(".pair-card", has_text="noise.png").drag_to(
        page.locator("[data-role=moving].pair-slot")
    )
    assert "noise.png" in page.locator("#pair-moving option:checked").inner_text()
    page.select_option("#pair-moving", "")
    assert page.locator("#pair-start").is_disabled()
    page.locator(".pair-card", has_text="mr.png").locator("button").nth(1).click()
    assert page.locator("#pair-fixed option:checked").inner_text() == "Choose a scan"
    assert not problems


def test_a_result_has_an_address_of_its_own(open_page, problems):
    page = open_page(1280, 800)
    _choose(page, "ct.png", "mr.png", "register")
    _run(page)
    page.reload()
    page.wait_for_selector("pair-viewer[data-ready]")
    assert "The two lie on each other" in page.inner_text(".pair-verdict")
    page.click(".brand")
    assert page.locator("body").get_attribute("data-state") == "empty"
    assert not problems


def test_a_follow_up_calls_the_roles_by_their_time_and_other_tasks_do_not(open_page, problems):
    page = open_page(390, 800)
    _choose(page, "ct.png", "mr.png", "track")
    options = page.locator("#pair-task option").evaluate_all("all => all.map((one) => one.value)")
    assert options == ["register", "fuse", "track", "carry"]
    titles = ".pair-slot strong"
    assert page.locator(titles).all_inner_texts() == ["Later study", "Earlier study"]
    card = page.locator(".pair-card", has_text="mr.png").locator("button")
    assert card.all_inner_texts() == ["Later study", "Earlier study"]
    assert "earlier study" in card.nth(1).get_attribute("aria-label")
    page.select_option("#pair-task", "carry")
    assert page.locator(titles).all_inner_texts() == ["Fixed", "Moving"]
    assert "T1c MR" in page.inner_text(".pair-task-help")
    assert page.locator("#pair-start").is_enabled()
    assert overflow(page) <= 0
    assert not problems


def test_level_and_window_of_one_layer_change_its_picture_only(open_page, problems):
    page = open_page(390, 800)
    _choose(page, "ct.png", "mr.png", "register")
    _run(page)
    page.click("[data-mode=fixed]")
    fixed = _seen(page)
    page.click("[data-mode=moved]")
    before = _seen(page)
    page.click(".pair-adjust summary")
    page.select_option("[data-window=layer]", "moved")
    page.locator(".pair-adjust [data-slider=level]").fill("60")
    page.wait_for_function(f"before => ({SEEN})()[2].some((v, i) => v !== before[i])",
                           arg=before.ravel().tolist())  # fmt: skip
    brighter = _seen(page)
    assert brighter.mean() > before.mean() + 5
    page.click("[data-mode=fixed]")
    assert np.array_equal(_seen(page), fixed)
    page.click("[data-mode=moved]")
    page.click(".pair-adjust button")
    page.wait_for_function(f"before => ({SEEN})()[2].every((v, i) => v === before[i])",
                           arg=before.ravel().tolist())  # fmt: skip
    assert overflow(page) <= 0
    assert not problems


def test_a_result_done_again_says_what_it_replaces_and_follow_ups_join(open_page, problems):
    page = open_page(1280, 800)
    _choose(page, "ct.png", "mr.png", "register")
    _run(page)
    _run(page)
    page.wait_for_function(
        "document.querySelector('.pair-panels')?.innerText.includes('Takes the')"
    )
    assert "One result is kept" in page.inner_text("pair-page")
    points = page.evaluate(JOINED)
    assert points == [[1, 2, 3, 4], [1, 2], [2, 3, 4], [2, 3]]
    assert not problems


JOINED = """async () => {
  const { joined } = await import("/static/pair-track.js");
  const one = (earlier, later, measure = "volume_ml") => ({
    task: "track",
    inputs: {
      moving: { study_instance_uid: `s${earlier}`, series_instance_uid: "1" },
      fixed: { study_instance_uid: `s${later}`, series_instance_uid: "1" },
    },
    documents: { followup: {
      timeline: { measure, points: [{ value: earlier }, { value: later }] },
    } },
  });
  const of = (pair, others) => joined(pair, others).points.map((point) => point.value);
  const all = [one(1, 2), one(2, 3), one(3, 4)];
  return [of(all[1], all), of(all[0], []), of(one(3, 4), [one(2, 3), one(4, 2)]),
    of(one(2, 3, "area_px"), [one(1, 2, "area_px")])];
}"""
