"""Every failure has one body, and nothing a client sends is a 500."""

import io

import pytest

from appliance.core import errors
from appliance.failures import STATUS, status_of
from tests.serving import API, app, bright, client, picture, png, post_files, settings, upload
from tests.test_hostile import HOSTILE

__all__ = ["app", "bright", "client", "settings"]


def subclasses(kind: type) -> list[type]:
    return [kind, *(found for child in kind.__subclasses__() for found in subclasses(child))]


def shaped(answer) -> dict:
    """The error of an answer, after checking its shape."""
    assert answer.content_type == "application/json"
    error = answer.json["error"]
    assert set(error) == {"code", "message"}
    assert error["message"]
    assert "Traceback" not in answer.text
    return error


@pytest.mark.parametrize("kind", subclasses(errors.ApplianceError))
def test_every_error_class(app, kind):
    def fail():
        raise kind("expected this, found that, do this")

    app.view_functions["api.tasks"] = fail
    answer = app.test_client().get(f"{API}/tasks")
    assert answer.status_code == status_of(kind)
    assert shaped(answer)["code"] == kind.code
    assert ("Retry-After" in answer.headers) == issubclass(kind, errors.Unavailable)


def test_the_table_covers_the_tree_and_only_internal_is_500():
    for kind in subclasses(errors.ApplianceError):
        assert (status_of(kind) == 500) == (kind is errors.ApplianceError)
    assert {status for _, status in STATUS} <= {400, 404, 413, 415, 422, 500, 503}


def test_an_unexpected_fault_is_logged_and_not_shown(app, caplog):
    def fail():
        raise ZeroDivisionError("secret detail")

    app.view_functions["api.tasks"] = fail
    answer = app.test_client().get(f"{API}/tasks")
    assert answer.status_code == 500
    assert shaped(answer)["code"] == "internal"
    assert "secret" not in answer.text
    assert "secret detail" in caplog.text


@pytest.mark.parametrize(
    ("name", "data", "status", "code"),
    [
        ("empty.png", b"", 400, "empty"),
        ("text.dcm", b"hello, this is no scan\n" * 50, None, None),
        ("cut.png", png()[:60], 400, "unreadable"),
        ("paper.pdf", b"%PDF-1.7\n" + b"0" * 500, 415, "unsupported_format"),
    ],
)
@pytest.mark.parametrize(("path", "field"), [("/analyze", "file"), ("/studies", "files")])
def test_unsuitable_files(client, path, field, name, data, status, code):
    answer = post_files(client, path, field, (name, data))
    found = shaped(answer)["code"]
    assert 400 <= answer.status_code < 500
    assert code is None or (answer.status_code, found) == (status, code)
    reports = answer.json["reports"] if path == "/studies" else [answer.json["report"]]
    assert [r["verdict"] for r in reports] == ["refused"]
    assert reports[0]["refusal"]["code"] == found
    assert reports[0]["mask"] is None


def test_what_the_network_refuses(client):
    answer = post_files(client, "/analyze", "file", ("odd.png", png()))
    assert (answer.status_code, shaped(answer)["code"]) == (422, "out_of_distribution")


def test_colour_pictures_are_refused(client):
    import cv2

    colour = cv2.applyColorMap(picture(), cv2.COLORMAP_JET)
    answer = post_files(
        client, "/analyze", "file", ("c.png", cv2.imencode(".png", colour)[1].tobytes())
    )
    assert (answer.status_code, shaped(answer)["code"]) == (422, "not_greyscale")


def multipart(client, path, data, **how):
    return client.post(API + path, data=data, content_type="multipart/form-data", **how)


MALFORMED = {
    "no body": lambda c: c.post(f"{API}/analyze"),
    "no file part": lambda c: multipart(c, "/analyze", {"other": "x"}),
    "a field that is no file": lambda c: multipart(c, "/analyze", {"file": "text"}),
    "json instead of a file": lambda c: c.post(f"{API}/analyze", json={"file": "x"}),
    "a broken boundary": lambda c: c.post(
        f"{API}/studies", data=b"--x\r\n\r\n", content_type="multipart/form-data; boundary=y"
    ),
    "no boundary": lambda c: c.post(
        f"{API}/studies", data=b"abc", content_type="multipart/form-data"
    ),
    "two files at once": lambda c: post_files(c, "/analyze", "file", *[("a.png", png())] * 2),
    "too many files": lambda c: post_files(c, "/studies", "files", *[("a.png", png())] * 25),
    "two series at once": lambda c: post_files(c, "/analyze", "file", ("a.zip", zipped())),
    "broken json": lambda c: c.post(task(c), data="{nope", content_type="application/json"),
    "a list": lambda c: c.post(task(c), json=[1, 2]),
    "options that are none": lambda c: c.post(task(c), json={"options": "x"}),
    "inputs that are none": lambda c: c.post(task(c), json={"inputs": ["fixed"]}),
    "a role that is none": lambda c: c.post(task(c), json={"inputs": {"moving": {}}}),
    "an input without series": lambda c: c.post(task(c), json={"inputs": {"image": {}}}),
    "json nested without end": lambda c: c.post(task(c), data="[" * 100_000),
    "half a character": lambda c: c.post(
        task(c), data=r'{"inputs": {"image": {"study": "\ud800", "series": "1"}}}'
    ),
    "a sign twice": lambda c: c.get(f"{API}/studies?limit=--5"),
    "a limit": lambda c: c.get(f"{API}/studies?limit=-1"),
    "an offset": lambda c: c.get(f"{API}/studies?offset=" + "9" * 40),
    "a word for a number": lambda c: c.get(first_slice(c) + "?window=wide"),
    "a window of nan": lambda c: c.get(first_slice(c) + "?window=nan"),
    "a level of inf": lambda c: c.get(first_slice(c) + "?level=inf"),
    "a window of 0": lambda c: c.get(first_slice(c) + "?window=0"),
    "an overlay": lambda c: c.get(first_slice(c) + "?overlay=rainbow"),
}

UNKNOWN = {
    "address": lambda c: c.get(f"{API}/nowhere"),
    "not built yet": lambda c: c.get(f"{API}/feedback"),
    "study": lambda c: c.get(f"{API}/studies/1.2.3"),
    "a strange study": lambda c: c.get(f"{API}/studies/%00%ff'--"),
    "a path for a study": lambda c: c.get(f"{API}/studies/..%2f..%2fetc%2fpasswd"),
    "dots": lambda c: c.delete(f"{API}/studies/../../etc"),
    "report of a study": lambda c: c.get(f"{API}/studies/1.2.3/report.html"),
    "job": lambda c: c.get(f"{API}/jobs/nope"),
    "cancelled job": lambda c: c.delete(f"{API}/jobs/nope"),
    "task": lambda c: c.post(task(c).replace("analyze", "cure")),
    "series in the body": lambda c: c.post(task(c), json={"series": "9.9"}),
    "input": lambda c: c.post(task(c), json={"inputs": {"image": {"series": "9"}}}),
    "a list as study": lambda c: c.post(
        task(c), json={"inputs": {"image": {"study": [1], "series": "9"}}}
    ),
    "model": lambda c: c.get(f"{API}/models/none"),
    "digest": lambda c: c.get(f"{API}/analyze/{'0' * 64}/mask.png"),
    "slice": lambda c: c.get(first_slice(c).replace("0.png", "1.png")),
    "negative slice": lambda c: c.get(first_slice(c).replace("0.png", "-1.png")),
    "huge slice": lambda c: c.get(first_slice(c).replace("0.png", "9" * 30 + ".png")),
    "word slice": lambda c: c.get(first_slice(c).replace("0.png", "first.png")),
    "mask before analysis": lambda c: c.get(first_slice(c).replace("0.png", "0/mask.png")),
    "nifti before analysis": lambda c: c.get(task(c).replace("tasks/analyze", "mask.nii.gz")),
    "html before analysis": lambda c: c.get(task(c).replace("tasks/analyze", "report.html")),
}


def zipped() -> bytes:
    import zipfile

    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a.png", png())
        archive.writestr("b.png", png(lesion=False))
    return buffer.getvalue()


def task(client) -> str:
    return f"{API}/studies/{upload(client)['study_instance_uid']}/tasks/analyze"


def first_slice(client) -> str:
    series = upload(client)["series"][0]
    return (
        f"{API}/studies/{series['study_instance_uid']}"
        f"/series/{series['series_instance_uid']}/slices/0.png"
    )


@pytest.mark.parametrize("call", MALFORMED.values(), ids=MALFORMED)
def test_malformed_calls(client, call):
    answer = call(client)
    assert (answer.status_code, shaped(answer)["code"]) == (400, "bad_request")


@pytest.mark.parametrize("call", UNKNOWN.values(), ids=UNKNOWN)
def test_unknown_things(client, call):
    answer = call(client)
    assert (answer.status_code, shaped(answer)["code"]) == (404, "not_found")


def test_uploads_that_are_too_large(client):
    answer = post_files(client, "/analyze", "file", ("a.png", bytes(5 << 20)))
    assert (answer.status_code, shaped(answer)["code"]) == (413, "too_large")
    answer = client.post(
        f"{API}/analyze",
        data=b"--x\r\n",
        content_type="multipart/form-data; boundary=x",
        environ_overrides={"CONTENT_LENGTH": str(1 << 50)},
    )
    assert (answer.status_code, shaped(answer)["code"]) == (413, "too_large")


def test_a_field_that_is_too_large(client):
    answer = multipart(client, "/studies", {"note": "x" * (2 << 20)})
    assert (answer.status_code, shaped(answer)["code"]) == (413, "too_large")


def test_the_wrong_method_names_the_right_one(client):
    answer = client.put(f"{API}/analyze")
    assert (answer.status_code, shaped(answer)["code"]) == (405, "method_not_allowed")
    assert "POST" in answer.headers["Allow"]


def test_a_full_queue_is_busy(client, bright):
    bright.gate.clear()
    path = task(client)
    codes = [client.post(path).status_code for _ in range(6)]
    assert codes[0] == 202
    answer = client.post(path)
    assert (answer.status_code, shaped(answer)["code"]) == (503, "busy")
    assert int(answer.headers["Retry-After"]) > 0


def test_no_turn_in_time_is_busy(app, client):
    service = app.extensions["neuralscan"]
    while service._turns.acquire(blocking=False):
        pass
    answer = post_files(client, "/analyze", "file", ("a.png", png()))
    assert (answer.status_code, shaped(answer)["code"]) == (503, "busy")


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize(("path", "field"), [("/analyze", "file"), ("/studies", "files")])
def test_the_hostile_set(client, path, field, name):
    data, code = HOSTILE[name]
    answer = post_files(client, path, field, (name, data))
    assert 400 <= answer.status_code < 500
    assert shaped(answer)["code"] == code
