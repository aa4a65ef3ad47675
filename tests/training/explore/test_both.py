"""oneDAL and scikit-learn give one answer, and both are timed."""

import numpy as np
import pytest

from training.explore.both import Bench, agreement_of_clusters


@pytest.fixture
def points():
    rng = np.random.default_rng(0)
    centres = rng.normal(0, 8, (3, 5))
    return np.concatenate([centre + rng.normal(0, 1, (40, 5)) for centre in centres])


def test_moments_are_those_of_numpy(points):
    bench = Bench()
    found = bench.moments("m", points)
    np.testing.assert_allclose(found.mean, points.mean(0))
    np.testing.assert_allclose(found.deviation, points.std(0, ddof=1))
    np.testing.assert_array_equal(found.minimum, points.min(0))
    assert _gap(bench) < 1e-9


def test_components_are_orthogonal_and_explain_everything_together(points):
    bench = Bench()
    fitted = bench.pca("p", points, 5)
    np.testing.assert_allclose(fitted.components_ @ fitted.components_.T, np.eye(5), atol=1e-9)
    assert sum(fitted.explained_variance_ratio_) == pytest.approx(1.0)
    assert _gap(bench) < 1e-9


def test_clusters_are_found_by_both_methods(points):
    truth = np.repeat([0, 1, 2], 40)
    bench = Bench()
    assert agreement_of_clusters(bench.kmeans("k", points, points[[0, 40, 80]]), truth) == 1.0
    assert agreement_of_clusters(bench.dbscan("d", points, 3.0, 3), truth) > 0.95
    assert all("index 1.0000" in timing.agreement for timing in bench.timings)


def test_regressions(points):
    bench = Bench()
    model = bench.logistic("l", points, np.repeat([0, 1, 2], 40), 1.0)
    assert (model.predict(points) == np.repeat([0, 1, 2], 40)).mean() > 0.98
    x = np.linspace(0, 3, 30)
    assert bench.line("line", x, 2 * x + 1) == pytest.approx((2.0, 1.0))
    assert _gap(bench) < 1e-3


def test_every_step_is_timed_both_ways(points):
    bench = Bench()
    bench.moments("spread", points)
    row = bench.timings[0].to_json()
    assert (row["step"], row["algorithm"], row["rows"]) == ("spread", "low_order_moments", 120)
    assert row["onedal_ms"] > 0
    assert row["stock_ms"] > 0
    assert row["ratio"] == pytest.approx(row["stock_ms"] / row["onedal_ms"], rel=0.02, abs=0.01)


def _gap(bench: Bench) -> float:
    return max(float(t.agreement.split("difference ")[1].split()[0]) for t in bench.timings)
