"""The network's view of the slices: principal components, clusters, look-alikes, planes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np

from appliance.core.intervals import Bootstrap, weighted_mean
from training.explore.both import Bench, agreement_of_clusters
from training.explore.slices import Collected
from training.explore.source import Scaled, figure, out_of_fold

COMPONENTS = 32
CLUSTERS = (4, 8, 16)
PLANES = {"ax": "axial", "co": "coronal", "sa": "sagittal"}
_PENALTY = 0.1
_OUTLINE = 12
_SURE = 0.9
_NEAR_SHARE = 0.01
_CHUNK = 512


def components(collected: Collected, bench: Bench) -> tuple[np.ndarray, dict[str, Any]]:
    """Scores of the first principal components, (n, components), and what they explain."""
    moments = bench.moments("spread of the embedding", collected.embeddings)
    scaled = (collected.embeddings - moments.mean) / np.maximum(moments.deviation, 1e-6)
    count = min(COMPONENTS, *scaled.shape)
    fitted = bench.pca("principal components", scaled, count)
    scores = np.asarray(fitted.transform(scaled))
    shares = np.asarray(fitted.explained_variance_ratio_)
    return scores, {
        "features": scaled.shape[1],
        "components": count,
        "explained": [round(float(share), 4) for share in shares],
        "points": np.round(scores[:, :2], 2).tolist(),
    }


def _shares(labels: np.ndarray, names: np.ndarray) -> dict[str, int]:
    return dict(sorted(Counter(names[labels].tolist()).items()))


def clusters(collected: Collected, scores: np.ndarray, bench: Bench) -> dict[str, Any]:
    """k-means by number of clusters: what the clusters agree with, and the members of one."""
    generator = np.random.default_rng(0)
    order = generator.permutation(len(scores))
    label, source = collected.column("label"), collected.column("source")
    plane = collected.column("plane")
    known = plane != ""
    rows, members = [], []
    for count in (count for count in CLUSTERS if count < len(scores)):
        found = bench.kmeans(f"k-means, {count} clusters", scores, scores[order[:count]].copy())
        rows.append(
            {
                "clusters": count,
                "agreement_with_class": round(agreement_of_clusters(found, label), 3),
                "agreement_with_set": round(agreement_of_clusters(found, source), 3),
                "agreement_with_plane": round(agreement_of_clusters(found[known], plane[known]), 3)
                if known.any()
                else None,
            }
        )
        if count == 8 or not members:
            members = [
                {
                    "cluster": int(number) + 1,
                    "slices": int((found == number).sum()),
                    "labels": _shares(found == number, label),
                    "planes": _shares((found == number) & known, plane),
                }
                for number in np.unique(found)
            ]
    return {"by_count": rows, "members": members}


def _nearest_stranger(points: np.ndarray, folds: np.ndarray) -> np.ndarray:
    """Distance to the nearest slice of another fold, (n,): by design another person."""
    squares = (points**2).sum(1)
    found = np.zeros(len(points))
    for start in range(0, len(points), _CHUNK):
        part = slice(start, start + _CHUNK)
        gaps = squares[part, None] + squares[None] - 2.0 * points[part] @ points.T
        gaps[folds[part, None] == folds[None]] = np.inf
        found[part] = np.sqrt(np.maximum(gaps.min(1), 0.0))
    return found


def look_alikes(collected: Collected, scores: np.ndarray, bench: Bench) -> dict[str, Any]:
    """DBSCAN of whitened components: slices closer than strangers nearly ever are."""
    white = scores / np.maximum(scores.std(0), 1e-9)
    folds, groups = collected.column("fold"), collected.column("group")
    strangers = _nearest_stranger(white, folds)
    strangers = strangers[np.isfinite(strangers)]
    if not len(strangers):
        return {"reach": None, "clusters": 0}
    reach = round(float(np.quantile(strangers, _NEAR_SHARE)), 3)  # no pair lies exactly there
    found = bench.dbscan("look-alikes", white, reach, 2)
    inside = [np.flatnonzero(found == number) for number in np.unique(found[found >= 0])]
    spans = [{str(groups[row]) for row in rows} for rows in inside]
    across = [rows for rows in inside if len(set(folds[rows])) > 1]
    names = [collected.cases[row].image.name for row in range(len(groups))]
    return {
        "reach": reach,
        "quantile_of_strangers": _NEAR_SHARE,
        "slices_in_clusters": int((found >= 0).sum()),
        "clusters": len(inside),
        "within_one_group": sum(len(span) == 1 for span in spans),
        "across_groups": sum(len(span) > 1 for span in spans),
        "across_folds": len(across),
        "largest": max((len(rows) for rows in inside), default=0),
        "examples_across_folds": [
            sorted(f"{collected.cases[row].source}/{names[row]}" for row in rows)[:6]
            for rows in sorted(across, key=len)[:10]
        ],
    }


def _plane_features(collected: Collected) -> np.ndarray:
    """The embedding, the head's outline on a coarse grid and its proportions."""
    outlines = [
        cv2.resize(one.outline, (_OUTLINE, _OUTLINE), interpolation=cv2.INTER_AREA).ravel()
        for one in collected.slices
    ]
    heads = np.log([one.head for one in collected.slices])
    return np.column_stack([collected.embeddings, outlines, heads[:, 0] - heads[:, 1]])


def planes(collected: Collected, bench: Bench) -> dict[str, Any] | None:
    """Planes of slices whose list does not say them, inferred and labelled as such.

    A logistic regression on the embedding and the outline of the head is fitted on the slices of
    the folds whose planes are known, those without tumour; its accuracy is measured by fold there
    and on the other sources, which it has not seen.

    Returns
    -------
    dict or None
        None where fewer than two planes, or folds, are known.
    """
    known, folds = collected.column("plane"), collected.column("fold")
    names = np.array(sorted(set(known) & set(PLANES)))
    fit = np.isin(known, names) & (folds > 0)
    if len(set(known[fit])) < 2 or len(set(folds[fit])) < 2:
        return None
    names = np.array(sorted(set(known[fit])))
    labels = np.searchsorted(names, known[fit])
    groups = collected.column("group")
    points = _plane_features(collected)
    held_out = out_of_fold(points[fit], labels, folds[fit], _PENALTY).argmax(1)
    scale = Scaled(points[fit])
    model = bench.logistic("plane of a slice", scale(points[fit]), labels, _PENALTY)
    probability = np.asarray(model.predict_proba(scale(points)))
    guess, sure = names[probability.argmax(1)], probability.max(1) >= _SURE
    aside = np.isin(known, names) & (folds == 0)
    unknown = known == ""
    return {
        "accuracy": _accuracy(held_out == labels, groups[fit]),
        "accuracy_other_sources": _accuracy(guess[aside] == known[aside], groups[aside]),
        "accuracy_other_sources_when_sure": _accuracy(
            (guess == known)[aside & sure], groups[aside & sure]
        ),
        "sure_other_sources": round(float(sure[aside].mean()), 4) if aside.any() else None,
        "sure_from": _SURE,
        "sure": round(float(sure[unknown].mean()), 4) if unknown.any() else None,
        "one_plane_in_a_run": _one_plane(guess[unknown], groups[unknown]),
        "inferred": np.where(unknown & sure, guess, np.where(unknown, "unsure", known)).tolist(),
    }


def _accuracy(hit: np.ndarray, groups: Sequence[str]) -> dict[str, Any] | None:
    return figure(Bootstrap(list(groups)), weighted_mean(hit)) if len(hit) else None


def _one_plane(guess: np.ndarray, groups: np.ndarray) -> float | None:
    """Share of slices whose inferred plane is that of most of their run; runs of one left out."""
    same, total = 0, 0
    for group in np.unique(groups):
        counts = Counter(guess[groups == group].tolist())
        if sum(counts.values()) > 1:
            same += max(counts.values())
            total += sum(counts.values())
    return round(same / total, 4) if total else None
