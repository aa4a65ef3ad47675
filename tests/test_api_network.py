"""``/api/v1/network``: what a person sees of the network side."""

from __future__ import annotations

from tests.network.sites import free_port, series, site, wait_for, written
from tests.serving import API, app, bright, client, settings

__all__ = ["app", "bright", "client", "settings"]


def test_all_of_it_is_off_by_default(client):
    assert client.get(f"{API}/network").json == {
        "dicom": None,
        "incoming": None,
        "outbox": None,
        "watch": None,
    }
    answer = client.post(f"{API}/network/retry")
    assert (answer.status_code, answer.json["error"]["code"]) == (404, "not_found")


def test_what_came_and_what_could_not_be_sent(tmp_path):
    box = tmp_path / "box"
    box.mkdir()
    push = f"127.0.0.1:{free_port()}:PACS"
    chosen = {"push": push, "push_pseudonyms": True, "push_attempts": 1, "watch": box}
    with site(tmp_path, **chosen) as here:
        assert here.store(*written(series(2), tmp_path / "in")).returncode == 0
        here.store(*written(series(1), tmp_path / "no"), aet="NOBODY")
        said = wait_for(lambda: here.status()["outbox"]["failed"] and here.status())
        assert said["dicom"]["port"] == here.port
        assert said["dicom"]["peers"] == ["CT1", "CT2@127.0.0.1"]
        assert (said["dicom"]["stored"], said["dicom"]["rejected"]) == (2, 1)
        assert (said["incoming"]["images"], said["incoming"]["series"]) == (2, 1)
        assert said["outbox"]["parcels"][0]["problem"].endswith("cannot be reached")
        assert said["watch"]["taken"] == 0
        metrics = here.client.get("/metrics").text
        assert "neuralscan_results_failed 1.0" in metrics
        assert "neuralscan_incoming_images 2.0" in metrics
        assert here.client.post(f"{API}/network/retry").json == {"retried": 1}
