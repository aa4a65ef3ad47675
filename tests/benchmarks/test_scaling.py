"""Points along an axis: who they are, that they are measured, and how growth is told."""

from __future__ import annotations

import numpy as np
import pytest

from appliance.registry import find_package
from appliance.settings import Settings
from benchmarks import report, run, scaling
from benchmarks.__main__ import main
from benchmarks.inputs import make_inputs
from benchmarks.peers import scaling_peer
from benchmarks.results import Row, Run
from benchmarks.session import Options
from benchmarks.statistics import Piece
from benchmarks.summary import headline
from benchmarks.summary import scaling as lines
from tests.benchmarks.test_session import few

__all__ = ["few"]


def _row(axis: str, value: float, ms: float) -> Row:
    blocks = [Piece.of(i, [ms] * 5, ms * 5 / 1e3, 5, 0.0).to_json() for i in range(3)]
    return Row(
        "dicom", "openvino", "INT8", "CPU", "", "single-stream", n=15, p50_ms=ms, p99_ms=ms,
        throughput_per_s=1e3 / ms, blocks=blocks, scale={"axis": axis, "value": value},
    )  # fmt: skip


def test_growth_is_told_by_its_power():
    rows = [_row("slices", n, 3.0 * n**1.5) for n in (28, 7, 14)]
    (curve,) = scaling.curves(rows).values()
    assert [row.scale["value"] for row in curve] == [7, 14, 28]
    assert scaling.exponent(curve) == pytest.approx(1.5)
    assert scaling.exponent(curve[:2]) is None
    assert lines(rows)[1][-1][-1] == "value^1.50"
    assert len({row.identity for row in rows}) == 3
    assert rows[0].name == "dicom INT8, slices 28"
    assert headline(rows)[1] == []
    page = report.render(Run(tuple(rows)), "html")
    assert "slices in a volume" in page
    assert "time grows as n^1.50" in page
    assert Row.from_json(rows[0].to_json()) == rows[0]


@pytest.fixture
def inputs(few, tiny_package, tmp_path):
    return make_inputs(few, tiny_package, tmp_path / "cache")


def test_every_axis_has_points(inputs, monkeypatch):
    monkeypatch.setattr(scaling, "_volume", lambda folder, depth: f"volume-{depth}.zip")
    found = scaling.contenders(scaling.AXES, inputs, cores=6)
    by_axis = {axis: [c.scale[1] for c in found if c.scale[0] == axis] for axis in scaling.AXES}
    assert by_axis["threads"] == [1, 2, 4, 6]
    assert by_axis["streams"] == [1, 2, 4, 8, 12]
    assert by_axis["slices"] == list(scaling.DEPTHS)
    assert all(len(points) >= 3 for points in by_axis.values())
    assert len({one.name for one in found}) == len(found)
    side = next(one for one in found if one.scale == ("side", 1024))
    import cv2

    assert cv2.imread(dict(side.settings)["files"][0]).shape[:2] == (1024, 1024)


def test_points_are_measured(few, tiny_package, tmp_path, monkeypatch):
    monkeypatch.setattr(scaling, "STUDIES", (3,))
    options = Options(scaling.PRESET, scaling.PRESET.scenarios, calls=6, driver="plain")
    found = run.measure(
        tiny_package,
        lambda inputs: scaling.contenders(("streams", "studies"), inputs, 1),
        options,
        cache=tmp_path / "cache",
    )
    assert [row.reason for row in found.rows if row.status != "measured"] == []
    rows = {(r.scale["axis"], r.scale["value"], r.scenario): r for r in found.rows}
    assert set(rows) == {
        ("streams", 1, "offline"),
        ("streams", 2, "offline"),
        *(("studies", 3, scenario) for scenario in ("list", "open", "add")),
    }
    assert "2 streams" in rows["streams", 2, "offline"].hint
    assert all(row.p50_ms > 0 and row.accuracy is None for row in found.rows)


def test_a_batch_answers_what_single_slices_answer(tmp_path):
    package = find_package(None, Settings.load({"HOME": str(tmp_path)}).sources)
    path = tmp_path / "samples.npy"
    size = package.manifest.preprocessing.size
    np.save(path, np.random.default_rng(0).uniform(-1, 1, (4, size, size, 1)).astype(np.float32))
    config = {
        "model": str(package.path / "model.xml"), "outputs": dict(package.manifest.outputs),
        "samples": str(path), "device": "CPU", "threads": 1,
    }  # fmt: skip
    four, one = (scaling_peer.open_peer({**config, "batch": n}) for n in (4, 1))
    together, alone = four.latency().call(0), one.answer(np.load(path))
    assert four.throughput().items == 4
    assert np.allclose(together["logits"], alone["logits"], atol=1e-3)


def test_wrong_axes_are_wrong_usage(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["scaling", "--axes", "moon"])
    assert stop.value.code == 2
    assert "threads, streams" in capsys.readouterr().err
