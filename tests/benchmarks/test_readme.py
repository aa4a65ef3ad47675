"""The README's headline figures come from the committed run and the shipped package."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from appliance.core.errors import BadRequest
from appliance.registry import find_package
from benchmarks import readme
from benchmarks.__main__ import main
from benchmarks.results import Run, load_run

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "benchmarks" / "results"
COMMITTED = sorted(RESULTS.glob("*/results.json"))


@pytest.fixture(scope="module")
def package():
    return find_package()


@pytest.fixture(scope="module")
def run() -> Run:
    (path,) = COMMITTED
    return load_run(path)


def test_a_run_of_the_shipped_package_is_committed_with_its_report(run, package):
    assert run.about["model"].startswith(f"{package.name} {package.version} ")
    folder = COMMITTED[0].parent
    assert (folder / "summary.md").read_text(encoding="utf-8").startswith("## Benchmarks")
    report = (folder / "report.html").read_text(encoding="utf-8")
    assert "<script src" not in report
    assert 'src="http' not in report


def test_the_readme_says_what_was_measured(run, package):
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert readme.into(text, readme.block(run, package)) == text, (
        "run: python -m benchmarks report benchmarks/results/NAME --into README.md"
    )


def test_the_readme_says_what_a_model_without_anatomy_reaches(run, package):
    found = package.manifest.to_json()["metrics"]["evaluation"]["source_baseline"]
    text = readme.block(run, package)
    assert f"without anatomy tells the two apart on {found['file_accuracy']['value']:.1%}" in text
    others = package.manifest.to_json()["metrics"]["other_sources"]
    assert f"| {others['types']['value']:.3f} / {others['set_coverage']['value']:.3f} /" in text


def test_figures_follow_the_run(run, package, tmp_path):
    slower = [
        replace(row, p50_ms=2 * row.p50_ms) if row.target == "report" and row.p50_ms else row
        for row in run.rows
    ]
    before, after = (readme.block(one, package) for one in (run, replace(run, rows=tuple(slower))))
    changed = [(a, b) for a, b in zip(before.split("\n"), after.split("\n"), strict=True) if a != b]
    assert len(changed) == 1
    assert "PNG" in changed[0][0]


def test_the_verb_renews_what_stands_between_the_markers(run, tmp_path):
    page = tmp_path / "page.md"
    page.write_text(f"above\n{readme.BEGIN}\nstale text\n{readme.END}\nbelow\n", encoding="utf-8")
    assert main(["report", str(COMMITTED[0]), "--into", str(page)]) == 0
    text = page.read_text(encoding="utf-8")
    assert text.startswith("above\n")
    assert text.endswith("below\n")
    assert "stale text" not in text
    assert "× INT8" in text


def test_another_package_s_run_is_not_quoted(run, package):
    other = replace(run, about={**run.about, "model": "another 0.1.0 abc"})
    with pytest.raises(BadRequest, match="another"):
        readme.block(other, package)


@pytest.mark.parametrize("text", ["no markers", readme.BEGIN, readme.END])
def test_a_file_without_markers_is_left_alone(text, run, package, tmp_path):
    page = tmp_path / "page.md"
    page.write_text(text, encoding="utf-8")
    with pytest.raises(BadRequest, match="markers"):
        readme.write(run, package, page)
    assert page.read_text(encoding="utf-8") == text
