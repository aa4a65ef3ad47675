"""Rows are the contract's and survive a file; other files are refused."""

from __future__ import annotations

import json

import pytest

from appliance.core.errors import BadRequest
from benchmarks import results
from tests.benchmarks.test_compare import row, run

CONTRACT = """
    target runtime precision device hint scenario batch n warm_up p50_ms p90_ms p95_ms p99_ms
    throughput_per_s cold_start_ms rss_mb size_mb accuracy dice label_flips host versions commit utc
"""


def test_a_row_has_the_keys_of_the_contract():
    document = row().to_json()
    assert set(CONTRACT.split()) <= set(document)
    assert document["schema"] == "neuralscan/benchmark/1"
    assert "reason" not in document
    json.dumps(document)


def test_rows_and_runs_survive_a_file(tmp_path):
    rows = (row(), row(status="not measured", reason="no GPU", blocks=[]))
    results.save(list(rows), tmp_path / "rows.json")
    results.save(run(*rows), tmp_path / results.RESULTS)
    assert results.load(tmp_path / "rows.json") == list(rows)
    assert results.load_run(tmp_path) == run(*rows)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["results.json", "rows.json"]


def test_rows_of_older_files_are_read(tmp_path):
    document = {k: v for k, v in row().to_json().items() if k in CONTRACT.split()}
    document |= {"schema": results.ROW_SCHEMA, "status": "measured"}
    (tmp_path / "old.json").write_text(json.dumps([document]))
    (old,) = results.load(tmp_path / "old.json")
    assert old.pieces == []


def test_a_row_that_was_not_measured_says_why():
    with pytest.raises(ValueError):
        row(status="not measured")
    with pytest.raises(ValueError):
        row(status="estimated")


@pytest.mark.parametrize(
    "content", ["no json", "{}", '[{"schema": "other/1"}]', "[1]", '{"schema": "x", "rows": []}']
)
def test_other_files_are_refused(tmp_path, content):
    (tmp_path / "rows.json").write_text(content)
    with pytest.raises(BadRequest):
        results.load(tmp_path / "rows.json")
