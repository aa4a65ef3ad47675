"""Where lesions lie and how large they are: counts over many people, never one."""

from __future__ import annotations

from typing import Any

import numpy as np

from appliance.core.types import LABELS
from training.explore.both import Bench
from training.explore.embedding import PLANES
from training.explore.slices import GRID, Collected

LEAST_PEOPLE = 10
"""A map of fewer groups could show somebody: it is not drawn."""


def heat_maps(collected: Collected, plane: np.ndarray, bench: Bench) -> list[dict[str, Any]]:
    """Share of slices with the lesion at each place of the head's bounding box.

    Parameters
    ----------
    plane : (n,) text
        Plane of each slice, known or inferred; other words are left out of maps by plane.

    Returns
    -------
    list of dict
        ``label, plane, slices, groups, peak, map, outline``; the planes of a class, then all
        together (plane ``all``). ``map`` is None where too few people lie behind it.
    """
    label, groups = collected.column("label"), collected.column("group")
    aside = collected.column("fold") == 0
    has_place = np.array([one.place is not None for one in collected.slices])
    found = []
    for name in LABELS[:3]:
        for where in (*PLANES, "all"):
            rows = has_place & (label == name) & ~aside
            if where != "all":
                rows &= plane == where
            if not rows.any():
                continue
            people = len(set(groups[rows]))
            entry = {
                "label": name,
                "plane": PLANES.get(where, where),
                "slices": int(rows.sum()),
                "groups": people,
                "map": None,
            }
            if people >= LEAST_PEOPLE:
                entry |= _map(collected, np.flatnonzero(rows), f"{name}, {where}", bench)
            found.append(entry)
    return found


def _map(collected: Collected, rows: np.ndarray, step: str, bench: Bench) -> dict[str, Any]:
    places = np.stack([collected.slices[row].place.ravel() for row in rows])
    outline = np.mean([collected.slices[row].outline for row in rows], 0)
    if step.endswith("all"):
        mean = bench.moments(f"lesion map: {step}", places).mean
    else:
        mean = places.mean(0)
    return {
        "peak": round(float(mean.max()), 3),
        "map": np.round(mean.reshape(GRID, GRID), 3).tolist(),
        "outline": np.round(outline, 2).tolist(),
    }


def _quantiles(values: np.ndarray, digits: int = 0) -> dict[str, float]:
    points = np.percentile(values, (5, 25, 50, 75, 95))
    return {
        key: round(float(value), digits)
        for key, value in zip(("p5", "p25", "median", "p75", "p95"), points, strict=True)
    }


def sizes(collected: Collected) -> dict[str, Any]:
    """Sizes of files, heads and lesions by set and class."""
    source, label = collected.column("source"), collected.column("label")
    files, heads, lesions = [], [], []
    for name in dict.fromkeys(source.tolist()):
        rows = np.flatnonzero(source == name)
        shapes = np.array([collected.slices[row].shape for row in rows])
        shown, counts = np.unique(shapes, axis=0, return_counts=True)
        top = counts.argmax()
        head = np.array([collected.slices[row].head for row in rows], float)
        files.append(
            {
                "set": name,
                "slices": len(rows),
                "shapes": len(shown),
                "commonest": "×".join(map(str, shown[top])),
                "share": round(float(counts[top] / len(rows)), 3),
            }
        )
        fill = head.max(1) / shapes.max(1)
        heads.append({"set": name} | _quantiles(fill, 3))
    for name in LABELS[:3]:
        for kept, where in ((source != "other_sources", "folds"), (source == "other_sources", "")):
            rows = np.flatnonzero((label == name) & kept)
            if len(rows):
                px = np.array([collected.slices[row].lesion_px for row in rows])
                share = np.array([collected.slices[row].lesion_share for row in rows])
                lesions.append(
                    {
                        "label": name,
                        "set": where or "other_sources",
                        "slices": len(rows),
                        "px": _quantiles(px),
                        "share_of_head": _quantiles(share, 4),
                    }
                )
    shares = {
        name: [
            round(float(collected.slices[row].lesion_share), 4)
            for row in np.flatnonzero((label == name) & (source != "other_sources"))
        ]
        for name in LABELS[:3]
    }
    return {"files": files, "head_in_file": heads, "lesions": lesions, "lesion_shares": shares}
