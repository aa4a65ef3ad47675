"""appliance.openapi: the description is the routes, and the answers have the shapes it says."""

import re

import pytest

from appliance.openapi import path_of, routes
from appliance.shapes import SHAPES
from tests.serving import API, analyse, app, bright, client, png, post_files, settings, upload

__all__ = ["app", "bright", "client", "settings"]


@pytest.fixture
def document(client):
    return client.get(f"{API}/openapi.json").json


def test_every_route_is_described_and_every_path_exists(app, document):
    served = {
        (path_of(rule), method.lower())
        for rule in app.url_map.iter_rules()
        if rule.endpoint not in ("static", "root.index")
        for method in rule.methods - {"HEAD", "OPTIONS"}
    }
    described = {(path, method) for path, item in document["paths"].items() for method in item}
    assert served == described
    assert len(routes(app)) >= 27


def test_the_contract_s_routes_are_there(document):
    paths = {re.sub(r"\{\w+\}", "{}", path) for path in document["paths"]}
    for path in (
        "/analyze",
        "/analyze/{}/overlay.png",
        "/analyze/{}/mask.png",
        "/studies",
        "/studies/{}",
        "/studies/{}/tasks/{}",
        "/jobs/{}",
        "/studies/{}/series/{}/slices/{}.png",
        "/studies/{}/report.json",
        "/studies/{}/report.html",
        "/studies/{}/mask.nii.gz",
        "/studies/{}/series/{}/library",
        "/studies/{}/series/{}/similar",
        "/library",
        "/models",
        "/benchmarks",
        "/openapi.json",
    ):
        assert API + path in paths
    assert {"/health/live", "/health/ready", "/metrics"} <= paths


def test_it_is_well_formed(document):
    assert document["openapi"].startswith("3.")
    seen = set()
    for path, item in document["paths"].items():
        for operation in item.values():
            assert operation["summary"]
            assert operation["responses"]
            assert operation["operationId"] not in seen
            seen.add(operation["operationId"])
            named = {p["name"] for p in operation["parameters"] if p["in"] == "path"}
            assert named == set(re.findall(r"\{(\w+)\}", path))
    text = str(document)
    used = set(re.findall(r"#/components/schemas/(\w+)", text))
    assert used <= set(document["components"]["schemas"]) == set(SHAPES)


def check(value, schema: dict, where: str) -> None:
    """The small part of JSON Schema that the shapes use."""
    if "$ref" in schema:
        schema = SHAPES[schema["$ref"].rsplit("/", 1)[1]]
    if value is None:
        assert schema.get("nullable"), f"{where} is null"
        return
    kinds = {"object": dict, "array": list, "string": str, "boolean": bool, "integer": int}
    assert isinstance(value, kinds.get(schema["type"], (int, float))), where
    assert value in schema.get("enum", [value]), where
    if schema["type"] == "array":
        for item in value:
            check(item, schema["items"], f"{where}[]")
    for name in schema.get("required", []):
        assert name in value, f"{where}.{name} is missing"
    for name, inner in schema.get("properties", {}).items():
        if name in value:
            check(value[name], inner, f"{where}.{name}")


def test_answers_have_the_shapes_that_are_described(client):
    def seen(answer, name):
        check(answer.json, SHAPES[name], name)
        return answer.json

    study = upload(client, ("a.png", png()), ("b.png", b"broken"))
    uid = study["study_instance_uid"]
    series = study["series"][0]["series_instance_uid"]
    check(study, SHAPES["Study"], "Study")
    check(analyse(client, study), SHAPES["Job"], "Job")
    place = f"{API}/studies/{uid}/series/{series}"
    seen(client.post(f"{place}/library", json={"label": "glioma"}), "Case")
    seen(client.get(f"{API}/library"), "Library")
    seen(client.get(f"{place}/similar"), "Similar")
    seen(client.get(f"{API}/studies"), "Studies")
    seen(client.get(f"{API}/studies/{uid}"), "Study")
    seen(client.get(f"{API}/studies/{uid}/report.json"), "Reports")
    seen(client.get(f"{API}/studies/{uid}/series/{series}/report.json"), "Report")
    seen(client.post(f"{API}/studies/{uid}/tasks/analyze"), "Started")
    seen(post_files(client, "/analyze", "file", ("a.png", png())), "Report")
    seen(post_files(client, "/analyze", "file", ("odd.png", png())), "Refused")
    seen(post_files(client, "/studies", "files", ("a.png", b"broken")), "Unread")
    for path, name in (
        ("/tasks", "Tasks"),
        ("/models", "Models"),
        ("/benchmarks", "Benchmarks"),
        ("/settings", "Settings"),
        ("/nowhere", "Error"),
    ):
        seen(client.get(API + path), name)
    seen(client.get("/health/ready"), "Status")
