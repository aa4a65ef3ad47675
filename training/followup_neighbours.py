"""Neighbouring slices of one person as two visits: what experts drew says how much truly changed.

They share their grid, so that nothing has to be registered, and differ as two visits do: the same
head, another section. Only slices that the network was not fitted on are used.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from pathlib import Path

import numpy as np

from appliance import ingest
from training.followup_heads import Pair

HELD_OUT = "4"
_LEAST_PX = 300


def pairs(root: Path, count: int, seed: int) -> list[tuple[str, str]]:
    """Names of neighbouring slices of the held-out fold, spread over runs.

    Parameters
    ----------
    root : Path
        Data root with ``figshare/labels.csv``.
    """
    with (root / "figshare" / "labels.csv").open(encoding="utf-8") as stream:
        rows = [row for row in csv.DictReader(stream) if row["fold"] == HELD_OUT]
    runs = defaultdict(list)
    for row in rows:
        if int(row["tumor_px"]) >= _LEAST_PX:
            runs[row["run"]].append(row)
    found = []
    for run in runs.values():
        ordered = sorted(run, key=lambda row: int(row["id"]))
        found += [
            (one["id"], other["id"])
            for one, other in zip(ordered, ordered[1:], strict=False)
            if int(other["id"]) == int(one["id"]) + 1
        ]
    order = np.random.default_rng(seed).permutation(len(found))
    return [found[k] for k in order[:count]]


def pair(root: Path, names: tuple[str, str]) -> Pair:
    """Two neighbouring slices and the change between the experts' areas."""
    with (root / "figshare" / "labels.csv").open(encoding="utf-8") as stream:
        rows = {row["id"]: row for row in csv.DictReader(stream) if row["id"] in names}
    chosen = [rows[name] for name in names]
    series = [ingest.read_path(root / "figshare" / row["image"]).series[0] for row in chosen]
    before, now = (float(row["tumor_px"]) for row in chosen)
    return Pair(*series, float(np.log(now / before)), chosen[0]["label"])
