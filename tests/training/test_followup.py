"""The band is fitted so that it holds, judged on other pairs, and its pairs know their truth."""

import numpy as np

from appliance.followup.band import Limits
from training.followup import SOURCES, fit
from training.followup_heads import pair


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
