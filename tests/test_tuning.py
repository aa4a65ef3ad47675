"""A measured setting is used where it was measured, and nowhere else."""

from __future__ import annotations

import json
import logging

import pytest

from appliance.core.errors import BadRequest
from appliance.tuning import FILE, Tuning, load, save

HERE = {"cpu": "Example", "cores": 4, "openvino": "1", "network": "abc"}
TUNED = Tuning("CPU", cpu_threads=3, pinning=False)


def test_what_is_saved_is_loaded(tmp_path):
    path = save(tmp_path / "new", TUNED, HERE)
    assert path.name == FILE
    assert load(tmp_path / "new", HERE) == TUNED


@pytest.mark.parametrize("key", sorted(HERE))
def test_another_machine_network_or_version_ignores_it(tmp_path, caplog, key):
    save(tmp_path, TUNED, HERE)
    with caplog.at_level(logging.WARNING):
        assert load(tmp_path, HERE | {key: "other"}) == Tuning("AUTO")
    assert key in caplog.text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        '{"schema": "neuralscan/tuning/9", "tuning": {}, "valid_for": {}}',
        json.dumps({"schema": "neuralscan/tuning/1", "tuning": {"x": 1}, "valid_for": {}}),
        json.dumps({"schema": "neuralscan/tuning/1", "tuning": {"pinning": "no"}, "valid_for": {}}),
    ],
)
def test_a_broken_file_is_ignored_with_a_warning(tmp_path, caplog, text):
    (tmp_path / FILE).write_text(text)
    with caplog.at_level(logging.WARNING):
        assert load(tmp_path, HERE) == Tuning()
    assert "ignored" in caplog.text


def test_without_a_file_nothing_is_said(tmp_path, caplog):
    assert load(tmp_path, HERE, "CPU") == Tuning("CPU")
    assert not caplog.text


def test_another_device_asked_for_by_name_has_no_tuning(tmp_path):
    save(tmp_path, TUNED, HERE)
    assert load(tmp_path, HERE, "GPU") == Tuning("GPU")
    assert load(tmp_path, HERE, "CPU") == TUNED


@pytest.mark.parametrize("wrong", [{"cpu_threads": -1}, {"pinning": 2}, {"device": None}])
def test_a_wrong_value_is_refused(wrong):
    with pytest.raises(BadRequest, match="doctor --save"):
        Tuning(**wrong)
