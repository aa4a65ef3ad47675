"""The findings are said whole, and saved where `serve` finds them."""

from __future__ import annotations

import json

from appliance import doctor
from appliance.cli import main
from appliance.pipeline import build_analyzer
from appliance.settings import Settings
from appliance.tuning import Tuning


def test_text_names_everything():
    findings = {
        "cpu": {"name": "Example", "architecture": "x86_64", "isa": {"AVX2": True, "AMX": False}},
        "usable_cores": 2,
        "memory": {"total_gib": 8.0, "available_gib": 4.0},
        "disk": {"folder": "data", "free_gib": 10.0},
        "devices": ["CPU"],
        "accelerators": [
            {
                "kind": "GPU",
                "file": "/dev/dri/renderD128",
                "usable": False,
                "driver": None,
                "remedy": "join the group",
            }
        ],
        "import_order": {"tbb": ["libtbb.so.12"], "good": True},
        "orientation": {"cases": 12, "good": True, "worst_mm": 0.2, "failed": []},
        "model_cache": {"folder": "data/cache", "entries": 2, "mib": 7.5},
        "versions": {"python": "3.11", "nncf": None},
        "model": {"name": "first", "version": "1.0.0"},
        "probes": [
            {
                "device": "CPU",
                "precision": "INT8",
                "hint": "LATENCY, f32",
                "setting": "CPU, pinning off",
                "status": "measured",
                "median_ms": 4.0,
                "per_s": 250.0,
                "n": 9,
                "compile_ms": 80.0,
                "ratio": 0.9,
                "won": 1.0,
            }
        ],
        "recommended": {"device": "CPU", "setting": "CPU, pinning off", "reason": "fastest here"},
        "problems": ["a problem"],
    }
    text = doctor.text(findings)
    for part in ("Example", "AVX2", "has not  AMX", "4 of 8 GiB", "python 3.11", "nncf"):
        assert part in text
    for part in ("first 1.0.0", "4 ms a slice", "--device CPU (fastest here)", "a problem"):
        assert part in text
    for part in ("renderD128, join the group", "Intel NPU  none", "2 compiled", "0.9 of the time"):
        assert part in text
    assert "one for oneDAL and OpenVINO" in text


def test_the_verb_prints_one_json_object(capsys, monkeypatch, tmp_path, tiny_folder):
    monkeypatch.setenv("NEURALSCAN_MODELS", str(tiny_folder))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert main(["doctor", "--json", "--seconds", "0"]) == 0
    findings = json.loads(capsys.readouterr().out)
    assert findings["model"]["name"] == "tiny"
    assert {row["precision"] for row in findings["probes"]} == {"INT8", "FP16"}
    assert findings["recommended"]["device"] in findings["devices"]
    assert not findings["problems"]


def test_without_a_package_the_rest_is_still_said(tmp_path, monkeypatch):
    monkeypatch.setattr("appliance.registry.SHIPPED", tmp_path)
    findings = doctor.examine(tmp_path, seconds=0)
    assert "CPU" in findings["devices"]
    assert "no model package" in findings["problems"][0]
    assert doctor.text(findings).startswith("CPU ")


def test_the_saved_setting_is_taken_over(monkeypatch, tmp_path, tiny_folder, capsys):
    monkeypatch.setenv("NEURALSCAN_MODELS", str(tiny_folder))
    monkeypatch.setenv("NEURALSCAN_HOME", str(tmp_path))
    assert main(["doctor", "--save", "--seconds", "0"]) == 0
    assert "saved to" in capsys.readouterr().err
    document = json.loads((tmp_path / "tuning.json").read_text())
    # What is measured in no time at all may be any setting: all of it is replaced.
    document["tuning"] = {"device": "CPU", "cpu_threads": 1, "pinning": False}
    (tmp_path / "tuning.json").write_text(json.dumps(document))
    tuned = build_analyzer(Settings.load())
    assert tuned.tuning == Tuning("CPU", 1, pinning=False)
    compiled = tuned._network("LATENCY")._compiled
    assert compiled.get_property("INFERENCE_NUM_THREADS") == 1
    monkeypatch.setenv("NEURALSCAN_TUNING", "off")
    assert build_analyzer(Settings.load()).tuning == Tuning("AUTO")


def test_nothing_measured_is_nothing_saved(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr("appliance.registry.SHIPPED", tmp_path / "none")
    monkeypatch.setenv("NEURALSCAN_HOME", str(tmp_path))
    assert main(["doctor", "--save", "--seconds", "0"]) == 5
    assert "no setting to save" in capsys.readouterr().err
    assert not (tmp_path / "tuning.json").exists()


def test_a_bug_report_names_no_folder(monkeypatch, tmp_path, tiny_folder, capsys):
    monkeypatch.setenv("NEURALSCAN_MODELS", str(tiny_folder))
    monkeypatch.setenv("NEURALSCAN_HOME", str(tmp_path / "ada"))
    assert main(["doctor", "--report", "--seconds", "0"]) == 0
    block = capsys.readouterr().out.strip()
    assert block.startswith("```json")
    assert block.endswith("```")
    assert "ada" not in block
    assert json.loads(block[7:-3])["model"]["name"] == "tiny"


def test_a_bug_report_shortens_the_home_folder_in_what_it_quotes(monkeypatch):
    monkeypatch.setenv("HOME", "/home/ada")
    block = doctor.report({"problems": ["no package in /home/ada/models"]})
    assert "no package in ~/models" in block
    assert "ada" not in block
