"""What the machine is said to offer is what the kernel says, and a probe never raises."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

from appliance import doctor
from appliance.cli import main

CPUINFO = """processor\t: 0
model name\t: Example CPU @ 2.00GHz
flags\t\t: fpu avx2 avx512f avx512_vnni amx_int8

processor\t: 1
model name\t: Example CPU @ 2.00GHz
flags\t\t: fpu
"""


def test_cpu_reads_name_and_instruction_sets(tmp_path):
    (tmp_path / "cpuinfo").write_text(CPUINFO)
    found = doctor.cpu(tmp_path / "cpuinfo")
    assert found["name"] == "Example CPU @ 2.00GHz"
    has = {name for name, present in found["isa"].items() if present}
    assert has == {"AVX2", "AVX512", "AVX512-VNNI", "AMX-INT8"}


def test_cpu_without_the_file_is_unknown_not_absent(tmp_path):
    assert doctor.cpu(tmp_path / "nothing")["isa"] is None


def test_usable_cores_respects_a_quota(tmp_path):
    free = doctor.usable_cores(tmp_path)
    assert free >= 1
    (tmp_path / "cpu.max").write_text("50000 100000\n")
    assert doctor.usable_cores(tmp_path) == 0.5
    (tmp_path / "cpu.max").write_text("max 100000\n")
    assert doctor.usable_cores(tmp_path) == free


def test_usable_cores_respects_an_older_quota(tmp_path):
    (tmp_path / "cpu").mkdir()
    (tmp_path / "cpu/cpu.cfs_quota_us").write_text("25000\n")
    (tmp_path / "cpu/cpu.cfs_period_us").write_text("100000\n")
    assert doctor.usable_cores(tmp_path) == 0.25


def test_memory_respects_a_limit(tmp_path):
    (tmp_path / "memory.max").write_text(str(1 << 30))
    found = doctor.memory(tmp_path)
    assert found["total_gib"] == 1.0
    assert found["available_gib"] <= 1.0


def test_free_disk_of_a_folder_that_is_not_there_yet(tmp_path):
    assert doctor.free_disk(tmp_path / "a/b")["free_gib"] >= 0


def test_versions_say_what_is_absent():
    found = doctor.versions(("numpy", "no-such-distribution"))
    assert found["numpy"]
    assert found["no-such-distribution"] is None


def _package(path: Path) -> SimpleNamespace:
    manifest = SimpleNamespace(preprocessing=SimpleNamespace(size=8), outputs={"mask": "mask"})
    return SimpleNamespace(path=path, manifest=manifest, name="x", version="1")


def test_a_probe_that_cannot_run_says_why(tmp_path):
    row = doctor.probe(_package(tmp_path), "CPU", "INT8", seconds=0.0)
    assert row["status"] == "not measured"
    assert row["reason"]
    row = doctor.probe(_package(tmp_path), "NOSUCH", "INT8", seconds=0.0)
    assert "NOSUCH" in row["reason"]


def test_the_device_that_serves_fastest_is_recommended():
    rows = [
        {"device": "CPU", "precision": "INT8", "status": "measured", "median_ms": 9.0},
        {"device": "GPU", "precision": "FP16", "status": "measured", "median_ms": 1.0},
        {"device": "GPU", "precision": "INT8", "status": "measured", "median_ms": 4.0},
        {"device": "NPU", "precision": "INT8", "status": "not measured", "reason": "no driver"},
    ]
    assert doctor.recommend(rows)["device"] == "GPU"
    assert doctor.recommend(rows[3:]) is None


def test_text_names_everything():
    findings = {
        "cpu": {"name": "Example", "architecture": "x86_64", "isa": {"AVX2": True, "AMX": False}},
        "usable_cores": 2,
        "memory": {"total_gib": 8.0, "available_gib": 4.0},
        "disk": {"folder": "data", "free_gib": 10.0},
        "devices": ["CPU"],
        "versions": {"python": "3.11", "nncf": None},
        "model": {"name": "first", "version": "1.0.0"},
        "probes": [
            {
                "device": "CPU",
                "precision": "INT8",
                "hint": "LATENCY, f32",
                "status": "measured",
                "median_ms": 4.0,
                "n": 9,
                "compile_ms": 80.0,
            }
        ],
        "recommended": {"device": "CPU", "precision": "INT8", "reason": "fastest here"},
        "problems": ["a problem"],
    }
    text = doctor.text(findings)
    for part in ("Example", "AVX2", "has not  AMX", "4 of 8 GiB", "python 3.11", "nncf"):
        assert part in text
    for part in ("first 1.0.0", "4 ms median of 9", "--device CPU (fastest here)", "a problem"):
        assert part in text


def test_a_probe_measures_a_package(tiny_package):
    row = doctor.probe(tiny_package, "CPU", "INT8", seconds=0.0)
    assert row["status"] == "measured", row
    assert row["n"] >= 5
    assert 0 < row["median_ms"] < row["compile_ms"] * 1e3


def test_the_verb_prints_one_json_object(capsys, monkeypatch, tmp_path, tiny_folder):
    monkeypatch.setenv("NEURALSCAN_MODELS", str(tiny_folder))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert main(["doctor", "--json"]) == 0
    findings = json.loads(capsys.readouterr().out)
    assert findings["model"]["name"] == "tiny"
    assert {row["precision"] for row in findings["probes"]} == {"INT8", "FP16"}
    assert findings["recommended"]["device"] in findings["devices"]
    assert not findings["problems"]


def test_without_a_package_the_rest_is_still_said(tmp_path, monkeypatch):
    monkeypatch.setattr("appliance.registry.SHIPPED", tmp_path)
    findings = doctor.examine(tmp_path)
    assert "CPU" in findings["devices"]
    assert "no model package" in findings["problems"][0]
    assert doctor.text(findings).startswith("CPU ")
