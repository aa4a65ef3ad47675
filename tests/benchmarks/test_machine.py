"""What the machine did between two runs is taken out of single rows, what a row did is not."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace

import pytest

from benchmarks import compare, results
from benchmarks.__main__ import main
from benchmarks.machine import between
from benchmarks.statistics import Ratio
from tests.benchmarks.test_together import whole_run


def verdicts(before, after, taken_out=True):
    machine = between(before, after) if taken_out else None
    return Counter(pair.ratio.verdict for pair in compare.pairs(before, after, machine))


@pytest.mark.parametrize("machine", [0.75, 1.3])
def test_a_machine_of_another_speed_changes_no_row(machine):
    before, after = whole_run(11), whole_run(12, machine=machine)
    assert verdicts(before, after) == {"no difference": 16}
    assert verdicts(before, after, taken_out=False)["no difference"] < 16


def test_what_one_of_the_other_runtimes_does_alone_is_seen():
    before, after = whole_run(13), whole_run(14, machine=1.1)
    slow = [
        replace(row, blocks=slower(row.blocks, 1.5)) if row.runtime == "litert" else row
        for row in after.rows
    ]
    after = replace(after, rows=tuple(slow))
    found = compare.pairs(before, after, between(before, after))
    named = {pair.row.runtime for pair in found if pair.ratio.verdict == "slower"}
    assert named == {"litert"}


def slower(blocks, factor):
    told = json.loads(json.dumps(blocks))
    for block in told:
        for key, value in block.items():
            if key == "wall_s":
                block[key] = value * factor
            elif isinstance(value, list):
                block[key] = [v * factor for v in value]
            elif isinstance(value, dict):
                block[key] = {k: v * factor for k, v in value.items()}
    return told


def test_where_nothing_is_known_the_row_is_as_measured():
    before, after = whole_run(15), whole_run(16, machine=1.3)
    other = replace(after, about={**after.about, "model": "m 2"})
    machine = between(before, other)
    for pair in compare.pairs(before, other, machine):
        assert pair.ratio == pair.measured
    assert Ratio(1.2, 1.1, 1.3).beside(None) == Ratio(1.2, 1.1, 1.3)


def test_runs_of_two_machines_are_compared_as_they_are(tmp_path, capsys):
    """Forced, the machine is what is compared: nothing is taken out."""
    before, after = whole_run(17), whole_run(18, machine=1.4)
    rows = [replace(row, host={**row.host, "cores": 4}) for row in after.rows]
    for name, run in (("a", before), ("b", replace(after, rows=tuple(rows)))):
        results.save(run, tmp_path / f"{name}.json")
    paths = [str(tmp_path / f"{name}.json") for name in "ab"]
    assert main(["compare", *paths, "--force", "--format", "json"]) == 4
    found = json.loads(capsys.readouterr().out)
    assert found["together"] == []
    for row in found["rows"]:
        assert row["ratio"] == row["measured"]
