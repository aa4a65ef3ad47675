"""The band is fitted so that it holds, judged on other pairs, and its pairs know their truth."""

import numpy as np

from appliance.followup.band import Limits
from training.followup import SOURCES, fit, resumed
from training.followup_heads import pair
from training.followup_repeats import counted, stored


def rows(count: int, scatter: float, seed: int = 0):
    """Pairs whose measured change misses the true one by a known scatter."""
    rng = np.random.default_rng(seed)
    found = []
    for source in SOURCES:
        for number in range(count):
            truth = float(rng.normal(0, 0.3)) if number % 2 else 0.0
            found.append(
                {
                    "source": source, "number": number, "package": "any", "truth": truth,
                    "parts": {
                        "change": truth + float(rng.normal(0, scatter)), "repeatability": 0.03,
                        "registration": 0.0, "coarseness": 0.05,
                    },
                }
            )  # fmt: skip
    return found


def test_a_larger_scatter_gives_a_wider_band_that_holds_on_other_pairs():
    widths = []
    for scatter in (0.02, 0.06):
        document = fit(rows(600, scatter))
        limits = Limits.from_json(document)
        assert limits.package == "any"
        judged = document["measured"]["stack"]["judged"]
        assert judged["truth_in_band"] >= 0.92
        assert judged["unchanged_called_changed"] <= 0.07
        widths.append(judged["median_band_percent"])
    assert widths[1] > 1.5 * widths[0]


def test_pairs_without_a_comparison_are_counted_and_not_fitted():
    given = rows(40, 0.02)
    given[0]["parts"] = None
    measured = fit(given)["measured"][given[0]["source"]]
    assert (measured["pairs"], measured["without_a_comparison"]) == (40, 1)


def test_a_generated_pair_knows_its_change():
    made = pair("picture", 1, 5)
    assert 0.0 < abs(made.change) < 0.7
    assert made.prior.volume.affine is None
    assert made.prior.volume.array.dtype == np.uint8
    assert pair("picture", 2, 5).change == 0.0


def test_repeats_are_counted_against_the_truth_with_their_intervals():
    parts = {"change": 0.5, "repeatability": 0.05, "registration": 0.0, "coarseness": 0.05}

    def row(truth, verdict, number, measured=0.5):
        own = None if verdict in ("not_comparable", "new") else {**parts, "change": measured}
        return {
            "source": "stack", "number": number, "seed": 3, "package": "any", "truth": truth,
            "verdict": verdict, "registration": "good", "parts": own,
        }  # fmt: skip

    rows = [
        row(0.0, "within_error", 0, 0.01), row(0.0, "new", 1), row(0.0, "larger", 2),
        row(0.5, "larger", 3), row(-0.5, "larger", 4), row(0.1, "not_comparable", 5),
    ]  # fmt: skip
    found = counted(rows)["sources"]["stack"]
    assert found["unchanged"]["called_changed"]["count"] == 2
    assert found["unchanged"]["truth_in_band"]["count"] == 1
    assert found["unchanged"]["nothing_outlined_in_both"] == 1
    assert found["changed"]["not_comparable"] == 1
    assert found["changed"]["called_the_wrong_way"]["count"] == 1
    assert found["changed_by_a_quarter"]["called_so"]["share"] == 0.5
    assert found["registration"] == {"good": 6}


def test_a_stored_series_comes_back_as_the_command_reads_it(tmp_path):
    made = pair("picture", 0, 5)
    again = stored(made.prior, tmp_path)
    assert np.array_equal(again.volume.array, made.prior.volume.array)
    assert again.volume.affine is None


def test_rows_of_an_interrupted_call_are_not_made_again(tmp_path):
    made = []

    def row(source, number):
        made.append((source, number))
        return {"source": source, "number": number, "seed": 1, "call": len(made)}

    kept = tmp_path / "rows.jsonl"
    first = resumed(kept, [("stack", 0), ("stack", 1)], 1, row)
    again = resumed(kept, [("stack", 1), ("picture", 0)], 1, row)
    assert made == [("stack", 0), ("stack", 1), ("picture", 0)]
    assert again[0] == first[1]
    assert len(resumed(kept, [("stack", 0)], 2, row)) == 1
    assert made[-1] == ("stack", 0)
