"""appliance.api: direct analyses, jobs for many callers, what runs here."""

import hashlib
import json
import threading

import numpy as np
import pytest

from appliance.app import close, create_app
from appliance.core.errors import NotFound
from appliance.recent import Recent
from tests.serving import (
    API,
    app,
    bright,
    client,
    nifti,
    picture,
    pixels,
    png,
    post_files,
    settings,
)

__all__ = ["app", "bright", "client", "settings"]


def test_one_picture_at_once(client):
    answer = post_files(client, "/analyze", "file", ("slice.png", png()))
    assert answer.status_code == 200
    report = answer.json
    assert (report["verdict"], report["classification"]["label"]) == ("tumor", "glioma")
    assert report["input"]["sha256"] == hashlib.sha256(png()).hexdigest()
    assert report["timings_ms"]["decode"] > 0
    base = f"{API}/analyze/{report['input']['sha256']}"
    assert report["mask"] == f"{base}/mask.png"
    mask = pixels(client.get(report["mask"]).data)
    np.testing.assert_array_equal(mask, np.where(picture() > 200, 255, 0))
    np.testing.assert_array_equal(pixels(client.get(f"{base}/image.png").data), picture())
    overlay = pixels(client.get(f"{base}/overlay.png").data)
    assert overlay.shape == (40, 60, 3)
    assert (overlay != client_grey(client, base)).any()
    assert pixels(client.get(f"{base}/heat.png").data).max() == 128
    assert client.get(f"{base}/report.json").json == report
    assert b"Tumour found" in client.get(f"{base}/report.html").data


def client_grey(client, base: str) -> np.ndarray:
    return np.repeat(pixels(client.get(f"{base}/image.png").data)[..., None], 3, axis=2)


def test_a_healthy_picture_has_no_mask(client):
    report = post_files(client, "/analyze", "file", ("a.png", png(lesion=False))).json
    assert (report["verdict"], report["mask"]) == ("no_tumor", None)
    base = f"{API}/analyze/{report['input']['sha256']}"
    answer = client.get(f"{base}/mask.png")
    assert (answer.status_code, answer.json["error"]["code"]) == (404, "not_found")
    assert client.get(f"{base}/overlay.png").status_code == 200


def test_a_refused_picture_can_still_be_seen(client):
    answer = post_files(client, "/analyze", "file", ("odd.png", png()))
    assert answer.status_code == 422
    report = answer.json["report"]
    assert answer.json["error"] == report["refusal"]
    assert client.get(report["links"]["image"]).status_code == 200


def test_a_volume_in_one_file_is_analysed_whole(client):
    report = post_files(client, "/analyze", "file", ("head.nii.gz", nifti())).json
    assert [s["mask_px"] for s in report["slices"]] == [0, 0, 150, 150, 0]
    base = f"{API}/analyze/{report['input']['sha256']}"
    assert (pixels(client.get(f"{base}/mask.png").data) > 0).sum() == 150
    assert not pixels(client.get(f"{base}/mask.png?slice=0").data).any()
    assert client.get(f"{base}/mask.png?slice=5").status_code == 404


def test_a_direct_analysis_writes_nothing(client, settings):
    def there() -> list[str]:
        return sorted(p.name for p in settings.data.rglob("*") if not p.name.startswith("audit."))

    before = there()
    post_files(client, "/analyze", "file", ("a.png", png()))
    assert there() == before
    assert "a.png" not in (settings.data / "audit.jsonl").read_text()


def test_only_the_last_analyses_are_kept():
    from tests.test_store import a_report, a_series

    recent = Recent(count=2)
    made = [a_series(seed=seed) for seed in range(3)]
    for series in made:
        recent.put(series, a_report(series))
    with pytest.raises(NotFound):
        recent.get(made[0].sha256)
    small = Recent(count=9, limit_bytes=1)
    for series in made:
        small.put(series, a_report(series))
    assert len(small) == 1
    assert small.get(made[2].sha256)[0] is made[2]


def test_many_callers_get_their_own_answer(app):
    wrong, barrier = [], threading.Barrier(4)

    def call(lesion: bool) -> None:
        caller = app.test_client()
        barrier.wait()
        for _ in range(15):
            report = post_files(caller, "/analyze", "file", ("a.png", png(lesion))).json
            if report.get("verdict") != ("tumor" if lesion else "no_tumor"):
                wrong.append(report)

    threads = [threading.Thread(target=call, args=(bool(n % 2),)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_what_runs_here(settings, tiny_folder, analyzer):
    from dataclasses import replace

    application = create_app(replace(settings, models=(tiny_folder,)), analyzer)
    client = application.test_client()
    models = client.get(f"{API}/models").json["models"]
    assert ("tiny", True) in [(m["name"], m["active"]) for m in models]
    card = client.get(f"{API}/models/tiny").json
    assert card["manifest"]["intended_use"] == "Tests."
    about = client.get(f"{API}/settings").json
    assert about["model"] == {"name": "tiny", "version": "0.0.1"}
    assert (about["ready"], about["limits"]["queue"]) == (True, 4)
    assert "en" in about["languages"]
    report = post_files(client, "/analyze", "file", ("a.png", png())).json
    assert report["model"]["name"] == "tiny"
    close(application)


def test_benchmark_rows(client, settings):
    shipped = client.get(f"{API}/benchmarks").json["rows"]
    folder = settings.data / "benchmarks"
    folder.mkdir()
    (folder / "a.json").write_text(json.dumps({"rows": [{"target": "ir"}]}))
    (folder / "b.json").write_text(json.dumps([{"target": "http"}, "noise"]))
    (folder / "c.json").write_text("{broken")
    rows = client.get(f"{API}/benchmarks").json["rows"]
    assert [row["target"] for row in rows[len(shipped) :]] == ["ir", "http"]
