"""Tasks on two series over HTTP: started, watched, stored, fetched, gone with either study."""

import gzip
import json
import threading

import cv2
import numpy as np
import pytest

from appliance.app import close, create_app
from tests.heads import SIZE, head, png, turned
from tests.serving import (
    API,
    Bright,
    app,
    bright,
    client,
    finished,
    nifti,
    settings,
    upload,
)

__all__ = ["app", "bright", "client", "settings"]


def place(study: dict) -> dict:
    return {
        "study": study["study_instance_uid"],
        "series": study["series"][0]["series_instance_uid"],
    }


@pytest.fixture
def studies(client):
    return upload(client, ("ct.png", png(head()))), upload(client, ("mr.png", png(turned(head()))))


def start(client, studies, task="register", **more):
    fixed, moving = map(place, studies)
    body = {"inputs": {"fixed": fixed, "moving": moving}, "options": {}, **more}
    return client.post(f"{API}/studies/{fixed['study']}/tasks/{task}", json=body)


def done(client, studies, **more):
    answer = start(client, studies, **more)
    assert answer.status_code == 202
    job = finished(client, answer.json["job"], 300.0)
    assert job["state"] == "done", job["error"]
    return job["results"][0]["result"]


def test_a_registration_is_stored_and_served(client, studies):
    result = done(client, studies)
    assert (result["schema"], result["task"]) == ("neuralscan/pair/1", "register")
    assert result["verdict"] == "good"
    assert result["documents"]["registration"]["schema"] == "neuralscan/registration/1"
    assert client.get(result["links"]["self"]).json == result
    listed = client.get(f"{API}/pairs?study={place(studies[1])['study']}").json
    assert (listed["total"], listed["pairs"]) == (1, [result])
    assert client.get(f"{API}/pairs?task=fuse").json["total"] == 0
    for address in result["links"]["files"].values():
        answer = client.get(address)
        assert answer.status_code == 200
        assert answer.data
    for layer, address in result["links"]["slices"].items():
        picture = client.get(address.replace("{index}", "0")).data
        shown = cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_UNCHANGED)
        assert shown.shape == (SIZE, SIZE), layer
    assert client.get(f"{result['links']['self']}/slices/1/fixed.png").status_code == 404
    assert client.get(f"{result['links']['self']}/slices/0/nothing.png").status_code == 404
    assert client.get(f"{result['links']['self']}/files/fixed.png").status_code == 404


def test_the_moved_picture_lies_on_the_fixed_one(client, studies):
    files = done(client, studies)["links"]["files"]
    moved = cv2.imdecode(np.frombuffer(client.get(files["moved.png"]).data, np.uint8), -1)
    core = np.s_[40:90, 40:90]
    before, after = (
        np.abs(p[core].astype(float) - head()[core]).mean() for p in (turned(head()), moved)
    )
    assert after < 0.5 * before
    matrix = json.loads(client.get(files["registration.json"]).data)["matrix"]
    assert abs(np.degrees(np.arctan2(matrix[1][0], matrix[0][0]))) == pytest.approx(6.0, abs=0.5)


def test_a_second_run_replaces_the_first_and_a_result_can_be_removed(client, studies, settings):
    first, second = done(client, studies), done(client, studies)
    assert (first["replaces"], second["replaces"]) == (None, first["created"])
    assert first["model"] is None
    assert client.get(first["links"]["self"]).status_code == 404
    arrays = len(list(settings.data.glob("arrays/*")))
    assert client.delete(second["links"]["self"]).status_code == 204
    assert client.delete(second["links"]["self"]).status_code == 404
    assert len(list(settings.data.glob("arrays/*"))) == arrays - 1
    assert not list(settings.data.glob("pairs/*"))
    assert len(client.get(f"{API}/studies").json["studies"]) == 2


@pytest.mark.parametrize("which", [0, 1])
def test_a_result_goes_with_either_study(client, studies, settings, which):
    result = done(client, studies)
    gone, stays = studies[which], studies[1 - which]
    assert client.delete(f"{API}/studies/{gone['study_instance_uid']}").status_code == 204
    assert client.get(result["links"]["self"]).status_code == 404
    assert client.get(f"{API}/pairs").json["total"] == 0
    assert not list(settings.data.glob("pairs/*"))
    assert len(list(settings.data.glob("arrays/*"))) == 1
    assert client.get(f"{API}/studies/{stays['study_instance_uid']}").status_code == 200


def test_a_lost_index_is_rebuilt_with_its_results(settings):
    app = create_app(settings, Bright())
    client = app.test_client()
    both = upload(client, ("a.png", png(head()))), upload(client, ("b.png", png(turned(head()))))
    result = done(client, both)
    close(app)
    for path in settings.data.glob("index.sqlite*"):
        path.unlink()
    again = create_app(settings, Bright())
    try:
        client = again.test_client()
        assert client.get(result["links"]["self"]).json == result
        assert client.get(result["links"]["files"]["moved.png"]).status_code == 200
    finally:
        close(again)


def test_malformed_calls_are_answered_with_400_or_404(client, studies):
    fixed, moving = map(place, studies)
    for inputs, status in (
        ({"fixed": fixed}, 400),
        ({"fixed": fixed, "moving": fixed}, 400),
        ({"fixed": fixed, "moving": "b"}, 400),
        ({"fixed": fixed, "moving": {**moving, "series": "1.2.3"}}, 404),
        ({"fixed": fixed, "other": moving}, 400),
        ([], 400),
        (None, 400),
    ):
        answer = start(client, studies, inputs=inputs)
        assert answer.status_code == status, inputs
        assert answer.json["error"]["message"]
    assert start(client, studies, options={"speed": "high"}).status_code == 400


def test_a_picture_and_a_volume_are_refused_with_a_reason(client, studies):
    volume = upload(client, ("v.nii", gzip.decompress(nifti())))
    result = done(client, (studies[0], volume))
    assert (result["verdict"], result["refusal"]["code"]) == ("refused", "bad_geometry")
    assert result["reasons"] == [result["refusal"]["message"]]
    assert list(result["layers"]) == ["fixed"]


def test_a_running_registration_can_be_cancelled(client, studies, monkeypatch):
    from appliance.tasks import register as task

    started = threading.Event()

    def slow(fixed, moving, progress, check):
        started.set()
        while True:
            progress(0.5)
            check()

    monkeypatch.setattr(task, "register", slow)
    job = start(client, studies).json["job"]
    assert started.wait(60)
    assert client.delete(f"{API}/jobs/{job}").json["cancel_requested"]
    assert finished(client, job)["state"] == "cancelled"
    assert client.get(f"{API}/pairs").json["total"] == 0


@pytest.mark.parametrize("task", ["register", "fuse"])
def test_a_result_is_a_page_and_a_pdf(client, studies, task):
    result = done(client, studies, task=task)
    page = client.get(result["links"]["html"])
    assert page.status_code == 200
    assert page.headers["Content-Security-Policy"].startswith("default-src 'none'")
    words = {"register": "lie on each other", "fuse": "Both images in one picture"}[task]
    assert words in page.text
    assert "Research use only" in page.text
    assert page.text.count("<img ") == {"register": 2, "fuse": 3}[task]
    pdf = client.get(result["links"]["pdf"])
    assert pdf.data.startswith(b"%PDF")
    assert pdf.data.count(b"/Type /Page\n") == 1 or b"/Count 1" in pdf.data
    assert pdf.data == client.get(result["links"]["pdf"]).data


def test_fusing_through_the_api_answers_with_the_fused_picture_or_a_refusal(client, studies):
    result = done(client, studies, task="fuse", options={"method": "laplacian"})
    assert (result["verdict"], result["options"]) == ("fused", {"method": "laplacian"})
    assert list(result["layers"]) == ["fixed", "fused", "moved"]
    assert set(result["documents"]) == {"registration", "fusion"}
    assert {"entropy", "qabf"} <= {m["name"] for m in result["measurements"]}
    picture = client.get(result["links"]["files"]["fused.png"]).data
    assert cv2.imdecode(np.frombuffer(picture, np.uint8), -1).dtype == np.uint8
    noise = np.random.default_rng(0).integers(0, 255, (SIZE, SIZE)).astype(np.uint8)
    wrong = upload(client, ("noise.png", png(noise)))
    result = done(client, (studies[0], wrong), task="fuse")
    assert (result["verdict"], result["refusal"]["code"]) == ("refused", "registration_failed")
    assert "fused" not in result["layers"]
    assert result["reasons"][0] in client.get(result["links"]["html"]).text
    assert start(client, studies, task="fuse", options={"method": "magic"}).status_code == 400
