"""The page's files agree with the server, with each other and with the catalogues."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path

import pytest

from appliance.app import close, create_app
from appliance.core.types import LABELS
from appliance.settings import Settings
from ui import STATIC

SCRIPTS = sorted(STATIC.glob("*.js"))
STYLES = sorted(STATIC.glob("*.css"))
PAGES = sorted(STATIC.glob("*.html"))
CATALOGUES = sorted(STATIC.glob("locales/*.json"))
TEXT_FILES = [*SCRIPTS, *STYLES, *PAGES, *STATIC.glob("*.svg")]
PLURAL_FORMS = ("zero", "one", "two", "few", "many", "other")
PLACEHOLDER = re.compile(r"\{(\w+)\}")


def ids(paths: list[Path]) -> list[str]:
    return [path.name for path in paths]


@cache
def catalogue(path: Path) -> dict[str, str]:
    return json.loads(path.read_text("utf-8"))


def without_plural(key: str) -> str:
    base, _, form = key.rpartition(".")
    return base if form in PLURAL_FORMS else key


def used_keys() -> set[str]:
    """Every catalogue key that a page or a script names."""
    spaces = {key.split(".")[0] for key in catalogue(STATIC / "locales" / "en.json")}
    pattern = re.compile(rf"""["']((?:{"|".join(sorted(spaces))})(?:\.\w+)+)["']""")
    keys: set[str] = set()
    for path in (*SCRIPTS, *PAGES):
        keys.update(pattern.findall(path.read_text("utf-8")))
    return keys


def test_every_path_of_the_api_module_is_a_route(tmp_path: Path) -> None:
    text = (STATIC / "api.js").read_text("utf-8")
    base = re.search(r'const BASE = "([^"]+)"', text)[1]
    table = re.search(r"const ROUTES = \{(.*?)\n\};", text, re.S)[1]
    paths = {base + path for path in re.findall(r'"(/[^"]+)"', table)}
    assert len(paths) > 10
    app = create_app(Settings(data=tmp_path))
    try:
        rules = {re.sub(r"<[^>]+>", "{}", rule.rule) for rule in app.url_map.iter_rules()}
    finally:
        close(app)
    assert {PLACEHOLDER.sub("{}", path) for path in paths} - rules == set()


@pytest.mark.parametrize("path", SCRIPTS, ids=ids(SCRIPTS))
def test_only_the_api_module_knows_urls_of_the_server(path: Path) -> None:
    if path.name != "api.js":
        assert "/api/" not in path.read_text("utf-8")


@pytest.mark.parametrize("path", SCRIPTS, ids=ids(SCRIPTS))
def test_every_imported_module_and_name_exists(path: Path) -> None:
    text = path.read_text("utf-8")
    for module in re.findall(r'(?:from|^import|import\()\s*"(\.[^"]+)"', text, re.M):
        assert (path.parent / module).is_file(), module
    for names, module in re.findall(r'import \{([^}]+)\} from "(\.[^"]+)"', text):
        exported = (path.parent / module).read_text("utf-8")
        for name in filter(None, (n.split(" as ")[0].strip() for n in names.split(","))):
            assert re.search(rf"export (?:async )?(?:const|let|function|class) {name}\b", exported)


@pytest.mark.parametrize("path", PAGES, ids=ids(PAGES))
def test_every_asset_of_a_page_exists_and_every_module_is_reached(path: Path) -> None:
    text = path.read_text("utf-8")
    assets = re.findall(r'(?:src|href)="/static/([^"]+)"', text)
    assert assets
    for asset in assets:
        assert (STATIC / asset).is_file(), asset
    reached, waiting = set(), [name for name in assets if name.endswith(".js")]
    while waiting:
        name = waiting.pop()
        reached.add(name)
        found = re.findall(r'"\./([\w-]+\.js)"', (STATIC / name).read_text("utf-8"))
        waiting.extend(set(found) - reached)
    assert reached == {script.name for script in SCRIPTS}


def test_every_key_in_use_is_in_the_catalogue_and_every_key_there_is_in_use() -> None:
    known = {without_plural(key) for key in catalogue(STATIC / "locales" / "en.json")}
    assert used_keys() - known == set()
    assert known - used_keys() == set()


@pytest.mark.parametrize("path", CATALOGUES, ids=ids(CATALOGUES))
def test_every_catalogue_has_the_same_keys_and_placeholders(path: Path) -> None:
    def texts(file: Path) -> dict[str, set[str]]:
        found: dict[str, set[str]] = {}
        for key, text in catalogue(file).items():
            assert text.strip(), key
            found.setdefault(without_plural(key), set()).update(PLACEHOLDER.findall(text))
        return found

    assert texts(path) == texts(STATIC / "locales" / "en.json")


@pytest.mark.parametrize("path", CATALOGUES, ids=ids(CATALOGUES))
def test_a_plural_has_the_form_that_stands_in_for_all(path: Path) -> None:
    keys = set(catalogue(path))
    for key in keys:
        if without_plural(key) != key:
            assert f"{without_plural(key)}.other" in keys


def test_every_language_offered_has_a_catalogue() -> None:
    text = (STATIC / "i18n.js").read_text("utf-8")
    offered = json.loads(re.search(r"LANGUAGES = (\[[^\]]*\])", text)[1])
    assert sorted(offered) == [path.stem for path in CATALOGUES]


@pytest.mark.parametrize("path", TEXT_FILES, ids=ids(TEXT_FILES))
def test_nothing_comes_from_outside(path: Path) -> None:
    text = path.read_text("utf-8").replace("http://www.w3.org/2000/svg", "")
    assert not re.search(r"""https?:|["'(]//|wss?:|@import""", text)


@pytest.mark.parametrize("path", PAGES, ids=ids(PAGES))
def test_a_page_has_no_inline_script_style_or_handler(path: Path) -> None:
    text = path.read_text("utf-8")
    assert not re.search(r"\son\w+\s*=", text)
    assert not re.search(r"\sstyle\s*=|<style\b", text)
    assert all("src=" in tag for tag in re.findall(r"<script\b[^>]*>", text))
    assert "javascript:" not in text


@pytest.mark.parametrize("path", SCRIPTS, ids=ids(SCRIPTS))
def test_scripts_build_nodes_rather_than_markup(path: Path) -> None:
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(",
                         path.read_text("utf-8"))  # fmt: skip


def test_the_notice_stands_in_the_page_itself() -> None:
    assert "Research use only. Not a medical device." in (STATIC / "index.html").read_text("utf-8")


@pytest.mark.parametrize("path", TEXT_FILES, ids=ids(TEXT_FILES))
def test_files_stay_short(path: Path) -> None:
    assert len(path.read_text("utf-8").splitlines()) < 300


def luminance(colour: str) -> float:
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """Contrast ratio of two colours (WCAG 2.2, section 1.4.3)."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


SCHEMES = {"light": ":root", "dark": ':root[data-theme="dark"]'}


@pytest.mark.parametrize("selector", SCHEMES.values(), ids=SCHEMES.keys())
def test_text_has_the_contrast_that_wcag_asks_for(selector: str) -> None:
    text = (STATIC / "style.css").read_text("utf-8")
    block = re.search(rf"^{re.escape(selector)} \{{(.*?)\}}", text, re.S | re.M)[1]
    colours = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", block))
    for ground in ("ground", "surface"):
        for ink in ("ink", "quiet", "accent", "danger"):
            assert contrast(colours[ink], colours[ground]) >= 4.5, (ink, ground)
        assert contrast(colours["edge"], colours[ground]) >= 3, ground
    for verdict in ("tumor", "no_tumor", "uncertain", "refused"):
        for ground in (colours["surface"], colours[f"{verdict}-tint"]):
            assert contrast(colours[verdict], ground) >= 4.5, verdict
        assert contrast(colours["quiet"], colours[f"{verdict}-tint"]) >= 4.5, verdict
        assert contrast(colours["ink"], colours[f"{verdict}-tint"]) >= 4.5, verdict
    assert contrast(colours["accent-ink"], colours["accent"]) >= 4.5
    assert contrast(colours["accent-ink"], colours["accent-strong"]) >= 4.5
    assert contrast(colours["ink"], colours["accent-tint"]) >= 4.5


def test_the_system_dark_scheme_equals_the_chosen_one() -> None:
    text = (STATIC / "style.css").read_text("utf-8")
    chosen = re.search(r':root\[data-theme="dark"\] \{(.*?)\}', text, re.S)[1]
    system = re.search(r':root:not\(\[data-theme="light"\]\) \{(.*?)\}', text, re.S)[1]
    assert set(re.findall(r"--[^;]+", chosen)) == set(re.findall(r"--[^;]+", system))


def test_every_label_of_the_server_has_words() -> None:
    text = (STATIC / "labels.js").read_text("utf-8")
    assert {f"label.{name}" for name in LABELS} <= set(re.findall(r'"(label\.\w+)"', text))


def test_no_text_claims_what_the_model_cannot_know() -> None:
    for path in CATALOGUES:
        words = " ".join(catalogue(path).values()).lower()
        assert not re.search(
            r"malignan|benign|stage \d|grade|prognos|therap|treatment|healthy", words
        )
