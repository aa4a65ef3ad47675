"""Gradient-boosted trees by oneDAL, kept as plain arrays: loading them runs no code.

oneDAL's own model cannot be stored but as a pickle. Its trees can be read out, and daal4py's model
builder, made for the trees of other libraries, puts them together again: bit for bit the same
answers as the model that was trained.

References
----------
Friedman, Greedy function approximation: a gradient boosting machine, Annals of Statistics 2001.
Chen & Guestrin, XGBoost, KDD 2016 (second order, softmax, L2 on the leaves: as oneDAL does it).
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from appliance import onedal  # isort: skip (loads oneDAL in the right order)
from daal4py import (
    engines_mt19937,
    gbt_classification_prediction,
    gbt_classification_training,
    gbt_clf_model_builder,
    getTreeState,
)

from appliance.core.errors import ModelError


@dataclass(frozen=True)
class BoostedTrees:
    """Gradient-boosted classification trees as arrays, answered by oneDAL.

    Nodes of all trees stand one after the other, each tree in pre-order: the left child of a
    split follows it. Trees of one round stand together, one for each class.

    Attributes
    ----------
    features, classes : int
    sizes : (trees,) int32
        Nodes of each tree.
    feature : (nodes,) int16
        What a split looks at; -1 for a leaf.
    value : (nodes,) float32
        A split's threshold (at most it: left), or a leaf's response.
    right : (nodes,) int16
        A split's right child, counted from its tree's root.
    """

    features: int
    classes: int
    sizes: np.ndarray
    feature: np.ndarray
    value: np.ndarray
    right: np.ndarray

    def __post_init__(self) -> None:
        object.__setattr__(self, "_model", self._built())
        object.__setattr__(self, "_lock", threading.Lock())

    def _built(self) -> Any:
        """oneDAL's model. Its builder aborts the process over arrays that are no trees: they are
        checked first, and raise ModelError."""
        trees = list(self._checked())
        rounds = len(trees) // self.classes
        builder = gbt_clf_model_builder(
            n_features=self.features, n_iterations=rounds, n_classes=self.classes
        )
        for number, (feature, value, right) in enumerate(trees):
            # The builder files trees by class, prediction reads them by round: position is all.
            tree = builder.create_tree(n_nodes=len(feature), class_label=number // rounds)
            waiting: list[tuple[int, dict[str, int]]] = [(0, {})]
            while waiting:
                node, place = waiting.pop()
                if feature[node] < 0:
                    builder.add_leaf(tree_id=tree, response=value[node], cover=1.0, **place)
                    continue
                split = builder.add_split(
                    tree_id=tree,
                    feature_index=feature[node],
                    feature_value=value[node],
                    cover=1.0,
                    default_left=False,
                    **place,
                )
                waiting.append((right[node], {"parent_id": split, "position": 1}))
                waiting.append((node + 1, {"parent_id": split, "position": 0}))
        return builder.model(0.0)

    def _checked(self) -> Iterator[tuple[list[int], list[float], list[int]]]:
        """Each tree's feature, value and right child; raises ModelError for what is no tree."""
        lengths = {len(self.feature), len(self.value), len(self.right), int(self.sizes.sum())}
        if len(lengths) != 1 or not len(self.sizes) or (self.sizes < 1).any():
            raise ModelError("the boosted trees' arrays do not fit together")
        if self.classes < 3 or len(self.sizes) % self.classes:
            raise ModelError("expected boosted trees of three classes or more, one each a round")
        if (self.feature >= self.features).any() or not np.isfinite(self.value).all():
            raise ModelError("the boosted trees look at features that are not there")
        start = 0
        for size in self.sizes.tolist():
            part = np.s_[start : start + size]
            feature, right = self.feature[part].tolist(), self.right[part].tolist()
            parts = [(0, size)]  # nodes of subtrees, half-open: they must tile the tree
            while parts:
                first, end = parts.pop()
                if feature[first] < 0:
                    whole = end == first + 1
                else:
                    whole = first + 1 < right[first] < end
                    parts += [(right[first], end), (first + 1, right[first])] if whole else []
                if not whole:
                    raise ModelError("the boosted trees' arrays are no trees")
            yield feature, self.value[part].tolist(), right
            start += size

    def probabilities(self, rows: np.ndarray) -> np.ndarray:
        """Probability of each class.

        Parameters
        ----------
        rows : (n, features) float32

        Returns
        -------
        (n, classes) float32
        """
        points = np.ascontiguousarray(rows, np.float32)
        with self._lock:
            return _ask(self._model, points, self.classes)


def _ask(model: Any, rows: np.ndarray, classes: int) -> np.ndarray:
    prediction = gbt_classification_prediction(
        nClasses=classes, fptype="float", resultsToEvaluate="computeClassProbabilities"
    )
    return prediction.compute(rows, model).probabilities


@onedal.one_thread()
def fit_boosted_trees(
    rows: np.ndarray,
    labels: np.ndarray,
    *,
    rounds: int = 250,
    depth: int = 3,
    rate: float = 0.08,
    penalty: float = 2.0,
    least: int = 10,
    share: float = 0.6,
    looked_at: int = 6,
    seed: int = 777,
) -> BoostedTrees:
    """Boost trees with oneDAL and take them out as arrays.

    Parameters
    ----------
    rows : (n, features) float32
    labels : (n,) int
        Three classes or more, every one from 0 up.
    rate, penalty : float
        Shrinkage of each tree, and L2 on its leaves.
    least, share, looked_at
        Fewest rows in a leaf; share of the rows, and number of features, each tree may look at.

    Raises
    ------
    ModelError
        When the arrays do not answer exactly as the trained model does, or nothing grows.
    """
    rows = np.ascontiguousarray(rows, np.float32)
    classes = int(labels.max()) + 1
    model = (
        gbt_classification_training(
            nClasses=classes,
            maxIterations=rounds,
            maxTreeDepth=depth,
            shrinkage=rate,
            lambda_=penalty,
            minObservationsInLeafNode=least,
            observationsPerTreeFraction=share,
            featuresPerNode=min(looked_at, rows.shape[1]),
            fptype="float",
            engine=engines_mt19937(seed=seed, fptype="float"),
        )
        .compute(rows, np.asarray(labels, np.float32).reshape(-1, 1))
        .model
    )
    trees = [getTreeState(model, i, classes) for i in range(model.NumberOfTrees)]
    if not trees:
        raise ModelError(f"no tree grows from {len(rows)} rows: give more of them")
    nodes = np.concatenate([tree.node_ar for tree in trees])
    leaves = np.concatenate([tree.value_ar[:, 0, 0] for tree in trees])
    leaf = nodes["left_child"] < 0
    found = BoostedTrees(
        rows.shape[1],
        classes,
        np.array([tree.node_count for tree in trees], np.int32),
        np.where(leaf, -1, nodes["feature"]).astype(np.int16),
        np.where(leaf, leaves, nodes["threshold"]).astype(np.float32),
        np.where(leaf, 0, nodes["right_child"]).astype(np.int16),
    )
    if not np.array_equal(found.probabilities(rows), _ask(model, rows, classes)):
        raise ModelError("the trees taken out of oneDAL's model answer differently")
    return found


def accelerated(name: str, **settings: Any) -> Any:
    """An estimator of scikit-learn-intelex by name (``SVC``), to compare candidates with."""
    import sklearnex.ensemble
    import sklearnex.neighbors
    import sklearnex.svm

    homes = (sklearnex.svm, sklearnex.ensemble, sklearnex.linear_model, sklearnex.neighbors)
    (home,) = [module for module in homes if hasattr(module, name)]
    return getattr(home, name)(**settings)
