"""Clocks and traffic are honest, rows are the contract's, renderings measure nothing."""

from __future__ import annotations

import json
import threading
import time
from contextlib import contextmanager
from functools import partial
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from appliance.core.errors import BadRequest, Unavailable
from benchmarks import host, report, results, targets
from benchmarks.__main__ import main
from benchmarks.measure import measure, rows_of
from benchmarks.scenarios import Timing, offline, single_stream

CONTRACT = """
    target runtime precision device hint scenario batch n warm_up p50_ms p90_ms p95_ms p99_ms
    throughput_per_s cold_start_ms rss_mb size_mb accuracy dice label_flips host versions commit utc
"""


def _target(call=lambda: None, workers: int = 2) -> targets.Target:
    return targets.Target(
        "infer", "openvino", "INT8", "CPU", "LATENCY, f32", call, workers, 5.0, 1.5
    )


def _row(**changes: object) -> results.Row:
    known = {"target": "infer", "runtime": "openvino", "precision": "INT8", "device": "CPU"}
    return results.Row(**{**known, "hint": "LATENCY, f32", "scenario": "single-stream", **changes})


def test_single_stream_counts_warm_up_apart_and_never_overlaps():
    calls, inside = [], threading.Lock()

    def call() -> None:
        assert inside.acquire(blocking=False)
        calls.append(threading.get_ident())
        time.sleep(0.001)
        inside.release()

    ticks: list[int] = []
    timing = single_stream(call, 5, 3, lambda: ticks.append(1))
    assert (len(calls), timing.n, timing.warm_up, len(ticks)) == (8, 5, 3, 5)
    assert set(calls) == {threading.get_ident()}
    assert (timing.latencies_ms >= 1.0).all()
    assert timing.throughput() == pytest.approx(5e3 / timing.latencies_ms.sum())


def test_offline_keeps_its_workers_busy():
    together = threading.Barrier(3, timeout=10)
    timing = offline(together.wait, 6, 3, workers=3)  # passes only if three calls overlap
    assert (timing.n, timing.warm_up) == (6, 3)


def test_a_failing_call_ends_the_run():
    def fail() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        offline(fail, 3, 0, 2)
    with pytest.raises(ZeroDivisionError):
        single_stream(fail, 3)


@pytest.mark.parametrize(("n", "warm_up", "workers"), [(0, 0, 1), (1, -1, 1), (1, 0, 0)])
def test_senseless_counts_are_refused(n, warm_up, workers):
    with pytest.raises(ValueError):
        offline(lambda: None, n, warm_up, workers)


def test_percentiles_are_latencies_that_occurred():
    timing = Timing(np.arange(1.0, 101.0), 1.0, 0)
    assert [timing.percentile(p) for p in (50, 90, 99)] == [50.0, 90.0, 99.0]
    assert Timing(np.array([3.0, 1.0]), 1.0, 0).percentile(99) == 3.0


def test_a_row_has_the_keys_of_the_contract():
    document = measure(_target(), "single-stream", 4, 1).to_json()
    assert set(document) == {*CONTRACT.split(), "schema", "status"}
    assert document["status"] == "measured"
    assert document["n"] == 4
    assert document["p50_ms"] <= document["p99_ms"]
    assert document["host"]["cpu"]
    assert document["versions"]["openvino"]
    json.dumps(document)


def test_rows_survive_a_file(tmp_path):
    rows = [_row(p50_ms=1.5, n=3), _row(status="not measured", reason="no GPU")]
    results.save(rows, tmp_path / "rows.json")
    assert results.load(tmp_path / "rows.json") == rows
    assert [p.name for p in tmp_path.iterdir()] == ["rows.json"]


def test_a_row_that_was_not_measured_says_why():
    with pytest.raises(ValueError):
        _row(status="not measured")
    with pytest.raises(ValueError):
        _row(status="estimated")


@pytest.mark.parametrize("content", ["no json", "{}", '[{"schema": "other/1"}]', "[1]"])
def test_other_files_are_refused(tmp_path, content):
    (tmp_path / "rows.json").write_text(content)
    with pytest.raises(BadRequest):
        results.load(tmp_path / "rows.json")


def test_what_cannot_run_becomes_rows_with_the_reason():
    @contextmanager
    def missing():
        raise Unavailable("device 'NPU' is not available here")
        yield

    asked = {"device": "NPU", "precision": "INT8"}
    rows = rows_of("infer", missing, asked, ["single-stream", "offline"], 3, 0)
    assert [row.status for row in rows] == ["not measured"] * 2
    assert all("NPU" in row.reason for row in rows)
    assert all(row.p50_ms is None for row in rows)


def test_a_target_that_fails_halfway_keeps_what_was_measured():
    calls = iter([None] * 4)

    def call() -> None:
        if next(calls, "spent") == "spent":
            raise RuntimeError("gone")

    @contextmanager
    def build():
        yield _target(call)

    asked = {"device": "CPU", "precision": "INT8"}
    rows = rows_of("infer", build, asked, ["single-stream", "offline"], 4, 0)
    assert [row.status for row in rows] == ["measured", "not measured"]


def test_the_measured_picture_is_an_8_bit_png_of_512():
    pixels = cv2.imdecode(np.frombuffer(targets.picture(), np.uint8), cv2.IMREAD_UNCHANGED)
    assert (pixels.shape, pixels.dtype) == ((512, 512), np.uint8)
    assert targets.picture() == targets.picture()


@pytest.mark.parametrize("precision", targets.PRECISIONS)
@pytest.mark.parametrize("name", sorted(targets.BUILDERS))
def test_every_target_answers(name, precision, tiny_package):
    with targets.BUILDERS[name](tiny_package, "CPU", precision) as target:
        row = measure(target, "offline", 4, 1)
    assert (row.target, row.precision, row.device) == (name, precision, "CPU")
    assert row.p50_ms > 0
    assert row.cold_start_ms > row.p50_ms
    assert row.size_mb > 0


def test_http_gives_the_report_that_a_client_gets(tiny_package):
    with targets.http_target(tiny_package, "CPU", "INT8") as target:
        document = json.loads(target.call())
    document = document.get("report", document)
    assert document["schema"].startswith("neuralscan/report/")
    assert document["model"]["name"] == "tiny"


def test_a_server_that_fails_is_no_measurement(tiny_package, monkeypatch):
    body = targets.multipart(b"")
    monkeypatch.setattr(targets, "multipart", lambda _: (b"nothing", body[1]))
    asked = {"device": "CPU", "precision": "INT8"}
    build = partial(targets.http_target, tiny_package, "CPU", "INT8")
    (row,) = rows_of("http", build, asked, ["offline"], 2, 0)
    assert row.status == "not measured"
    assert "answered 400" in row.reason


@pytest.mark.parametrize("form", report.FORMATS)
def test_every_rendering_shows_figures_and_reasons(form):
    rows = [
        _row(p50_ms=1.25, host={"cpu": "Example"}),
        _row(status="not measured", reason="no <GPU>"),
    ]
    text = report.render(rows, form)
    assert "1.25" in text
    assert "GPU" in text
    assert "Example" in text
    if form == "html":
        assert "no &lt;GPU&gt;" in text


def test_compare_pairs_what_is_the_same():
    before = [_row(p50_ms=10.0), _row(precision="FP16", p50_ms=20.0)]
    after = [_row(p50_ms=5.0), _row(device="GPU", p50_ms=1.0)]
    names, cells = report.compared(before, after)
    assert len(cells) == 1
    assert cells[0][names.index("p50_ms")] == "10 -> 5 (0.50x)"


def test_verbs(tmp_path, capsys, monkeypatch):
    @contextmanager
    def build(package, device, precision):
        yield _target()

    package = SimpleNamespace(verify=lambda: None)
    monkeypatch.setattr("appliance.registry.find_package", lambda *_: package)
    monkeypatch.setitem(targets.BUILDERS, "infer", build)
    rows = tmp_path / "rows.json"
    run = ["run", "--targets", "infer", "--precision", "INT8", "--n", "3", "--warm-up", "0"]
    assert main([*run, "--out", str(rows)]) == 0
    assert "| infer | openvino | INT8 |" in capsys.readouterr().out
    assert len(results.load(rows)) == 2
    assert main(["report", str(rows), "--format", "html", "--out", str(tmp_path / "r.html")]) == 0
    assert (tmp_path / "r.html").read_text().startswith("<!doctype html>")
    assert main(["compare", str(rows), str(rows)]) == 0
    assert "(1.00x)" in capsys.readouterr().out
    assert main(["report", str(tmp_path / "nothing.json")]) == 2


@pytest.mark.parametrize("verb", ["run", "compare", "report"])
def test_help_has_an_example(verb, capsys):
    with pytest.raises(SystemExit) as stop:
        main([verb, "--help"])
    assert stop.value.code == 0
    assert f"example: python -m benchmarks {verb}" in capsys.readouterr().out


@pytest.mark.parametrize("bad", [["--n", "0"], ["--targets", "moon"], ["--precision", ""]])
def test_wrong_usage(bad, capsys):
    with pytest.raises(SystemExit) as stop:
        main(["run", *bad])
    assert stop.value.code == 2
    capsys.readouterr()


def test_the_revision_is_that_of_this_folder_only(tmp_path):
    assert host.commit(tmp_path) == ""
