"""A person at the page: puts cases by, sees similar ones, and reads a second opinion."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from appliance.settings import Settings
from tests.browsing import drop, overflow, png, serving
from tests.test_browser import browser, open_page, problems
from tests.test_opinion import fitted, with_opinion

__all__ = ["browser", "open_page", "problems"]


@pytest.fixture(scope="module")
def address(tmp_path_factory, tiny_package) -> Iterator[str]:
    """A running server whose second opinion differs, with an empty data folder."""
    record = {"n": 55, "of": 607, "network_right": 37, "second_opinion_right": 16, "folds": [4]}
    folder = tmp_path_factory.mktemp("package") / "tiny"
    analyzer = with_opinion(tiny_package, folder, fitted(2), record)
    settings = Settings(data=tmp_path_factory.mktemp("served"), device="CPU", keep_names=True)
    with serving(settings, analyzer) as running:
        yield running


def test_cases_are_put_by_found_again_and_removed(open_page, problems) -> None:
    page = open_page(390, 800)
    drop(page, "first.png", png(seed=70), "image/png")
    page.wait_for_selector("similar-cases form")
    assert "Your library is empty" in page.inner_text("similar-cases")
    assert page.locator("similar-cases select option").count() == 6
    page.click("similar-cases button[type=submit]")  # without a diagnosis nothing happens
    assert page.locator("similar-cases form").count() == 1
    page.select_option("similar-cases select", "meningioma")
    page.click("similar-cases button[type=submit]")
    page.wait_for_selector("similar-cases div.keep")
    assert "In your library as meningioma." in page.inner_text("similar-cases")
    assert page.inner_text("#status") == "Added to the library"
    first = page.url

    drop(page, "second.png", png(seed=71), "image/png")
    page.wait_for_selector("similar-cases .case")
    assert page.inner_text("similar-cases .case-label") == "Meningioma"
    assert "distance 0" in page.inner_text("similar-cases .case")
    assert overflow(page) <= 0
    page.click("similar-cases .case")
    page.wait_for_selector("similar-cases div.keep")
    assert page.url == first

    page.click("similar-cases div.keep button")
    page.wait_for_selector("similar-cases form")
    assert "Your library is empty" in page.inner_text("similar-cases")
    assert problems == []


def test_a_second_opinion_that_differs_is_said_in_words(open_page, problems) -> None:
    page = open_page(color_scheme="dark")
    drop(page, "third.png", png(seed=72), "image/png")
    page.wait_for_selector(".panel-differs")
    assert "A second opinion differs" in page.inner_text(".verdict")
    assert "pituitary tumour" in page.inner_text(".verdict-differs")
    assert "A second opinion differs" in page.inner_text("#status")
    words = page.inner_text(".panel-differs")
    assert "The network says glioma" in words
    assert "differed 55 times" in words
    assert page.locator(".panel-differs .bar").count() == 3
    assert "second opinion:" not in page.inner_text("result-view")  # the warning is not repeated
    page.click(".panel-differs summary")
    assert "Area:" in page.inner_text(".told")
    assert problems == []


def test_a_server_that_does_not_answer_is_told(open_page) -> None:
    page = open_page()
    drop(page, "fourth.png", png(seed=73), "image/png")
    page.wait_for_selector("similar-cases form")
    page.route("**/library", lambda route: route.abort())
    page.select_option("similar-cases select", "other")
    for _ in range(2):
        page.click("similar-cases button[type=submit]")
        page.wait_for_selector(".problem")
    assert page.locator(".problem").count() == 1
    assert "does not answer" in page.inner_text(".problem")
