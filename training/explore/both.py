"""Each analysis twice: by oneDAL, whose answer is used, and by stock scikit-learn beside it.

The times are taken in one process, in turns, after one call each to warm up; the answers are
compared, because a faster wrong answer would be no gain. The only importer of daal4py here.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

import numpy as np

from appliance import onedal  # noqa: F401  isort: skip (oneDAL before OpenVINO)
import daal4py
from sklearn.cluster import DBSCAN as StockDBSCAN
from sklearn.cluster import KMeans as StockKMeans
from sklearn.decomposition import PCA as StockPCA
from sklearn.linear_model import LinearRegression as StockLinearRegression
from sklearn.linear_model import LogisticRegression as StockLogisticRegression
from sklearn.metrics import adjusted_rand_score
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from sklearnex.cluster import DBSCAN, KMeans
from sklearnex.decomposition import PCA
from sklearnex.linear_model import LinearRegression, LogisticRegression

_T = TypeVar("_T")
_TIMES = 3
_CONVERGED = {"max_iter": 5000, "tol": 1e-6}


@dataclass(frozen=True)
class Timing:
    """One step, timed both ways.

    Attributes
    ----------
    agreement : str
        How the two answers compare, in words with the figure.
    """

    step: str
    algorithm: str
    rows: int
    columns: int
    onedal_ms: float
    stock_ms: float
    agreement: str

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {"ratio": round(self.stock_ms / max(self.onedal_ms, 1e-6), 2)}


@dataclass(frozen=True)
class Moments:
    """Low-order moments of columns, each (columns,) float64."""

    minimum: np.ndarray
    maximum: np.ndarray
    mean: np.ndarray
    variance: np.ndarray

    @property
    def deviation(self) -> np.ndarray:
        return np.sqrt(self.variance)


def cores() -> int:
    """Threads oneDAL works with: every core, as stock scikit-learn does."""
    return daal4py.num_threads()


class Bench:
    """Runs steps both ways and keeps their `timings`."""

    def __init__(self) -> None:
        self.timings: list[Timing] = []

    def _run(
        self,
        step: str,
        algorithm: str,
        shape: tuple[int, ...],
        ours: Callable[[], _T],
        stock: Callable[[], Any],
        agreement: Callable[[_T, Any], str],
    ) -> _T:
        answer, other = ours(), stock()
        spent: tuple[list[float], list[float]] = ([], [])
        for _ in range(_TIMES):
            for call, times in zip((ours, stock), spent, strict=True):
                started = time.perf_counter_ns()
                call()
                times.append((time.perf_counter_ns() - started) / 1e6)
        medians = [round(statistics.median(times), 3) for times in spent]
        self.timings.append(
            Timing(step, algorithm, shape[0], shape[1], *medians, agreement(answer, other))
        )
        return answer

    def moments(self, step: str, points: np.ndarray) -> Moments:
        """Minimum, maximum, mean and variance of each column of (n, columns)."""
        points = np.ascontiguousarray(points, np.float64)

        def ours() -> Moments:
            found = daal4py.low_order_moments(fptype="double").compute(points)
            return Moments(
                *(
                    np.ravel(getattr(found, name))
                    for name in ("minimum", "maximum", "mean", "variance")
                )
            )

        def stock() -> Moments:
            scaler, ends = StandardScaler().fit(points), MinMaxScaler().fit(points)
            unbiased = scaler.var_ * len(points) / max(len(points) - 1, 1)
            return Moments(ends.data_min_, ends.data_max_, scaler.mean_, unbiased)

        def agreement(a: Moments, b: Moments) -> str:
            pairs = zip(vars(a).values(), vars(b).values(), strict=True)
            return _largest(*((np.abs(x - y) / (1 + np.abs(y))).max() for x, y in pairs))

        return self._run(step, "low_order_moments", points.shape, ours, stock, agreement)

    def pca(self, step: str, points: np.ndarray, components: int) -> Any:
        """A fitted PCA of (n, features), by the covariance matrix."""
        points = np.ascontiguousarray(points, np.float64)
        settings = {"n_components": components, "svd_solver": "covariance_eigh"}

        def agreement(a: Any, b: Any) -> str:
            # Directions have no sign.
            alike = np.abs((a.components_ * b.components_).sum(1))
            ratio = np.abs(a.explained_variance_ratio_ - b.explained_variance_ratio_).max()
            return f"{_largest(ratio)} (variance shares); directions agree to {1 - alike.min():.0e}"

        return self._run(
            step,
            "pca (covariance)",
            points.shape,
            lambda: PCA(**settings).fit(points),
            lambda: StockPCA(**settings).fit(points),
            agreement,
        )

    def kmeans(self, step: str, points: np.ndarray, start: np.ndarray) -> np.ndarray:
        """Cluster of each row, (n,), from the same starting centres, (clusters, features)."""
        settings = {"n_clusters": len(start), "init": start, "n_init": 1, "max_iter": 300}
        return self._clusters(step, "kmeans (Lloyd)", points, KMeans, StockKMeans, settings)

    def dbscan(self, step: str, points: np.ndarray, reach: float, least: int) -> np.ndarray:
        """Cluster of each row, (n,), -1 for a row alone."""
        settings = {"eps": reach, "min_samples": least, "algorithm": "brute"}
        return self._clusters(step, "dbscan (brute force)", points, DBSCAN, StockDBSCAN, settings)

    def _clusters(
        self, step: str, name: str, points: np.ndarray, ours: Any, stock: Any, settings: dict
    ) -> np.ndarray:
        """Cluster of each row by both, (n,); they agree as far as their partitions do."""
        points = np.ascontiguousarray(points, np.float64)
        fitted = self._run(
            step,
            name,
            points.shape,
            lambda: ours(**settings).fit(points),
            lambda: stock(**settings).fit(points),
            lambda a, b: _rand(a.labels_, b.labels_),
        )
        return np.asarray(fitted.labels_)

    def logistic(self, step: str, points: np.ndarray, labels: np.ndarray, penalty: float) -> Any:
        """A fitted logistic regression; `penalty` is the inverse strength C."""
        points = np.ascontiguousarray(points, np.float64)
        settings = {"C": penalty, **_CONVERGED}

        def agreement(a: Any, b: Any) -> str:
            gap = np.abs(a.predict_proba(points) - b.predict_proba(points)).max()
            return f"{_largest(gap)} (probabilities)"

        return self._run(
            step,
            "logistic_regression (L-BFGS)",
            points.shape,
            lambda: LogisticRegression(**settings).fit(points, labels),
            lambda: StockLogisticRegression(**settings).fit(points, labels),
            agreement,
        )

    def line(self, step: str, x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
        """Slope and intercept of a least-squares line."""
        points = np.ascontiguousarray(x, np.float64)[:, None]
        fitted = self._run(
            step,
            "linear_regression (normal equations)",
            points.shape,
            lambda: LinearRegression().fit(points, y),
            lambda: StockLinearRegression().fit(points, y),
            lambda a, b: _largest(
                np.abs(a.coef_ - b.coef_).max(), abs(a.intercept_ - b.intercept_)
            ),
        )
        return float(fitted.coef_[0]), float(fitted.intercept_)


def fit_logistic(points: np.ndarray, labels: np.ndarray, penalty: float) -> Any:
    """A logistic regression by oneDAL alone, for the folds of a cross-validation."""
    points = np.ascontiguousarray(points, np.float64)
    return LogisticRegression(C=penalty, **_CONVERGED).fit(points, labels)


def agreement_of_clusters(a: np.ndarray, b: np.ndarray) -> float:
    """Adjusted Rand index: 1 the same partition, 0 chance."""
    return float(adjusted_rand_score(a, b))


def _largest(*gaps: float) -> str:
    return f"largest difference {max(float(gap) for gap in gaps):.1e}"


def _rand(a: np.ndarray, b: np.ndarray) -> str:
    return f"adjusted Rand index {adjusted_rand_score(a, b):.4f}"
