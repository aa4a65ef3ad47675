"""The command line: verbs, exit codes, what goes to stdout, and that nothing is overwritten."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import click
import cv2
import nibabel
import numpy as np
import pytest

from appliance import batch, exits, phantom, pipeline
from appliance.cli import cli, main
from appliance.core.types import REPORT_SCHEMA
from appliance.settings import Settings
from tests.fakes import Reader, write_picture


def _commands(group: click.Group = cli, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    found = []
    for name, command in group.commands.items():
        found.append((*path, name))
        if isinstance(command, click.Group):
            found += _commands(command, (*path, name))
    return found


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith("NEURALSCAN_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))


@pytest.fixture
def reader(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline, "Analyzer", Reader)


def _lines(text: str) -> list[dict]:
    return [json.loads(line) for line in text.splitlines()]


@pytest.mark.parametrize("command", [(), *_commands()], ids=" ".join)
def test_every_verb_has_help_with_an_example(command, capsys):
    assert main([*command, "--help"]) == 0
    text = capsys.readouterr().out
    assert "Examples:" in text
    assert "neuralscan " + " ".join(command[:1]) in text


def test_help_loads_no_library_of_weight():
    code = (
        "import sys; from appliance.cli import main; main(['--help']); "
        "print(sorted({'cv2', 'openvino', 'numpy', 'flask', 'sklearnex'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    "arguments",
    [
        ["frobnicate"],
        ["analyze"],
        ["phantom"],
        ["analyze", "--formats", "docx", "."],
        ["doctor", "x"],
    ],
)
def test_wrong_usage_is_2(arguments, capsys):
    assert main(arguments) == exits.USAGE
    captured = capsys.readouterr()
    assert not captured.out
    assert "Error" in captured.err


def test_a_path_that_does_not_exist_is_2(reader, tmp_path, capsys):
    good = write_picture(tmp_path / "a.png")
    assert main(["analyze", str(good), str(tmp_path / "nope.png"), "--json"]) == exits.USAGE
    assert not capsys.readouterr().out


def test_json_is_one_line_for_each_input_in_order(reader, tmp_path, capsys):
    write_picture(tmp_path / "b.png")
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n truncated")
    write_picture(tmp_path / "c.png", 60)
    paths = [str(tmp_path / name) for name in ("b.png", "a.png", "c.png")]
    assert main(["analyze", *paths, "--json", "--out", str(tmp_path / "out")]) == exits.REFUSED
    captured = capsys.readouterr()
    found = _lines(captured.out)
    assert [d["input"]["name"] for d in found] == ["b.png", "a.png", "c.png"]
    assert [d["verdict"] for d in found] == ["tumor", "refused", "tumor"]
    assert found[1]["refusal"]["code"] == "unreadable"
    assert found[1]["mask"] is None
    assert "%" not in captured.err, "a bar where stderr is no terminal"


def test_masks_are_absolute_on_the_input_grid_and_never_overwritten(reader, tmp_path, capsys):
    path = str(write_picture(tmp_path / "slice 1.png"))
    arguments = ["analyze", path, path, "--json", "--formats", "", "--out", str(tmp_path / "out")]
    assert main(arguments) == 0
    assert main(arguments) == 0
    masks = [Path(d["mask"]) for d in _lines(capsys.readouterr().out)]
    assert len(set(masks)) == 4
    for mask in masks:
        assert mask.is_absolute()
        assert sorted(p.name for p in mask.parent.iterdir()) == ["mask.png"]
        pixels = cv2.imread(str(mask), cv2.IMREAD_UNCHANGED)
        assert pixels.shape == (40, 60)
        assert set(np.unique(pixels)) == {0, 255}


@pytest.mark.parametrize("verb", ["analyze", "phantom"])
def test_a_folder_below_a_file_is_2(verb, reader, tmp_path, capsys):
    source = write_picture(tmp_path / "a.png")
    out = str(source / "below")
    arguments = ["analyze", str(source), "--out", out] if verb == "analyze" else ["phantom", out]
    assert main(arguments) == exits.USAGE
    assert "cannot be written" in capsys.readouterr().err


def test_without_out_a_fresh_folder_is_used(reader, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    path = str(write_picture(tmp_path / "a.png"))
    assert main(["analyze", path, "--json"]) == 0
    assert main(["analyze", path, "--json"]) == 0
    first, second = (Path(d["mask"]) for d in _lines(capsys.readouterr().out))
    assert first.parents[1] != second.parents[1]


def test_summary_for_a_person(reader, tmp_path, capsys):
    write_picture(tmp_path / "a.png")
    assert main(["analyze", str(tmp_path / "a.png"), "--out", str(tmp_path / "out")]) == 0
    text = capsys.readouterr().out
    assert text.startswith("a.png: tumor; glioma 90%, 12 ms")
    assert "lesion 1: rows 13-26, columns 20-40" in text
    assert "mask: " in text


def test_a_nifti_mask_keeps_the_affine(reader, tmp_path, capsys):
    affine = np.array([[0, 2, 0, 5], [-1.5, 0, 0.1, 6], [0, 0.2, 3, 7], [0, 0, 0, 1]], float)
    rng = np.random.default_rng(0)
    volume = rng.normal(100, 20, (20, 24, 9)).astype(np.float32)
    nibabel.save(nibabel.Nifti1Image(volume, affine), tmp_path / "scan.nii.gz")
    arguments = ["analyze", str(tmp_path / "scan.nii.gz"), "--json", "--out", str(tmp_path / "o")]
    assert main(arguments) == 0
    mask = nibabel.load(_lines(capsys.readouterr().out)[0]["mask"])
    assert mask.shape == volume.shape
    np.testing.assert_allclose(mask.affine, affine, atol=1e-6)


def test_formats_are_written_beside_the_mask(tiny, tmp_path, capsys):
    path = str(write_picture(tmp_path / "a.png"))
    out = ["--out", str(tmp_path / "o"), "--json"]
    assert main(["analyze", path, *out, "--formats", "json,html,png,nifti"]) == 0
    document = _lines(capsys.readouterr().out)[0]
    folder = Path(document["mask"]).parent
    names = {p.name for p in folder.iterdir()}
    assert {"mask.png", "mask.nii.gz", "report.json", "report.html", "overlay.png"} <= names
    assert json.loads((folder / "report.json").read_text(encoding="utf-8")) == document


def test_a_missing_device_is_5_with_the_remedy(reader, tmp_path, capsys):
    path = str(write_picture(tmp_path / "a.png"))
    assert main(["analyze", path, "--device", "NPU"]) == exits.MISSING
    assert "--device CPU" in capsys.readouterr().err


def test_an_internal_fault_is_1_in_one_line(reader, tmp_path, capsys, monkeypatch):
    def fail(*_: object) -> None:
        raise ZeroDivisionError("two\nlines")

    monkeypatch.setattr(batch, "expand", fail)
    path = str(write_picture(tmp_path / "a.png"))
    assert main(["analyze", path]) == exits.FAULT
    fault, hint = capsys.readouterr().err.splitlines()[-2:]
    assert fault == "internal fault: ZeroDivisionError: two lines"
    assert "--debug" in hint
    assert main(["--debug", "analyze", path]) == exits.FAULT
    assert "Traceback" in capsys.readouterr().err


@pytest.fixture
def tiny(tiny_folder: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of the package that the command line finds first."""
    monkeypatch.setenv("NEURALSCAN_MODELS", str(tiny_folder))
    return "tiny"


def test_analyze_from_phantom_to_report(tiny, tmp_path, capsys):
    assert main(["phantom", str(tmp_path / "p"), "--seed", "1"]) == 0
    path = capsys.readouterr().out.splitlines()[0]
    code = main(["analyze", path, "--json", "--device", "CPU", "--out", str(tmp_path / "o")])
    (document,) = _lines(capsys.readouterr().out)
    assert code == (exits.REFUSED if document["verdict"] == "refused" else exits.DONE)
    assert document["schema"] == REPORT_SCHEMA
    assert document["model"]["name"] == "tiny"
    assert document["timings_ms"]["decode"] > 0
    assert (document["mask"] is None) == (document["verdict"] in ("no_tumor", "refused"))


def test_models_lists_and_shows(tiny, capsys):
    assert main(["models"]) == 0
    assert capsys.readouterr().out.startswith("tiny  0.0.1")
    assert main(["models", "list", "--json"]) == 0
    assert _lines(capsys.readouterr().out)[0]["name"] == "tiny"
    assert main(["models", "show", "tiny"]) == 0
    assert json.loads(capsys.readouterr().out)["name"] == "tiny"
    assert main(["models", "show", "nobody"]) == exits.MISSING
    assert "tiny" in capsys.readouterr().err


def test_models_check_replays_the_probe(tiny, capsys):
    assert main(["models", "check", "--device", "CPU", "--json"]) == 0
    outcome = _lines(capsys.readouterr().out)[0]
    assert (outcome["name"], outcome["passed"]) == ("tiny", True)
    assert main(["models", "check", "--device", "CPU"]) == 0
    assert capsys.readouterr().out.startswith("tiny  0.0.1  passed")


def test_models_check_finds_a_changed_file(tiny_folder, tmp_path, monkeypatch, capsys):
    shutil.copytree(tiny_folder, tmp_path / "models")
    path = tmp_path / "models/tiny/model.bin"
    path.write_bytes(path.read_bytes() + b"\0")
    monkeypatch.setenv("NEURALSCAN_MODELS", str(tmp_path / "models"))
    assert main(["models", "check", "--json"]) == exits.GATE
    outcome = _lines(capsys.readouterr().out)[0]
    assert outcome["error"]["code"] == "checksum_mismatch"
    assert main(["analyze", str(write_picture(tmp_path / "a.png"))]) == exits.MISSING


@pytest.mark.parametrize("kind", phantom.FORMATS)
def test_phantom_prints_the_files_it_wrote(kind, tmp_path, capsys):
    arguments = ["phantom", str(tmp_path / "p"), "--format", kind, "--lesion", "none"]
    assert main([*arguments, "--seed", "1"]) == 0
    files = [Path(line) for line in capsys.readouterr().out.splitlines()]
    assert files
    assert all(path.is_file() for path in files)


def test_phantom_offers_what_can_be_generated():
    options = {p.name: p.type for p in cli.commands["phantom"].params}
    assert tuple(options["kind"].choices) == tuple(phantom.FORMATS)
    assert set(options["lesion"].choices) == set(phantom.LESIONS) | {"none"}


def test_serve_hands_its_flags_on(tmp_path, monkeypatch, capsys):
    seen = []

    def serve(
        settings: Settings,
        announce: Callable[[str], None],
        progress: Callable[[float], None],
    ) -> None:
        seen.append(settings)
        progress(0.5)
        announce("ready")

    monkeypatch.setattr("appliance.serve.serve", serve)
    monkeypatch.setenv("NEURALSCAN_PORT", "9000")
    monkeypatch.setenv("NEURALSCAN_QUEUE", "3")
    assert main(["serve", "--port", "0", "--data", str(tmp_path / "d"), "--demo"]) == 0
    assert capsys.readouterr().out == "ready\n"
    (settings,) = seen
    assert (settings.port, settings.queue, settings.demo) == (0, 3, True)
    assert settings.data == tmp_path / "d"
    assert settings.host == "127.0.0.1"


def test_a_setting_that_makes_no_sense_is_2(monkeypatch, capsys):
    monkeypatch.setenv("NEURALSCAN_PORT", "many")
    assert main(["serve"]) == exits.USAGE
    assert "NEURALSCAN_PORT" in capsys.readouterr().err
