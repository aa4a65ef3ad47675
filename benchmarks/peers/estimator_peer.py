"""One estimator of scikit-learn, scikit-learn-intelex or daal4py: ``fit`` and ``predict``.

The estimators are those the appliance and its training use. All three get the same float32 rows,
the same settings and, for k-means, the same first centres; `results` says what they answer.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from benchmarks.peers.peer import Way

_PACKAGES = {
    "scikit-learn": ("scikit-learn", "numpy"),
    "sklearnex": ("scikit-learn-intelex", "scikit-learn", "numpy"),
    "daal4py": ("scikit-learn-intelex", "numpy"),
}
_NEAREST, _COMPONENTS, _ROUNDS = 5, 8, 50
Results = dict[str, np.ndarray]


def _components(data: Mapping[str, np.ndarray]) -> int:
    return min(_COMPONENTS, *data["bank"].shape)


class _Fitted(ABC):
    """Three functions: fit, predict with what was fitted, and results to compare."""

    def __init__(self, data: Mapping[str, np.ndarray]) -> None:
        self.data = data
        self.model: Any = None

    @abstractmethod
    def fit(self) -> None:
        """Learn from `data`, and keep what was learnt in `model`."""

    @abstractmethod
    def predict(self) -> Any:
        """Ask `model` about the queries."""

    @abstractmethod
    def results(self) -> Results:
        """``values`` float, ``labels`` int: the same for whoever is right."""


class _Scikit(_Fitted):
    """An estimator with scikit-learn's interface, from ``sklearn`` or ``sklearnex``."""

    def __init__(self, data: Mapping[str, np.ndarray], root: str, algorithm: str) -> None:
        super().__init__(data)
        components = _components(data)
        module, name, settings, call = {
            "neighbours": ("neighbors", "NearestNeighbors",
                           {"algorithm": "brute", "n_neighbors": _NEAREST}, "kneighbors"),
            "pca": ("decomposition", "PCA",
                    {"n_components": components, "svd_solver": "covariance_eigh"}, "transform"),
            "k-means": ("cluster", "KMeans",
                        {"n_clusters": len(data["centres"]), "init": data["centres"], "n_init": 1,
                         "max_iter": _ROUNDS, "tol": 0.0, "algorithm": "lloyd"}, "predict"),
            "logistic": ("linear_model", "LogisticRegression",
                         {"C": 0.1, "max_iter": 1000, "tol": 1e-6}, "predict_proba"),
            "svm": ("svm", "SVC", {"C": 1.0, "kernel": "rbf"}, "predict"),
        }[algorithm]  # fmt: skip
        self._algorithm, self._call = algorithm, call
        estimator = getattr(importlib.import_module(f"{root}.{module}"), name)
        self._make: Callable[[], Any] = lambda: estimator(**settings)

    def fit(self) -> None:
        self.model = self._make().fit(self.data["bank"], self.data["labels"])

    def predict(self) -> Any:
        return getattr(self.model, self._call)(self.data["queries"])

    def results(self) -> Results:
        self.fit()
        found = self.predict()
        if self._algorithm == "neighbours":
            return {"values": found[0], "labels": found[1]}
        if self._algorithm == "pca":
            return {"values": np.abs(found)}
        if self._algorithm == "k-means":
            return {"values": self.model.cluster_centers_, "labels": found}
        if self._algorithm == "logistic":
            return {"values": found, "labels": found.argmax(1)}
        return {"labels": found}


class _Daal(_Fitted):
    """The same through daal4py's own calls, as `appliance.neighbours` makes them: brute force."""

    def __init__(self, data: Mapping[str, np.ndarray], algorithm: str) -> None:
        super().__init__(data)
        import daal4py

        self._daal, self._algorithm = daal4py, algorithm
        self._none = np.zeros((len(data["bank"]), 1), np.float32)
        if algorithm not in ("neighbours", "pca", "k-means"):
            raise RuntimeError(f"daal4py is not measured for {algorithm}: the appliance calls it"
                               " through sklearnex there")  # fmt: skip

    def fit(self) -> None:
        daal, bank = self._daal, self.data["bank"]
        if self._algorithm == "neighbours":
            training = daal.bf_knn_classification_training(nClasses=2, fptype="float")
            self.model = training.compute(bank, self._none).model
        elif self._algorithm == "pca":
            found = daal.covariance(fptype="float").compute(bank)
            vectors = np.linalg.eigh(found.covariance)[1][:, ::-1][:, : _components(self.data)]
            self.model = found.mean, np.ascontiguousarray(vectors)
        else:
            steps = daal.kmeans(
                nClusters=len(self.data["centres"]), maxIterations=_ROUNDS, fptype="float",
                accuracyThreshold=0.0,
            )  # fmt: skip
            self.model = steps.compute(bank, self.data["centres"]).centroids

    def predict(self) -> Any:
        daal, queries = self._daal, self.data["queries"]
        if self._algorithm == "neighbours":
            prediction = daal.bf_knn_classification_prediction(
                nClasses=2, k=_NEAREST, fptype="float", resultsToEvaluate="none",
                resultsToCompute="computeDistances|computeIndicesOfNeighbors",
            )  # fmt: skip
            found = prediction.compute(queries, self.model)
            return found.distances, found.indices
        if self._algorithm == "pca":
            mean, vectors = self.model
            return (queries - mean) @ vectors
        assigning = daal.kmeans(
            nClusters=len(self.data["centres"]), maxIterations=0, fptype="float",
            assignFlag=True,
        )  # fmt: skip
        return assigning.compute(queries, self.model).assignments.ravel()

    def results(self) -> Results:
        self.fit()
        found = self.predict()
        if self._algorithm == "neighbours":
            return {"values": found[0], "labels": found[1]}
        if self._algorithm == "pca":
            return {"values": np.abs(found)}
        return {"values": self.model, "labels": found}


class EstimatorPeer:
    """``ways`` by scenario; `results` for whether all libraries answer the same."""

    device, size_mb = "CPU", 0.0

    def __init__(self, config: Mapping[str, Any]) -> None:
        logging.getLogger("sklearnex").setLevel(logging.WARNING)
        library, algorithm = config["library"], config["algorithm"]
        with np.load(config["cohort"], allow_pickle=False) as archive:
            data = {name: archive[name] for name in archive.files}
        if library == "daal4py":
            self._fitted: _Fitted = _Daal(data, algorithm)
        else:
            root = "sklearnex" if library == "sklearnex" else "sklearn"
            self._fitted = _Scikit(data, root, algorithm)
        self.versions = {name: importlib.metadata.version(name) for name in _PACKAGES[library]}
        self._rows = len(data["bank"]), len(data["queries"])
        self._fitted.fit()

    def ways(self) -> dict[str, Way]:
        fitted, (bank, queries) = self._fitted, self._rows
        return {
            "fit": Way(lambda _: fitted.fit(), 1, bank, f"{bank} rows"),
            "predict": Way(lambda _: fitted.predict(), 1, queries, f"{queries} rows"),
        }

    def latency(self) -> Way:
        return self.ways()["predict"]

    throughput = latency

    def results(self) -> Results:
        return self._fitted.results()

    def close(self) -> None:
        """Nothing is kept."""


def open_peer(config: Mapping[str, Any]) -> EstimatorPeer:
    """``library``, ``algorithm``, ``cohort`` (path)."""
    return EstimatorPeer(config)
