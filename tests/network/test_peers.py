"""appliance.network.peers: what a setting says of peers, and who may send."""

import pytest

from appliance.core.errors import BadRequest
from appliance.network.peers import Caller, Peer, callers, shown, why_not


@pytest.mark.parametrize(
    ("text", "peer"),
    [
        ("pacs:104:PACS", Peer("pacs", 104, "PACS")),
        ("[2001:db8::1]:11112:A B", Peer("2001:db8::1", 11112, "A B")),
    ],
)
def test_a_peer(text, peer):
    assert Peer.read(text) == peer


@pytest.mark.parametrize(
    "text", ["pacs:104", "pacs:104:", ":104:PACS", "pacs:0:PACS", "pacs:x:PACS", "p:1:" + "A" * 17]
)
def test_no_peer(text):
    with pytest.raises(BadRequest):
        Peer.read(text)


@pytest.mark.parametrize("text", ["", "@host", "A@", "A\\B", "Ä", "A" * 17])
def test_no_caller(text):
    with pytest.raises(BadRequest):
        Caller.read(text)


def test_who_may_send():
    listed = callers(["CT1@127.0.0.1", "CT1@10.1.1.1", "PACS", "NAMED@localhost", "GONE@no.such"])
    assert why_not(listed, "CT1 ", "10.1.1.1") is None
    assert why_not(listed, "PACS", "192.0.2.1") is None
    assert why_not(listed, "NAMED", "127.0.0.1") is None
    assert "address" in why_not(listed, "CT1", "192.0.2.1")
    assert "address" in why_not(listed, "GONE", "127.0.0.1")
    assert "title" in why_not(listed, "ct1", "127.0.0.1")
    assert "title" in why_not((), "", "127.0.0.1")


def test_a_strangers_title_cannot_write_lines_into_a_log():
    assert shown("A\r\nB\x1b[2J" + "C" * 40) == "A??B?[2JCCCCCCCC"
