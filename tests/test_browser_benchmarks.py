"""A person at the page of benchmarks: reads a run, measures, cancels, compares two."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from appliance import measurements
from appliance.settings import Settings
from tests.browsing import overflow, serving
from tests.serving import Bright
from tests.test_browser import browser, open_page, problems
from tests.test_measurements import command, keep

__all__ = ["browser", "command", "open_page", "problems"]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("served")
    keep(SimpleNamespace(data=folder), "first")
    keep(SimpleNamespace(data=folder), "second", pace=1.2)
    keep(SimpleNamespace(data=folder), "third", cpu="B")
    return folder


@pytest.fixture(scope="module")
def address(data) -> Iterator[str]:
    with serving(Settings(data=data, device="CPU"), Bright()) as running:
        yield running


def _open(page) -> None:
    page.click("#to-benchmarks")
    page.wait_for_selector(".bench-runs")


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_runs_are_shown_and_compared(open_page, problems, width, scheme) -> None:
    page = open_page(width, 800, color_scheme=scheme)
    _open(page)
    assert page.url.endswith("#benchmarks")
    page.click("[data-run='own.first']")
    assert page.locator("[data-run='own.first']").get_attribute("aria-pressed") == "true"
    words = page.inner_text("benchmarks-page")
    assert "openvino INT8" in words
    assert "Accuracy and Dice on phantoms" in words
    before, after = page.locator(".bench-choose select").all()
    before.select_option("own.first")
    after.select_option("own.second")
    after.focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_selector(".bench-verdict")
    assert page.locator(".bench-verdict[data-verdict=slower]").count() == 2
    assert "0 without a difference, 0 faster, 2 slower" in page.inner_text("#status")
    assert page.locator(".bench-result circle").count() == 2
    after.select_option("own.third")
    page.click(".bench-choose button")
    page.wait_for_selector(".problem")
    assert "cpu: A before, B after" in page.inner_text(".problem")
    assert overflow(page) <= 0
    small = page.evaluate(
        "[...document.querySelectorAll('benchmarks-page :is(button, select, summary, a)')]"
        ".filter((n) => n.getClientRects().length && n.getBoundingClientRect().height < 43.9)"
        ".map((n) => n.textContent)"
    )
    assert small == []
    assert [p for p in problems if "400" not in p] == []
    page.click(".brand")
    page.wait_for_selector("#welcome:visible")


def test_a_measurement_shows_progress_survives_a_reload_and_is_cancelled(
    open_page, problems, command
) -> None:
    (command / "slow").touch()
    page = open_page()
    _open(page)
    page.click("#bench-start")
    page.wait_for_selector(".bench-work p:text('Measuring, 40%')")
    assert page.locator("#bench-start").is_disabled()
    page.reload()
    page.wait_for_selector(".bench-work p:text('Measuring, 40%')")
    page.click("[data-run='own.first']")  # drawing anew keeps the progress
    assert page.locator(".bench-work progress").count() == 1
    page.click(".bench-work button")
    page.wait_for_selector("#bench-start:enabled")
    assert page.inner_text("#status") == "Cancelled"
    (command / "slow").unlink()
    runs = page.locator(".bench-run").count()
    page.focus("#bench-start")
    page.keyboard.press("Enter")
    page.wait_for_selector(f".bench-runs li:nth-child({runs + 1})")
    assert page.inner_text("#status") == "The measurement is stored"
    assert problems == []


def test_without_the_workshop_the_page_says_why(open_page, monkeypatch, tmp_path) -> None:
    monkeypatch.setattr(measurements, "_COMMAND", tmp_path / "none" / "__main__.py")
    page = open_page()
    _open(page)
    assert page.locator("#bench-start").is_disabled()
    assert "comes without the folder" in page.inner_text(".bench-status")
