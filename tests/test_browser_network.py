"""The page while a peer sends: a series appears by itself, a failed sending can be asked again."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from werkzeug.serving import make_server

from tests.browsing import overflow
from tests.network.sites import Site, free_port, series, site, written
from tests.test_browser import browser, open_page, problems

__all__ = ["browser", "open_page", "problems"]


@pytest.fixture(scope="module")
def here(tmp_path_factory) -> Iterator[Site]:
    push = f"127.0.0.1:{free_port()}:PACS"
    chosen = {"push": push, "push_pseudonyms": True, "push_attempts": 1}
    with site(tmp_path_factory.mktemp("site"), **chosen) as one:
        yield one


@pytest.fixture(scope="module")
def address(here) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, here.client.application, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join(10)


def test_what_comes_in_is_seen(open_page, problems, here, tmp_path) -> None:
    page = open_page(390, 800)
    page.wait_for_selector("network-status:not([hidden])")
    assert "NEURALSCAN, port" in page.inner_text("network-status")
    assert page.locator(".study").count() == 0
    assert here.store(*written(series(2), tmp_path / "in")).returncode == 0
    here.store(*written(series(1), tmp_path / "no"), aet="NOBODY")
    page.wait_for_selector(".study", timeout=60_000)  # nobody asked for it
    page.wait_for_selector("network-status button", timeout=60_000)
    words = page.inner_text("network-status")
    assert "2 images received" in words
    assert "turned away once" in words
    assert "1 result was not sent" in words
    assert "cannot be reached" in words
    page.click("network-status button")
    assert overflow(page) <= 0
    assert problems == []
