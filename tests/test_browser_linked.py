"""The page says plainly that the linked mode is on, and nothing while it is off."""

from __future__ import annotations

import pytest

from appliance.settings import Settings
from tests.browsing import overflow, serving
from tests.serving import Bright
from tests.test_browser import browser, open_page, problems

__all__ = ["browser", "open_page", "problems"]


@pytest.fixture(params=[True, False], ids=["on", "off"])
def linked(request) -> bool:
    return request.param


@pytest.fixture
def address(tmp_path, linked):
    settings = Settings(tmp_path / "data", linked=linked, identity_key=tmp_path / "key" / "id")
    with serving(settings, Bright()) as found:
        yield found


def test_the_linked_mode_is_seen_on_a_phone(open_page, problems, linked) -> None:
    page = open_page(390, 800)
    page.wait_for_selector("html[data-ready]")
    page.wait_for_load_state("networkidle")
    notice = page.locator("linked-mode")
    if linked:
        notice.wait_for(state="visible")
        assert "Linked mode is on." in notice.inner_text()
        assert "name and number" in notice.inner_text()
    else:
        assert notice.is_hidden()
    assert overflow(page) <= 0
    assert problems == []
