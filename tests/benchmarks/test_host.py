"""The fingerprint holds what decides speed; energy and environments say why they are missing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from appliance.core.errors import Unavailable
from benchmarks import environments, host
from benchmarks.energy import Meter


def test_the_fingerprint_moves_with_the_machine_and_not_with_the_revision():
    here = host.describe()
    assert host.fingerprint(here) == host.fingerprint(dict(here))
    other = {**here, "governor": "powersave", "cores": here["cores"] + 1}
    assert host.fingerprint(other) != host.fingerprint(here)
    told = " ".join(host.differences(here, other))
    assert "governor" in told
    assert "cores" in told


def test_limits_and_governor_are_read(tmp_path):
    (tmp_path / "sys/fs/cgroup").mkdir(parents=True)
    (tmp_path / "sys/fs/cgroup/cpu.max").write_text("200000 100000\n")
    governor = tmp_path / "sys/devices/system/cpu/cpu0/cpufreq"
    governor.mkdir(parents=True)
    (governor / "scaling_governor").write_text("powersave\n")
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/cpuinfo").write_text("microcode\t: 0xa101144\n")
    found = host.describe(tmp_path)
    assert found["limits"] == {"cpu.max": "200000 100000", "memory.max": "none"}
    assert (found["governor"], found["microcode"]) == ("powersave", "0xa101144")


def test_a_precision_the_cpu_lacks_is_no_row(monkeypatch):
    monkeypatch.setattr(host.machine, "cpu", lambda: {"name": "Old", "isa": {"AVX2": True}})
    with pytest.raises(Unavailable, match="bfloat16"):
        host.demand("BF16")
    host.demand("INT8")


def test_energy_adds_packages_and_survives_a_counter_that_runs_over(tmp_path):
    for number, (range_uj, value) in enumerate(((1000, 900), (1000, 10))):
        zone = tmp_path / f"intel-rapl:{number}"
        zone.mkdir()
        (zone / "max_energy_range_uj").write_text(str(range_uj))
        (zone / "energy_uj").write_text(str(value))
    (tmp_path / "intel-rapl:0:0").mkdir()
    (tmp_path / "intel-rapl:0:0/energy_uj").write_text("5")
    meter = Meter.find(tmp_path)
    assert len(meter.zones) == 2
    assert meter.joules([900, 10], [100, 60]) == pytest.approx(250e-6)


def test_no_energy_has_a_reason(tmp_path):
    meter = Meter.find(tmp_path)
    assert "RAPL" in meter.reason
    assert meter.joules([], []) is None


def test_an_environment_is_built_once(tmp_path, monkeypatch):
    commands = []

    def build(command: list[str], what: str) -> str:
        commands.append(command)
        if "venv" in command:
            Path(command[-1]).mkdir(parents=True)
        return ""

    monkeypatch.setattr(environments, "_run", build)
    first = environments.interpreter("litert", tmp_path)
    assert len(commands) == 2
    assert "ai-edge-litert==2.3.0" in commands[1]
    assert environments.interpreter("litert", tmp_path) == first
    assert len(commands) == 2


def test_an_environment_that_cannot_be_built_says_why_and_is_not_kept(tmp_path, monkeypatch):
    def fail(command, **_):
        return subprocess.CompletedProcess(command, 1, "", "ERROR: No matching distribution\n")

    monkeypatch.setattr(environments.subprocess, "run", fail)
    for _ in range(2):
        with pytest.raises(Unavailable, match="No matching distribution"):
            environments.interpreter("litert", tmp_path)


def test_a_python_that_is_too_new_is_said(monkeypatch):
    monkeypatch.setattr(environments.shutil, "which", lambda _: None)
    with pytest.raises(Unavailable, match=r"Python 3\.2"):
        environments._python_for((3, 2))
    assert environments._python_for((9, 0)) == sys.executable
