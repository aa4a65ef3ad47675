"""What a person reads: summaries, and bars only where they belong."""

from __future__ import annotations

import contextlib
import io
import json
import os
import pty
import subprocess
import sys

import pytest

from appliance import console


def test_summary_of_a_volume_names_millilitres():
    document = {
        "input": {"name": "s.nii.gz", "shape": [20, 64, 64]},
        "verdict": "uncertain",
        "reasons": ["The mask shows a lesion the classifier does not."],
        "classification": {
            "label": "no_tumor",
            "probabilities": {"no_tumor": 0.6},
            "prediction_set": ["glioma", "no_tumor"],
            "coverage": 0.95,
        },
        "lesions": [
            {
                "id": 1,
                "box": [3, 1, 2, 6, 11, 12],
                "score": 0.5,
                "area_px": 99,
                "volume_ml": 1.234,
                "diameters_mm": [10.0, 8.0],
            }
        ],
        "quality": {"warnings": ["uneven spacing"]},
        "timings_ms": {"total": 99.6},
        "mask": "/m/mask.nii.gz",
    }
    text = console.summary(document)
    assert "s.nii.gz: uncertain; no_tumor 60%, 20 slices, 100 ms" in text
    assert "slices 3-5, rows 1-10, columns 2-11; 99 px, 1.23 ml, 10.0 x 8.0 mm" in text
    assert "possible at 95% coverage: glioma, no_tumor" in text
    assert "warning: uneven spacing" in text


@pytest.mark.parametrize("seconds", [0.1, 2.9])
def test_a_bar_appears_on_a_terminal_after_two_seconds_only(seconds):
    code = (
        "import time\nfrom appliance.console import Bar\n"
        "with Bar('work') as bar:\n"
        "    for i in range(10):\n"
        f"        time.sleep({seconds} / 10)\n"
        "        bar.to((i + 1) / 10)\n"
        "        bar.print(str(i))\n"
    )
    ours, theirs = pty.openpty()
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=theirs, text=True, check=True)
    os.close(theirs)
    with contextlib.suppress(OSError):
        shown = b""
        while part := os.read(ours, 4096):
            shown += part
    os.close(ours)
    assert done.stdout.split() == [str(i) for i in range(10)]
    assert (b"work" in shown) == (seconds > 2)


def test_a_name_cannot_move_the_cursor():
    document = {"input": {"name": "a\x1b[2J\nb.png"}, "verdict": "refused"}
    document["refusal"] = {"code": "empty", "message": "the file is empty"}
    assert console.summary(document) == r"a\x1b[2J\nb.png: refused (empty): the file is empty"


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_a_line_of_json_fits_stdout(encoding, monkeypatch):
    stream = io.TextIOWrapper(io.BytesIO(), encoding)
    monkeypatch.setattr(sys, "stdout", stream)
    document = {"name": "\u75c5", "mask": "/out\udcff/mask.png"}
    line = console.as_line(document)
    stream.write(line)
    assert json.loads(line) == document


def test_without_stderr_there_is_no_bar(monkeypatch):
    monkeypatch.setattr(sys, "stderr", None)
    with console.Bar("work") as bar, console.working("more"):
        bar.to(1.0)
