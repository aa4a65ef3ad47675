"""appliance.serve: a real socket, samples once, a clean end."""

import json
import socket
import threading
import urllib.error
import urllib.request
from contextlib import contextmanager
from dataclasses import replace

import pytest

from appliance.core.errors import Unavailable
from appliance.serve import Server, load_samples, only_one, serve
from tests.serving import API, Bright, app, bright, client, png, settings

__all__ = ["app", "bright", "client", "settings"]


def fetch(address: str, **how):
    """Status and JSON of an answer."""
    try:
        with urllib.request.urlopen(urllib.request.Request(address, **how), timeout=60) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


@contextmanager
def serving(settings, **how):
    """The address of a server in a thread, and how to end it."""
    told, stop, ready = [], threading.Event(), threading.Event()
    failed = []

    def announce(line: str) -> None:
        told.append(line)
        ready.set()

    def run() -> None:
        try:
            serve(settings, announce, stop=stop, **how)
        except Exception as error:
            failed.append(error)
            ready.set()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        assert ready.wait(60)
        assert failed == []
        yield told[0].split()[-1]
    finally:
        stop.set()
        thread.join(60)
        assert not thread.is_alive()


def samples(folder):
    for name, data in (("a.png", png()), ("b.png", png(False)), ("photo.png", b"no picture")):
        (folder / name).write_bytes(data)
    return [("With", folder / "a.png"), ("Without", folder / "b.png"), ("No", folder / "photo.png")]


def test_it_tells_its_address_when_it_is_ready(settings, bright):
    with serving(replace(settings, port=0), analyzer=bright) as address:
        assert address.startswith("http://127.0.0.1:")
        assert fetch(address + "health/ready") == (200, {"status": "ready"})
        status, body = fetch(address + "api/v1/nowhere")
        assert (status, body["error"]["code"]) == (404, "not_found")
    with pytest.raises(urllib.error.URLError):
        fetch(address + "health/live")


def test_a_body_that_claims_to_be_huge_is_refused_unread(settings, bright):
    with serving(replace(settings, port=0), analyzer=bright) as address:
        port = int(address.rstrip("/").rsplit(":", 1)[1])
        with socket.create_connection(("127.0.0.1", port), timeout=60) as raw:
            raw.sendall(
                b"POST /api/v1/analyze HTTP/1.1\r\nHost: localhost\r\n"
                b"Content-Type: multipart/form-data; boundary=x\r\n"
                b"Content-Length: 99999999999999\r\n\r\n"
            )
            answer = b""
            while chunk := raw.recv(4096):
                answer += chunk
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 413")
    assert json.loads(body)["error"]["code"] == "too_large"


def test_an_address_that_cannot_be_taken_apart_is_answered(settings, bright):
    with serving(replace(settings, port=0), analyzer=bright) as address:
        port = int(address.rstrip("/").rsplit(":", 1)[1])
        with socket.create_connection(("127.0.0.1", port), timeout=60) as raw:
            raw.sendall(b"GET http://[::1:99/ HTTP/1.1\r\nHost: localhost\r\n\r\n")
            answer = b""
            while chunk := raw.recv(4096):  # head and body may come in two pieces
                answer += chunk
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400")
    assert json.loads(body)["error"]["code"] == "bad_request"


def test_a_taken_port_and_a_taken_folder_are_said(settings, tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(Unavailable, match="--port"):
            Server(replace(settings, port=taken.getsockname()[1]), Bright())
    with only_one(settings.data), pytest.raises(Unavailable, match="--data"):
        serve(settings, print)
    with only_one(settings.data):
        pass


def test_it_ends_with_the_reason_when_the_model_is_unusable(settings):
    class Broken(Bright):
        def warm_up(self):
            raise Unavailable("no such device")

    with pytest.raises(Unavailable, match="no such device"):
        serve(replace(settings, port=0), print, analyzer=Broken())


def test_samples_are_loaded_and_analysed_once(app, client):
    service, stop = app.extensions["neuralscan"], threading.Event()
    shares: list[float] = []
    assert load_samples(service, stop, samples, shares.append) == 3
    assert shares == pytest.approx([1 / 3, 2 / 3, 1.0])
    assert service.jobs.wait(60)
    listed = client.get(f"{API}/studies").json["studies"]
    assert [(s["title"], s["sample"]) for s in listed] == [
        ("With", True),
        ("Without", True),
        ("No", True),
    ]
    assert [s["series"][0]["verdict"] for s in listed[:2]] == ["tumor", "no_tumor"]
    assert listed[2]["refusals"][0]["code"] in ("unreadable", "unsupported_format")
    base = f"{API}/studies/{listed[2]['study_instance_uid']}"
    assert client.get(f"{base}/report.json").json["reports"][0]["verdict"] == "refused"
    client.delete(f"{API}/studies/{listed[0]['study_instance_uid']}")
    assert load_samples(service, stop, samples) == 0
    assert client.get(f"{API}/studies").json["total"] == 2
