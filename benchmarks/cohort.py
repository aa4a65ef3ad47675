"""What the estimators are measured on: the cohort's own features, as the package carries them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from appliance.package import Package

_FILE = "ood.npz"
_SHAPE = (2486, 24)
_QUERIES, _CENTRES, _ANEW = 512, 8, 0.1


@dataclass(frozen=True)
class Cohort:
    """Features in a file.

    Attributes
    ----------
    path : Path
        ``bank`` (n, features) float32, ``labels`` (n,) int, ``queries`` (m, features) float32,
        ``centres`` (k, features) float32 to start clustering from.
    what : str
        For the row.
    n : int
    """

    path: Path
    what: str
    n: int


def cohort(package: Package, cache: Path) -> Cohort:
    """Whitened embeddings of the training slices, which the package keeps to tell outliers by.

    It keeps no labels with them. Those here are the signs of the first two components, one in ten
    drawn anew, so that a classifier has something to learn and cannot learn everything. A package
    without the estimator gets normal numbers of the same shape, and ``what`` says so.
    """
    rng = np.random.default_rng(0)
    source = package.path / _FILE
    if source.is_file():
        with np.load(source, allow_pickle=False) as archive:
            bank = archive["bank"].astype(np.float32)
        what = f"{len(bank)} embeddings of training slices, {bank.shape[1]} components"
    else:
        bank = rng.standard_normal(_SHAPE).astype(np.float32)
        what = f"{len(bank)} generated rows (the package has no estimator)"
    labels = (bank[:, 0] > 0).astype(np.int64) * 2 + (bank[:, 1] > 0)
    anew = rng.random(len(bank)) < _ANEW
    labels[anew] = rng.integers(0, 4, int(anew.sum()))
    chosen = rng.integers(0, len(bank), _QUERIES)
    noise = rng.standard_normal((_QUERIES, bank.shape[1])) * bank.std(0) * 0.2
    queries = (bank[chosen] + noise).astype(np.float32)
    centres = bank[rng.choice(len(bank), min(_CENTRES, len(bank)), replace=False)]
    key = hashlib.sha256(bank.tobytes()).hexdigest()[:16]
    path = cache / f"cohort-{key}.npz"
    if not path.is_file():
        cache.mkdir(parents=True, exist_ok=True)
        draft = path.with_suffix(".part.npz")
        np.savez(draft, bank=bank, labels=labels, queries=queries, centres=centres)
        draft.replace(path)
    return Cohort(path, what, len(bank))
