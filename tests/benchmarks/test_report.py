"""Every rendering shows figures and reasons; the page needs no network and no data it has not."""

from __future__ import annotations

import json
import re

import pytest

from benchmarks import report
from benchmarks.__main__ import main
from benchmarks.compare import pairs
from benchmarks.results import Run, save
from tests.benchmarks.test_compare import row, run

STAGES = {"decode": 1.0, "infer": 3.0, "wait": 0.5}
ROWS = (
    row(accuracy=0.95, dice=0.8, label_flips=1, scored={"data": "48 slices", "n": 48}),
    row(2.0, precision="FP32", accuracy=0.96, dice=0.81, scored={"data": "48 slices", "n": 48}),
    row(scenario="offline"),
    row(target="report", stages_ms=STAGES),
    row(status="not measured", reason="no <GPU>", device="GPU", blocks=[]),
)


@pytest.mark.parametrize("form", report.FORMATS)
def test_figures_and_reasons(form):
    text = report.render(run(*ROWS), form)
    assert "GPU" in text
    assert "Example" in text
    if form == "html":
        assert "no &lt;GPU&gt;" in text
    if form == "json":
        assert len(json.loads(text)) == len(ROWS)


def test_the_page_is_self_contained_and_has_no_empty_plot():
    page = report.render(run(*ROWS), "html")
    assert not re.search(r'(?:src|href)="(?!#|data:)', page)
    assert "url(http" not in page
    assert page.count("<svg") == 5
    for heading in ("Headline", "Accuracy against latency", "Stages", "Not measured", "Conditions"):
        assert heading in page


def test_the_page_of_old_rows_has_tables_and_draws_nothing_it_cannot():
    old = row(blocks=[], accuracy=None, dice=None)
    page = report.render(Run((old,)), "html")
    assert "openvino INT8" in page
    assert "<svg" not in page


def test_the_summary_says_how_much_longer_the_others_take():
    text = report.summary(run(*ROWS))
    assert re.search(r"\| openvino FP32 \|.*\| (1\.9\d|2\.0\d) \|", text)
    assert "not an MLPerf result" in text
    assert "no <GPU>" in text


def test_what_makes_figures_doubtful_is_said():
    drifting = {"percent_per_minute": 4.0, "percent": 12.0, "p": 0.001}
    text = report.summary(run(row(others_cores=1.5, drift=drifting)))
    assert "do not quote" in text
    assert "+12.0 %" in text


def test_a_comparison_is_drawn():
    found = pairs(run(ROWS[0]), run(row(1.2, seed=5)))
    page = report.render_comparison(found, [], ["a note"], "html", 1.05)
    assert page.count("<svg") == 1
    assert "slower" in page
    assert "a note" in page


def test_report_verb(tmp_path, capsys):
    save(run(*ROWS), tmp_path / "results.json")
    assert main(["report", str(tmp_path), "--format", "html", "--out", str(tmp_path / "r")]) == 0
    assert (tmp_path / "r").read_text().startswith("<!doctype html>")
    assert main(["report", str(tmp_path)]) == 0
    assert "| infer | openvino | INT8 |" in capsys.readouterr().out
    assert main(["report", str(tmp_path / "nothing.json")]) == 2


@pytest.mark.parametrize("verb", ["run", "compare", "report"])
def test_help_has_an_example(verb, capsys):
    with pytest.raises(SystemExit) as stop:
        main([verb, "--help"])
    assert stop.value.code == 0
    assert f"example: python -m benchmarks {verb}" in capsys.readouterr().out


@pytest.mark.parametrize(
    "bad", [["--n", "0"], ["--targets", "moon"], ["--precision", ""], ["--preset", "long"]]
)
def test_wrong_usage(bad, capsys):
    with pytest.raises(SystemExit) as stop:
        main(["run", *bad])
    assert stop.value.code == 2
    capsys.readouterr()
