"""Pages carry everything they need, and foreign text stays text."""

import re

import numpy as np
import pytest

from training import page

BAD = '<script>alert("x")</script>'


def test_every_text_is_escaped():
    html = page.page(
        BAD,
        [(BAD, page.prose(BAD) + page.heading(BAD) + page.table([BAD], [[BAD]], BAD))],
        lead=BAD,
    ) + page.picture(np.zeros((4, 4), np.uint8), BAD)
    assert "<script" not in html
    assert html.count("&lt;script&gt;") >= 8


def test_the_contents_lead_to_the_sections():
    html = page.page("T", [("One", "<p>1</p>"), ("Two", "<p>2</p>")])
    links = re.findall(r'href="#(\w+)"', html)
    assert links == re.findall(r'<section id="(\w+)"', html)
    assert len(links) == 2


def test_nothing_is_loaded_from_elsewhere():
    pytest.importorskip("matplotlib")
    fig, axes = page.new_figure()
    axes.bar(["a", "b"], [1, 2], color=page.COLOURS[0], label="x & y")
    axes.imshow(np.zeros((3, 3)))
    axes.legend()
    html = page.page("T", [("F", page.figure(fig, "caption") + page.picture(_square(), "p"))])
    outside = re.findall(r'(?:src|href|url)\s*[=(]\s*["\']?(?!#|data:)([^"\')\s>]+)', html)
    assert outside == []
    assert "<?xml" not in html
    assert "<!DOCTYPE svg" not in html


def test_ink_takes_the_pages_colour():
    pytest.importorskip("matplotlib")
    fig, axes = page.new_figure(columns=2)
    axes[0].set_title("title")
    axes[1].grid()
    html = page.figure(fig, 'say "hi"')
    assert "currentColor" in html
    assert "var(--line)" in html
    assert "#010203" not in html
    assert "#040506" not in html
    assert 'aria-label="say &quot;hi&quot;"' in html
    assert not re.search(r"<svg[^>]* (width|height)=", html)


def test_one_figure_gives_the_same_text_twice():
    pytest.importorskip("matplotlib")

    def drawn() -> str:
        fig, axes = page.new_figure()
        axes.plot([1, 2, 3], color=page.COLOURS[1])
        return page.figure(fig)

    assert drawn() == drawn()


def test_numbers_stand_on_the_right_and_none_is_a_dash():
    html = page.table(["name", "value"], [["a", 1.5], ["b", None], ["c", "0.9 (0.8 to 1.0)"]])
    assert html.count('<td class="number">') == 3
    assert "<td>a</td>" in html
    assert "–" in html


def test_a_row_of_another_length_is_an_error():
    with pytest.raises(ValueError, match="2 columns"):
        page.table(["a", "b"], [["only"]])


def _square() -> np.ndarray:
    return np.zeros((8, 8, 3), np.uint8)


@pytest.mark.parametrize("array", [np.zeros((4, 4)), np.zeros(4, np.uint8)])
def test_what_is_no_picture(array):
    with pytest.raises(ValueError, match="uint8"):
        page.picture(array)


def test_a_picture_keeps_its_values():
    import base64

    import cv2

    array = np.random.default_rng(0).integers(0, 255, (5, 7, 3)).astype(np.uint8)
    data = re.search(r"base64,([^\"]+)", page.picture(array, "p", width_px=70))[1]
    stored = cv2.imdecode(np.frombuffer(base64.b64decode(data), np.uint8), cv2.IMREAD_COLOR)
    np.testing.assert_array_equal(cv2.cvtColor(stored, cv2.COLOR_BGR2RGB), array)


def test_no_legend_has_a_ground_of_its_own():
    """A white frame would hide the page's light ink in the dark."""
    fig, axes = page.new_figure()
    axes.plot([0, 1], [0, 1], label="a line")
    axes.legend(frameon=True)
    fig.legend(frameon=True)
    page.figure(fig)
    for legend in (*fig.legends, axes.get_legend()):
        assert not legend.get_frame().get_visible()


def test_an_interval_stands_below_its_value():
    html = page.table(("a", "b"), [["x <y>", "0.95 (0.93 to 0.97)"], ["z", None]])
    assert "x &lt;y&gt;" in html
    assert '>0.95 <span class="range">(0.93 to 0.97)</span></td>' in html
    assert html.count('<td class="number">') == 2
