"""Routes of the local library: add, list, search, remove; and what is refused."""

import cv2
import pytest

from tests.serving import API, analyse, app, bright, client, nifti, picture, settings, upload

__all__ = ["app", "bright", "client", "settings"]


def grey(client, level: int) -> dict:
    """An analysed study of one picture; the darker its field, the closer to other dark ones."""
    pixels = picture()
    pixels[pixels < 200] = level
    study = upload(client, (f"grey{level}.png", cv2.imencode(".png", pixels)[1].tobytes()))
    analyse(client, study)
    return study


def route(study: dict, name: str) -> str:
    uid, series = study["study_instance_uid"], study["series"][0]["series_instance_uid"]
    return f"{API}/studies/{uid}/series/{series}/{name}"


def test_add_search_and_remove(client):
    near, far, asked = grey(client, 60), grey(client, 150), grey(client, 50)
    for study, label in ((near, "glioma"), (far, "meningioma")):
        answer = client.post(route(study, "library"), json={"label": label})
        assert answer.status_code == 201, answer.json
        assert (answer.json["label"], answer.json["slice"]) == (label, 0)
        assert client.get(answer.json["links"]["thumbnail"]).mimetype == "image/png"
        assert client.get(answer.json["links"]["study"]).json["study_instance_uid"]
    found = client.get(route(asked, "similar")).json
    assert [case["label"] for case in found["cases"]] == ["glioma", "meningioma"]
    assert found["cases"][0]["distance"] < found["cases"][1]["distance"]
    assert (found["total"], found["stale"], found["own"]) == (2, 0, [])
    assert [c["label"] for c in client.get(route(asked, "similar?k=1")).json["cases"]] == ["glioma"]

    assert client.delete(route(near, "library?slice=3")).status_code == 404
    assert client.delete(route(near, "library?slice=0")).status_code == 204
    assert client.get(f"{API}/library").json["total"] == 1


def test_the_own_cases_are_told_apart(client):
    study = grey(client, 90)
    assert client.get(route(study, "similar")).json["total"] == 0
    client.post(route(study, "library"), json={"label": "other"})
    found = client.get(route(study, "similar")).json
    assert (found["cases"], [case["label"] for case in found["own"]]) == ([], ["other"])


def test_the_slice_that_shows_most_unless_another_is_named(client):
    study = upload(client, ("head.nii.gz", nifti()))
    analyse(client, study)
    assert client.get(route(study, "similar")).json["slice"] in (1, 2, 3)
    answer = client.post(route(study, "library"), json={"label": "glioma", "slice": 4})
    assert answer.json["slice"] == 4
    assert client.get(route(study, "similar?slice=4")).json["slice"] == 4


def test_deleting_a_study_removes_its_cases(client):
    study = grey(client, 90)
    client.post(route(study, "library"), json={"label": "glioma"})
    client.delete(f"{API}/studies/{study['study_instance_uid']}")
    assert client.get(f"{API}/library").json["cases"] == []


def test_cases_of_another_network_are_read_again(client, bright):
    near, asked = grey(client, 60), grey(client, 50)
    client.post(route(near, "library"), json={"label": "glioma"})
    bright.embedder = "a new network"
    found = client.get(route(asked, "similar")).json
    assert ([case["label"] for case in found["cases"]], found["stale"]) == (["glioma"], 0)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 400),
        ({"label": "astrocytoma"}, 400),
        ({"label": ["glioma"]}, 400),
        ({"label": "glioma", "slice": "2"}, 400),
        ({"label": "glioma", "slice": True}, 400),
        ({"label": "glioma", "slice": 99}, 404),
        ({"label": "glioma", "slice": -1}, 404),
    ],
)
def test_malformed_cases(client, body, status):
    answer = client.post(route(grey(client, 90), "library"), json=body)
    assert answer.status_code == status
    assert set(answer.json["error"]) == {"code", "message"}
    assert client.get(f"{API}/library").json["total"] == 0


def test_what_was_not_analysed_or_refused_is_no_case(client):
    fresh = upload(client, ("a.png", cv2.imencode(".png", picture())[1].tobytes()))
    odd = upload(client, ("odd.png", cv2.imencode(".png", picture()[:, ::-1])[1].tobytes()))
    analyse(client, odd)
    for study, status in ((fresh, 404), (odd, 400)):
        assert client.post(route(study, "library"), json={"label": "glioma"}).status_code == status
        assert client.get(route(study, "similar")).status_code == status
    for path in ("similar?k=0", "similar?k=51", "similar?slice=x"):
        assert client.get(route(fresh, path)).status_code == 400
    nowhere = {"study_instance_uid": "1.2", "series": [{"series_instance_uid": "1.2.3"}]}
    assert client.get(route(nowhere, "similar")).status_code == 404
    assert client.delete(route(nowhere, "library")).status_code == 404


@pytest.fixture
def small_settings(settings):
    from dataclasses import replace

    return replace(settings, library=1)


def test_a_full_library_is_413(small_settings, bright):
    from appliance.app import close, create_app

    application = create_app(small_settings, bright)
    try:
        small = application.test_client()
        first, second = grey(small, 60), grey(small, 90)
        assert small.post(route(first, "library"), json={"label": "glioma"}).status_code == 201
        assert small.post(route(first, "library"), json={"label": "other"}).status_code == 201
        answer = small.post(route(second, "library"), json={"label": "glioma"})
        assert (answer.status_code, answer.json["error"]["code"]) == (413, "too_large")
    finally:
        close(application)
