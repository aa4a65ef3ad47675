"""appliance.reference: every sentence has its source, none advises, none speaks of a patient."""

from __future__ import annotations

import re

import pytest

from appliance import reference, report
from appliance.core.types import LABELS, Report, Series, Volume
from tests.serving import API, Bright, app, bright, client, picture, settings

__all__ = ["app", "bright", "client", "settings"]

ADVICE = re.compile(
    r"\b(?:should|must|ought|recommend\w*|advis\w*|advice|suggest\w*|indicated|consider\w*|"
    r"treat\w*|therap\w*|surg\w*|operat\w*|resect\w*|biops\w*|irradiat\w*|radio\w*|chemo\w*|"
    r"drug\w*|medicat\w*|prescri\w*|dose\w*|refer|referral|consult\w*|urgent\w*|monitor\w*|"
    r"follow-up|watch\w*|wait\w*|remov\w*|you|your|patient\w*|this scan|this tumou?r|prognos\w*|"
    r"surviv\w*)\b",
    re.IGNORECASE,
)
SENTENCES = [
    (label, key, sentence)
    for label, card in reference.load()["cards"].items()
    for key in card
    for sentence in card[key]
]


def document(verdict: str = "tumor", possible: tuple[str, ...] = ("glioma",)) -> dict:
    shares = {"glioma": 0.2, "meningioma": 0.6, "pituitary": 0.1, "no_tumor": 0.1}
    found = {"prediction_set": list(possible), "probabilities": shares, "label": "meningioma"}
    return {"verdict": verdict, "classification": found}


def test_there_is_a_card_for_every_tumour_the_network_names_and_each_has_every_part():
    cards = reference.load()["cards"]
    assert set(cards) == set(LABELS) - {"no_tumor"}
    for card in cards.values():
        assert list(card) == list(reference.SECTIONS)
        assert all(card.values())


@pytest.mark.parametrize(("label", "key", "sentence"), SENTENCES)
def test_a_sentence_has_a_source_and_no_word_of_advice(label, key, sentence):
    assert sentence["sources"]
    assert set(sentence["sources"]) <= set(reference.load()["sources"])
    assert not ADVICE.search(sentence["text"])
    assert re.fullmatch(r"[A-Z].*[^.]\.", sentence["text"])


def test_the_search_for_advice_finds_some():
    for text in ("Surgery is recommended.", "This patient may wait.", "It should be resected."):
        assert ADVICE.search(text)


def test_sources_are_whole_and_each_is_used():
    sources = reference.load()["sources"]
    for source in sources.values():
        assert list(source) == ["authors", "title", "journal", "year", "place", "doi"]
        assert re.fullmatch(r"10\.\d{4,}/\S+", source["doi"])
        assert 2000 < source["year"] < 2100
        assert all(source.values())
    assert {name for _, _, sentence in SENTENCES for name in sentence["sources"]} == set(sources)


def test_the_cards_are_those_of_what_remains_possible_likeliest_first():
    possible = ("glioma", "no_tumor", "meningioma")
    shown = reference.cards_for(document("uncertain", possible))
    assert [card["label"] for card in shown] == ["meningioma", "glioma"]
    assert reference.cards_for(document("no_tumor", possible)) == []
    assert reference.cards_for({"verdict": "refused", "classification": None}) == []
    for card in shown:
        used = {n for part in card["sections"] for s in part["sentences"] for n in s["numbers"]}
        assert used == set(range(1, len(card["sources"]) + 1))


def test_the_route_and_the_page_carry_notice_and_sources(client):
    answer = client.get(f"{API}/reference").json
    assert "no advice" in answer["notice"]
    assert "nothing about this patient" in answer["notice"]
    assert [card["label"] for card in answer["cards"]] == list(reference.load()["cards"])
    series = Series(Volume(picture()[None]), "image", "a.png", "0")
    text = report.to_html([(Bright().analyze(series), series)])
    assert answer["notice"] in text
    assert "doi:10.1093/neuonc/noab106" in text
    assert "EANO" in text
    assert "asa2022" not in text
    assert "PitNET" not in text
    empty = Series(Volume(picture(lesion=False)[None]), "image", "a.png", "0")
    assert answer["notice"] not in report.to_html([(Bright().analyze(empty), empty)])
    refused = Report({**Bright().analyze(series).document, "verdict": "no_tumor"})
    assert answer["notice"] not in report.to_html([(refused, None)])
