"""The backend of a run: measured once, recorded, and the same when the run goes on."""

from __future__ import annotations

import json

import pytest

from training import device


@pytest.fixture
def measured(monkeypatch):
    """Has ITEX and stands in for the measuring processes; which settings they were asked for."""
    seconds = {"f32": 1.0, "f32-omp": 0.8, "bf16": 0.5, "bf16-omp": None}
    asked: list[str] = []

    def measure(name: str) -> float | None:
        asked.append(name)
        return seconds[name]

    monkeypatch.setattr(device, "_itex", lambda: "2.15.0.0")
    monkeypatch.setattr(device, "_measure_apart", measure)
    asked_of = {"seconds": seconds, "asked": asked}
    return asked_of


def test_auto_measures_every_setting_once_and_records_the_choice(measured, tmp_path):
    out = tmp_path / "run"
    assert device.choose("auto", out) == "bf16"
    assert measured["asked"] == list(device.BACKENDS)
    record = json.loads((out / "backend.json").read_text())
    assert record == {"chosen": "bf16", "seconds_per_step": measured["seconds"]}
    assert device.choose("auto", out) == device.choose("recorded", out) == "bf16"
    assert measured["asked"] == list(device.BACKENDS)  # read from the record, not measured again


def test_half_precision_has_to_be_clearly_faster(measured, tmp_path):
    measured["seconds"]["bf16"] = 0.75
    assert device.choose("auto", tmp_path) == "f32-omp"


def test_a_setting_that_was_asked_for_is_neither_measured_nor_recorded(measured, tmp_path):
    assert device.choose("bf16-omp", tmp_path) == "bf16-omp"
    assert not measured["asked"]
    assert not list(tmp_path.iterdir())


def test_what_no_process_could_measure_leaves_plain_float32(measured, tmp_path):
    measured["seconds"].update(dict.fromkeys(device.BACKENDS))
    assert device.choose("auto", tmp_path) == "f32"


def test_without_a_record_or_without_itex_nothing_is_measured(measured, monkeypatch, tmp_path):
    assert device.choose("recorded", tmp_path) == "f32"
    monkeypatch.setattr(device, "_itex", lambda: "")
    assert device.choose("auto", tmp_path) == "f32"
    assert not measured["asked"]
    assert not list(tmp_path.iterdir())


def test_a_process_that_fails_is_no_measurement(monkeypatch):
    monkeypatch.setitem(device.BACKENDS, "broken", {})
    monkeypatch.setattr(device.sys, "executable", "/bin/false")
    assert device._measure_apart("broken") is None
