"""The nearest rows of a bank, by oneDAL.

One oneDAL prediction object used by two threads at once crashes the process, and it keeps the
shape of its first answer: each is made anew, under a lock.
"""

from __future__ import annotations

import threading

import numpy as np
import sklearnex  # noqa: F401  (loads oneDAL's libraries in the right order)
from daal4py import (
    bf_knn_classification_prediction,
    bf_knn_classification_training,
    kdtree_knn_classification_prediction,
    kdtree_knn_classification_training,
)

_KNN = {
    "brute": (bf_knn_classification_training, bf_knn_classification_prediction),
    "tree": (kdtree_knn_classification_training, kdtree_knn_classification_prediction),
}


class Neighbours:
    """The nearest rows of a bank; safe to call from several threads.

    Parameters
    ----------
    bank : (n, features) float32
    way : str
        ``brute``: every row is looked at, by all cores. ``tree``: a k-d tree, for few features; a
        single point is answered by the calling thread. The other way wakes oneDAL's threads for
        it, which then wait a millisecond for more, on cores that the network needs.

    Examples
    --------
    >>> distances, rows = Neighbours(np.array([[0.0], [3.0], [4.0]])).nearest([[3.2]], 2)
    >>> rows.tolist(), [round(float(d), 1) for d in distances[0]]
    ([[1, 2]], [0.2, 0.8])
    """

    def __init__(self, bank: np.ndarray, way: str = "brute") -> None:
        labels = np.zeros((len(bank), 1), np.float32)
        fit, self._predict = _KNN[way]
        training = fit(nClasses=2, fptype="float")
        self._model = training.compute(np.ascontiguousarray(bank, np.float32), labels).model
        self._lock = threading.Lock()

    def nearest(self, points: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Distances and row numbers of the nearest rows, each (points, count), nearest first.

        Parameters
        ----------
        points : (points, features) float32
        count : int
            At most as many as the bank has rows.
        """
        with self._lock:
            prediction = self._predict(
                nClasses=2,
                k=count,
                fptype="float",
                resultsToEvaluate="none",
                resultsToCompute="computeDistances|computeIndicesOfNeighbors",
            )
            found = prediction.compute(np.ascontiguousarray(points, np.float32), self._model)
        order = np.argsort(found.distances, axis=1, kind="stable")  # a tree's come in its order
        rows = found.indices.astype(np.int64)
        return np.take_along_axis(found.distances, order, 1), np.take_along_axis(rows, order, 1)
