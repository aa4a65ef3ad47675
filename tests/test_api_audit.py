"""`GET /audit`, what the server records, and `neuralscan audit verify`."""

from __future__ import annotations

import json

from appliance import audit, cli
from tests.serving import API, analyse, app, bright, client, png, post_files, settings, upload

__all__ = ["app", "bright", "client", "settings"]


def test_a_study_from_arrival_to_deletion(client, settings):
    study = upload(client)
    uid = study["study_instance_uid"]
    analyse(client, study)
    client.get(f"{API}/studies/{uid}/report.pdf")
    client.get(f"{API}/studies/{uid}/seg.dcm")  # a picture has none: nothing was taken
    client.delete(f"{API}/studies/{uid}")
    answer = client.get(f"{API}/audit").json
    said = [(e["action"], e["study"]) for e in reversed(answer["entries"])]
    assert said == [
        ("study.added", uid),
        ("analyze.done", uid),
        ("report.taken", uid),
        ("study.deleted", uid),
    ]
    done = answer["entries"][2]
    assert done["model"]["name"] == "bright"
    assert done["detail"]["verdict"] == "tumor"
    assert done["series"] == study["series"][0]["series_instance_uid"]
    assert answer["entries"][0]["who"] == "client 127.0.0.1"
    assert answer["total"] == 4
    assert client.get(f"{API}/audit?limit=1&offset=3").json["entries"][0]["number"] == 1
    assert audit.Audit(settings.data).verify().good


def test_what_was_refused_is_not_recorded_as_done(client):
    assert client.delete(f"{API}/studies/1.2.3").status_code == 404
    assert client.get(f"{API}/audit").json["total"] == 0
    post_files(client, "/analyze", "file", ("a.png", png()))
    assert client.get(f"{API}/audit").json["entries"][0]["action"] == "input.analysed"


def test_the_verb_names_the_bad_line(client, settings, capsys):
    upload(client)
    given = ["audit", "verify", "--data", str(settings.data)]
    assert cli.main(given) == 0
    assert "1 entries, the chain holds" in capsys.readouterr().out
    path = settings.data / audit.FILE
    path.write_text(path.read_text().replace("127.0.0.1", "127.0.0.2"))
    assert cli.main(given) == 4
    assert "line 1: it was changed" in capsys.readouterr().out
    assert cli.main([*given, "--json"]) == 4
    assert json.loads(capsys.readouterr().out)["line"] == 1
