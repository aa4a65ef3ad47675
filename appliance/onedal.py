"""oneDAL at run time: out-of-distribution scores.

Only this module, `appliance.neighbours` and `appliance.boosting` import scikit-learn-intelex.

It has to be imported before OpenVINO: scikit-learn-intelex 2026.2 fails with an undefined TBB
symbol the other way round. `appliance.runtime` therefore imports this module first, and a
subprocess test holds the order.

Its number of threads is left alone: both libraries share one TBB, and ``daalinit(1)`` also took
OpenVINO's second thread away (a slice took 6.7 ms instead of 3.8 on two cores).

Estimators are stored as plain arrays (`.npz`, no pickles): loading one runs no code.

References
----------
Hendrycks et al., Deep anomaly detection with outlier exposure, ICLR 2019. Sun et al.,
Out-of-distribution detection with deep nearest neighbors, ICML 2022.
"""

from __future__ import annotations

import io
import logging
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace

import numpy as np
import sklearnex  # noqa: F401  (loads oneDAL's libraries in the right order)
from daal4py import (
    covariance,
    daalinit,
    num_threads,
)
from sklearnex.linear_model import LogisticRegression

from appliance.core.errors import ModelError
from appliance.neighbours import Neighbours

logging.getLogger("sklearnex").setLevel(logging.WARNING)  # it reports every single fit


@contextmanager
def one_thread() -> Iterator[None]:
    """oneDAL on one thread, so that a fit comes out the same every time; not while serving.

    The limit holds for the process and for everything that shares its TBB.
    """
    before = num_threads()
    daalinit(1)
    try:
        yield
    finally:
        daalinit(before)


def _product(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """A matrix product without BLAS, whose threads spin on afterwards and slow the network down.

    One small product for each slice cost OpenVINO's streams half of their cores.
    """
    return np.einsum("ij,jk->ik", one, other)


@dataclass(frozen=True)
class OutlierDetector:
    """How unlike the training slices an embedding is; 1.0 is the accepted limit.

    Two questions are asked and the worse answer counts: how far are the nearest training slices
    in a whitened embedding, and does the slice lean towards another contrast (CT, T2, negative,
    nuclear) rather than towards another scanner of the same contrast?

    Attributes
    ----------
    mean : (features,) float32
    whitening : (features, components) float32
        Projection after which the training covariance is the identity.
    bank : (n, components) float32
        Training slices.
    neighbours : int
        The distance is the mean to this many nearest slices.
    distance_limit : float
        Distance that scores 1.0.
    direction : (features,) float32
        Towards other contrasts, logistic regression.
    contrast_centre, contrast_limit : float
        Leanings that score 0.0 and 1.0.
    """

    mean: np.ndarray
    whitening: np.ndarray
    bank: np.ndarray
    neighbours: int
    distance_limit: float
    direction: np.ndarray
    contrast_centre: float
    contrast_limit: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "_bank", Neighbours(self.bank, "tree"))

    def distances(self, embeddings: np.ndarray) -> np.ndarray:
        """Mean distance to the nearest training slices.

        Parameters
        ----------
        embeddings : (n, features) float32

        Returns
        -------
        (n,) float32
        """
        points = _product(np.asarray(embeddings, np.float32) - self.mean, self.whitening)
        return self._bank.nearest(points, self.neighbours)[0].mean(1)

    def leanings(self, embeddings: np.ndarray) -> np.ndarray:
        """Log-odds of another contrast, up to a constant, (n,) float32."""
        points = np.asarray(embeddings, np.float32) - self.mean
        return _product(points, self.direction[:, None])[:, 0]

    def scores(self, embeddings: np.ndarray) -> np.ndarray:
        """The worse of both answers, (n,): 0 is typical, above 1.0 is refused."""
        reach = self.contrast_limit - self.contrast_centre
        contrast = (self.leanings(embeddings) - self.contrast_centre) / reach
        distance = self.distances(embeddings) / self.distance_limit
        return np.maximum(np.maximum(contrast, distance), 0.0)

    def to_bytes(self) -> bytes:
        """An ``.npz`` archive."""
        stream = io.BytesIO()
        arrays = {f.name: np.asarray(getattr(self, f.name)) for f in fields(self)}
        arrays["bank"] = arrays["bank"].astype(np.float16)
        np.savez_compressed(stream, **arrays)
        return stream.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes) -> OutlierDetector:
        """Read an archive; no pickles are allowed.

        Raises
        ------
        ModelError
            When arrays are missing or of the wrong shape.
        """
        try:
            with np.load(io.BytesIO(data), allow_pickle=False) as archive:
                arrays = {f.name: archive[f.name] for f in fields(cls)}
            for name in ("mean", "whitening", "bank", "direction"):
                arrays[name] = arrays[name].astype(np.float32)
            for name in ("distance_limit", "contrast_centre", "contrast_limit"):
                arrays[name] = float(arrays[name])
            return cls(**{**arrays, "neighbours": int(arrays["neighbours"])})
        except (KeyError, ValueError, OSError, EOFError, TypeError, zipfile.BadZipFile) as error:
            raise ModelError(f"the out-of-distribution estimator is unreadable: {error}") from error


@one_thread()
def fit_outlier_detector(
    known: np.ndarray,
    foreign: np.ndarray,
    *,
    features: slice,
    bank: int,
    components: int = 24,
    neighbours: int = 5,
    ridge: float = 0.02,
    penalty: float = 0.01,
) -> OutlierDetector:
    """Fit both parts with oneDAL: covariance, k nearest neighbours, logistic regression.

    The limits are not set: `with_limits` sets them, on distances and leanings whose origin the
    caller chooses and states.

    Parameters
    ----------
    known : (n, features) float32
        Training slices, as they are and as another scanner would show them.
    foreign : (m, features) float32
        Imitations of other contrasts.
    features : slice
        Part of the embedding that is looked at: middle depths tell contrasts apart and depend
        less on the scanner than the first ones and less on the tumour than the last.
    bank : int
        The first so many of `known` are kept as neighbours.
    penalty : float
        Inverse strength of the logistic regression's penalty.
    """
    width = known.shape[1]
    points = np.ascontiguousarray(known[:, features], np.float64)
    fitted = covariance(fptype="double").compute(points)
    values, vectors = np.linalg.eigh(fitted.covariance)
    order = np.argsort(values)[::-1][:components]
    whitening = np.zeros((width, len(order)), np.float32)
    whitening[features] = vectors[:, order] / np.sqrt(values[order] + ridge * values[order].mean())
    mean = np.zeros(width, np.float32)
    mean[features] = fitted.mean.ravel()
    direction = contrast_direction(known, foreign, features=features, penalty=penalty)
    kept = ((known[:bank].astype(np.float32) - mean) @ whitening).astype(np.float16)
    return OutlierDetector(
        mean, whitening, kept.astype(np.float32), neighbours, 1.0, direction, 0.0, 1.0
    )


@one_thread()
def contrast_direction(
    known: np.ndarray, foreign: np.ndarray, *, features: slice, penalty: float = 0.01
) -> np.ndarray:
    """Direction from known slices to other contrasts in the embedding, (features,) float32.

    Logistic regression by oneDAL; parameters as for `fit_outlier_detector`.
    """
    both = np.concatenate([known[:, features], foreign[:, features]]).astype(np.float64)
    centre, spread = both.mean(0), both.std(0) + 1e-6
    label = np.concatenate([np.zeros(len(known)), np.ones(len(foreign))])
    regression = LogisticRegression(C=penalty, max_iter=1000).fit((both - centre) / spread, label)
    direction = np.zeros(known.shape[1], np.float32)
    direction[features] = regression.coef_[0] / spread
    return direction


def with_limits(
    detector: OutlierDetector,
    distances: np.ndarray,
    leanings: np.ndarray,
    kinds: np.ndarray,
    *,
    far_share: float = 0.002,
    far_margin: float = 1.5,
    contrast_share: float = 0.020,
) -> OutlierDetector:
    """The detector with limits at percentiles of the given distances and leanings.

    Parameters
    ----------
    distances : (k,) float32
        Distances of slices that should pass.
    leanings : (k,) float32
        Their leanings.
    kinds : (k,) int
        Kind of each slice; no kind may be refused more than its share, so that the rarer source
        does not pay for the other.
    far_share, contrast_share : float
        Shares that may exceed the limit of each part: of all slices, and of the kind that leans
        furthest.
    far_margin : float
        The distance limit is widened by this factor: the slices come from the scanners of the
        bank, and another scanner alone is no reason to refuse.
    """
    return replace(
        detector,
        distance_limit=far_margin * float(np.quantile(distances, 1.0 - far_share)),
        contrast_centre=float(np.median(leanings)),
        contrast_limit=max(
            float(np.quantile(leanings[kinds == kind], 1.0 - contrast_share))
            for kind in np.unique(kinds)
        ),
    )
