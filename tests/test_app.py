"""appliance.app: who may call, what every answer carries, what stands at the root."""

import subprocess
import sys

import pytest

from appliance.app import close, create_app
from appliance.core.errors import Unavailable
from appliance.guard import may_call
from appliance.service import Service
from appliance.settings import Settings
from tests.serving import API, app, bright, client, png, post_files, settings

__all__ = ["app", "bright", "client", "settings"]


def test_importing_the_application_loads_no_heavy_framework():
    code = (
        "import appliance.app, sys; "
        "print([m for m in ('tensorflow', 'openvino', 'nncf', 'torch') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_page_and_its_files(client):
    index = client.get("/")
    assert index.status_code == 200
    assert b"<!doctype html>" in index.data.lower()
    assert client.get("/static/index.html").data == index.data
    assert client.get("/static/../settings.py").status_code == 404


@pytest.mark.parametrize("path", ["/", "/health/live", f"{API}/studies", f"{API}/nothing"])
def test_every_answer_is_hardened(client, path):
    headers = client.get(path).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert "default-src 'self'" in headers["Content-Security-Policy"]
    assert "Access-Control-Allow-Origin" not in headers
    assert headers["Cache-Control"] == ("no-store" if path.startswith(API) else "no-cache")


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8080", "127.0.0.1.evil.example", "a b"]
)
def test_a_name_that_was_made_to_point_here_is_refused(client, host):
    answer = client.get(f"{API}/studies", headers={"Host": host})
    assert (answer.status_code, answer.json["error"]["code"]) == (403, "forbidden")


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:8080", "[::1]:8080", "LOCALHOST:1"])
def test_loopback_names_are_welcome(client, host):
    assert client.get("/health/live", headers={"Host": host}).status_code == 200


def test_hosts_when_bound_to_every_address(tmp_path):
    everywhere = Settings(tmp_path, host="0.0.0.0", allowed_hosts=("Scan.clinic",))
    assert may_call("192.168.1.7", everywhere)
    assert may_call("scan.clinic", everywhere)
    assert not may_call("evil.example", everywhere)
    assert not may_call("192.168.1.7", Settings(tmp_path))


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost:9999"},
        {"Origin": "http://[::1"},
    ],
)
def test_another_page_cannot_change_anything(client, headers):
    answer = client.delete(f"{API}/studies/1.2", headers=headers)
    assert (answer.status_code, answer.json["error"]["code"]) == (403, "forbidden")
    assert client.get(f"{API}/studies", headers=headers).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "http://localhost"},
        {"Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "none"},
    ],
)
def test_the_own_page_and_scripts_can(client, headers):
    assert client.delete(f"{API}/studies/1.2", headers=headers).status_code == 404


def test_health_follows_the_model(settings, bright):
    application = create_app(settings)
    probe = application.test_client()
    assert probe.get("/health/live").json == {"status": "ok"}
    answer = probe.get("/health/ready")
    assert (answer.status_code, answer.json["error"]["code"]) == (503, "unavailable")
    assert int(answer.headers["Retry-After"]) > 0
    application.extensions["neuralscan"]._analyzer = bright
    application.extensions["neuralscan"].warm_up()
    assert probe.get("/health/ready").json == {"status": "ready"}
    close(application)


def test_without_a_model_everything_else_works(settings):
    def none_found(_):
        raise Unavailable("no model package found")

    application = create_app(settings)
    application.extensions["neuralscan"]._build = none_found
    probe = application.test_client()
    answer = post_files(probe, "/analyze", "file", ("a.png", png()))
    assert (answer.status_code, answer.json["error"]["code"]) == (503, "unavailable")
    assert post_files(probe, "/studies", "files", ("a.png", png())).status_code == 201
    close(application)


def test_metrics_count_verdicts_refusals_and_requests(client):
    post_files(client, "/analyze", "file", ("a.png", png()))
    post_files(client, "/analyze", "file", ("odd.png", png()))
    client.open(f"{API}/whatever", method="BREW")
    text = client.get("/metrics").text
    for line in (
        'neuralscan_reports_total{verdict="tumor"} 1.0',
        'neuralscan_refusals_total{code="out_of_distribution"} 1.0',
        'neuralscan_stage_seconds_count{stage="decode"} 2.0',
        "neuralscan_jobs_queued 0.0",
        'route="/api/v1/analyze",status="422"',
        'method="other",route="unknown"',
    ):
        assert line in text


def test_two_applications_do_not_share_measurements(tmp_path, bright):
    services = [Service(Settings(tmp_path / name), bright) for name in "ab"]
    services[0].analyze(png(), "a.png")
    texts = [service.telemetry.text() for service in services]
    assert b'verdict="tumor"' in texts[0]
    assert b'verdict="tumor"' not in texts[1]
    for service in services:
        service.close()
