"""appliance.measurements and ``/benchmarks``: stored runs, a measurement as a job, two compared."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from appliance import measurements
from appliance.core.errors import Unavailable
from benchmarks.results import Row, Run, save
from benchmarks.statistics import Piece
from tests.serving import API, app, bright, client, settings

__all__ = ["app", "bright", "client", "settings"]


def _row(pace: float, scenario: str = "single-stream", cpu: str = "A") -> Row:
    values = [10.0 * pace, 10.1 * pace, 10.2 * pace]
    blocks = [Piece.of(i, values, 0.03 * pace, 3, 0.0).to_json() for i in range(10)]
    return Row(
        target="infer", runtime="openvino", precision="INT8", device="CPU", hint="", n=30,
        scenario=scenario, p50_ms=values[1], throughput_per_s=100 / pace, blocks=blocks,
        host={"cpu": cpu, "cores": 2}, utc="2026-11-21T10:00:00Z", accuracy=0.9,
    )  # fmt: skip


def keep(settings, name: str, pace: float = 1.0, cpu: str = "A") -> None:
    rows = tuple(_row(pace, scenario, cpu) for scenario in ("single-stream", "offline"))
    folder = settings.data / "benchmarks"
    folder.mkdir(parents=True, exist_ok=True)
    save(Run(rows, {"preset": "quick", "data": "phantoms"}), folder / f"{name}.json")


STAND_IN = """
import json, pathlib, signal, sys, time
print(sys.argv[1:], file=sys.stderr)
pathlib.Path("calls.txt").write_text(" ".join(sys.argv[1:]))
if "fail" in sys.argv[sys.argv.index("--model") + 1]:
    print("error: no such package", file=sys.stderr)
    sys.exit(5)
def end(*_):
    pathlib.Path("ended.txt").write_text("asked")
    sys.exit(130)
signal.signal(signal.SIGTERM, end)
slow = pathlib.Path("slow").exists()
print(json.dumps({"progress": 0.4, "doing": "x"}), file=sys.stderr, flush=True)
time.sleep(30 if slow else 0.3)
out = sys.argv[sys.argv.index("--out") + 1]
pathlib.Path(out).write_text(json.dumps({"about": {}, "rows": [{"target": "infer"}]}))
"""


@pytest.fixture
def command(tmp_path, monkeypatch) -> Path:
    """A folder `benchmarks` whose run only pretends to measure."""
    root = tmp_path / "sources"
    (root / "benchmarks").mkdir(parents=True)
    (root / "benchmarks" / "__main__.py").write_text(STAND_IN)
    (root / "benchmarks" / "__init__.py").touch()
    monkeypatch.setattr(measurements, "_COMMAND", root / "benchmarks" / "__main__.py")
    monkeypatch.delenv("PYTHONPATH", raising=False)
    return root


def _wait(client, job: str, states=("done", "failed", "cancelled")) -> dict:
    for _ in range(200):
        found = client.get(f"{API}/jobs/{job}").json
        if found["state"] in states:
            return found
        time.sleep(0.05)
    raise AssertionError(found)


def test_runs_are_listed_without_blocks_and_kept_with_them(client, settings):
    keep(settings, "mine")
    answer = client.get(f"{API}/benchmarks").json
    run = answer["runs"][-1]
    assert (run["run"], run["shipped"], run["preset"]) == ("own.mine", False, "quick")
    assert (run["cpu"], run["comparable"], run["rows"]) == ("A", True, 2)
    assert any(one["shipped"] for one in answer["runs"])
    own = [row for row in answer["rows"] if row["run"] == "own.mine"]
    assert len(own) == 2
    assert not any("blocks" in row for row in own)
    assert (answer["job"], answer["missing"]) == (None, None)
    whole = client.get(f"{API}/benchmarks/own.mine").json
    assert len(whole["rows"][0]["blocks"]) == 10
    assert client.get(f"{API}/benchmarks/own.none").status_code == 404
    assert client.get(f"{API}/benchmarks/own...%2Fetc").status_code == 404


def test_two_runs_are_compared_and_machines_are_not_mixed(client, settings):
    keep(settings, "before")
    keep(settings, "after", pace=1.2)
    keep(settings, "elsewhere", cpu="B")
    answer = client.get(f"{API}/benchmarks/own.before/compare/own.after")
    assert answer.status_code == 200
    rows = {row["scenario"]: row for row in answer.json["rows"]}
    assert {row["verdict"] for row in rows.values()} == {"slower"}
    assert rows["single-stream"]["ratio"] == pytest.approx(1.2)
    assert rows["offline"]["ratio"] == pytest.approx(1.2, rel=1e-3)
    refused = client.get(f"{API}/benchmarks/own.before/compare/own.elsewhere")
    assert refused.status_code == 400
    assert "cpu: A before, B after" in refused.json["error"]["message"]
    assert "--force" not in refused.json["error"]["message"]
    assert client.get(f"{API}/benchmarks/own.before/compare/own.none").status_code == 404


def test_a_measurement_is_a_job_that_holds_nobody_up(client, settings, command, bright):
    (command / "slow").touch()
    answer = client.post(f"{API}/benchmarks")
    assert answer.status_code == 202
    job = answer.json["job"]
    assert _wait(client, job, ("running",))["study_instance_uid"] is None
    assert client.get(f"{API}/benchmarks").json["job"] == job
    second = client.post(f"{API}/benchmarks")
    assert second.status_code == 503
    assert "under way" in second.json["error"]["message"]
    for _ in range(100):
        if client.get(f"{API}/jobs/{job}").json["progress"] == 0.4:
            break
        time.sleep(0.05)
    else:
        raise AssertionError("no progress")
    from tests.serving import analyse, upload

    assert analyse(client, upload(client))["state"] == "done"
    client.delete(f"{API}/jobs/{job}")
    assert _wait(client, job)["state"] == "cancelled"
    assert (command / "ended.txt").read_text() == "asked"
    assert client.get(f"{API}/benchmarks").json["job"] is None
    assert not list((settings.data / "benchmarks").glob("*.json"))


def test_a_finished_measurement_is_stored_and_a_failed_one_says_why(
    client, settings, command, bright
):
    found = _wait(client, client.post(f"{API}/benchmarks").json["job"])
    assert (found["state"], found["progress"]) == ("done", 1.0)
    assert "--preset quick --no-build" in (command / "calls.txt").read_text()
    assert client.get(f"{API}/benchmarks").json["runs"][-1]["run"].startswith("own.quick-")
    bright.package = type(bright.package)(name="fail", version="1", path=Path("x"))
    found = _wait(client, client.post(f"{API}/benchmarks").json["job"])
    assert found["state"] == "failed"
    assert found["error"] == {
        "code": "unavailable", "message": "the measurement failed: no such package",
    }  # fmt: skip


def test_without_the_workshop_runs_are_shown_and_none_is_started(client, monkeypatch, tmp_path):
    monkeypatch.setattr(measurements, "_COMMAND", tmp_path / "benchmarks" / "__main__.py")
    answer = client.get(f"{API}/benchmarks").json
    assert "comes without the folder `benchmarks`" in answer["missing"]
    refused = client.post(f"{API}/benchmarks")
    assert refused.status_code == 503
    assert "checkout" in refused.json["error"]["message"]
    with pytest.raises(Unavailable):
        measurements.demand_command()
