"""What the machine is said to have is what the kernel says."""

from __future__ import annotations

from pathlib import Path

from appliance import machine

CPUINFO = """processor\t: 0
model name\t: Example CPU @ 2.00GHz
flags\t\t: fpu avx2 avx512f avx512_vnni amx_int8

processor\t: 1
model name\t: Example CPU @ 2.00GHz
flags\t\t: fpu
"""


def test_cpu_reads_name_and_instruction_sets(tmp_path):
    (tmp_path / "cpuinfo").write_text(CPUINFO)
    found = machine.cpu(tmp_path / "cpuinfo")
    assert found["name"] == "Example CPU @ 2.00GHz"
    has = {name for name, present in found["isa"].items() if present}
    assert has == {"AVX2", "AVX512", "AVX512-VNNI", "AMX-INT8"}


def test_cpu_without_the_file_is_unknown_not_absent(tmp_path):
    assert machine.cpu(tmp_path / "nothing")["isa"] is None


def test_usable_cores_respects_a_quota(tmp_path):
    free = machine.usable_cores(tmp_path)
    assert free >= 1
    (tmp_path / "cpu.max").write_text("50000 100000\n")
    assert machine.usable_cores(tmp_path) == 0.5
    (tmp_path / "cpu.max").write_text("max 100000\n")
    assert machine.usable_cores(tmp_path) == free


def test_usable_cores_respects_an_older_quota(tmp_path):
    (tmp_path / "cpu").mkdir()
    (tmp_path / "cpu/cpu.cfs_quota_us").write_text("25000\n")
    (tmp_path / "cpu/cpu.cfs_period_us").write_text("100000\n")
    assert machine.usable_cores(tmp_path) == 0.25


def test_memory_respects_a_limit(tmp_path):
    (tmp_path / "memory.max").write_text(str(1 << 30))
    found = machine.memory(tmp_path)
    assert found["total_gib"] == 1.0
    assert found["available_gib"] <= 1.0


def test_free_disk_of_a_folder_that_is_not_there_yet(tmp_path):
    assert machine.free_disk(tmp_path / "a/b")["free_gib"] >= 0


def test_versions_say_what_is_absent():
    found = machine.versions(("numpy", "no-such-distribution"))
    assert found["numpy"]
    assert found["no-such-distribution"] is None


def test_an_accelerator_without_a_driver_has_a_remedy(tmp_path, monkeypatch):
    (tmp_path / "dri").mkdir()
    (tmp_path / "dri/renderD128").touch()
    (tmp_path / "dri/card0").touch()
    monkeypatch.setattr("ctypes.util.find_library", lambda name: None)
    (row,) = machine.accelerators(tmp_path)
    assert row["kind"] == "GPU"
    assert row["usable"]
    assert "compute runtime" in row["remedy"]
    monkeypatch.setattr("ctypes.util.find_library", lambda name: f"lib{name}.so")
    assert machine.accelerators(tmp_path)[0]["remedy"] is None


def test_an_accelerator_that_may_not_be_opened_says_so(tmp_path, monkeypatch):
    (tmp_path / "accel").mkdir()
    (tmp_path / "accel/accel0").touch()
    monkeypatch.setattr("os.access", lambda file, mode: False)
    (row,) = machine.accelerators(tmp_path)
    assert row["kind"] == "NPU"
    assert "group" in row["remedy"]


def test_the_model_cache_is_counted(tmp_path):
    assert machine.model_cache(tmp_path / "none")["entries"] == 0
    (tmp_path / "a").mkdir()
    (tmp_path / "a/x.blob").write_bytes(bytes(1 << 20))
    found = machine.model_cache(tmp_path)
    assert (found["entries"], found["mib"]) == (1, 1.0)


def test_onedal_and_openvino_share_one_tbb():
    import appliance.runtime  # noqa: F401

    assert machine.import_order()["good"] is True


def test_a_library_is_named_without_its_folder():
    inside = Path("/home/ada/.venv/lib/python3.11/site-packages/openvino/libs/libtbb.so.12")
    assert machine._short(inside) == "openvino/libs/libtbb.so.12"
    assert machine._short(Path("/home/ada/lib/libtbb.so.12")) == "libtbb.so.12"
