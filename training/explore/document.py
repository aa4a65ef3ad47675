"""Everything ``explore`` finds, as one document; the pages are made of it and of nothing else."""

from __future__ import annotations

import os
import platform
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from appliance.core.types import LABELS
from appliance.registry import Package
from training.explore import embedding, intensity, places, readers, source
from training.explore.both import Bench, cores
from training.explore.slices import Collected, collect, second_masks

SCHEMA = "neuralscan/exploration/1"


def explore(root: Path, package: Package) -> dict[str, Any]:
    """The document of a data root, seen with the network of a package.

    Raises
    ------
    NotFound, InputError
        When the root has no case lists, or a picture is unreadable.
    ModelError, Unavailable
        When the package cannot be used.
    """
    from appliance.runtime import Network, versions
    from training.data import SECOND_READER
    from training.prepare import labelled

    cases = labelled(root)
    package.verify()
    manifest = package.manifest
    network = Network(package.network(), manifest.outputs, device="CPU", hint="THROUGHPUT")
    collected = collect(cases, manifest.preprocessing, network.infer_many)
    bench = Bench()
    load = round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None
    found = analyse(collected, bench)
    masks = second_masks(cases, root / SECOND_READER)
    found["readers"] = readers.agreement(cases, masks, bench)
    return {
        "schema": SCHEMA,
        "package": {
            "name": package.name,
            "version": package.version,
            "sha256": package.sha256,
            "precision": "INT8",
            "trained_on_folds": manifest.to_json()
            .get("provenance", {})
            .get("trained_on_folds", []),
            "embedding": int(collected.embeddings.shape[1]),
            "size": manifest.preprocessing.size,
        },
        "host": {
            "cpu": _cpu(),
            "cores": cores(),
            "load_average": load,
            "versions": versions(),
        },
        **found,
        "timings": [timing.to_json() for timing in bench.timings],
    }


def analyse(collected: Collected, bench: Bench) -> dict[str, Any]:
    """The analyses of slices and embeddings, in the order of the report."""
    scores, explained = embedding.components(collected, bench)
    planes = embedding.planes(collected, bench)
    inferred = collected.column("plane") if planes is None else np.array(planes.pop("inferred"))
    return {
        "classes": classes(collected),
        "planes": {
            "by_set": plane_table(collected, inferred),
            "inference": planes,
        },
        "sizes": places.sizes(collected),
        "intensities": intensity.intensities(collected, bench),
        "source_baseline": source.baseline(collected, bench),
        "embedding": {
            "components": explained,
            "clusters": embedding.clusters(collected, scores, bench),
            "look_alikes": embedding.look_alikes(collected, scores, bench),
            "labels": [LABELS.index(label) for label in collected.column("label")],
            "sets": collected.column("source").tolist(),
        },
        "places": places.heat_maps(collected, inferred, bench),
    }


def classes(collected: Collected) -> list[dict[str, Any]]:
    """Slices and groups by set, class and fold."""
    table: dict[tuple[str, str], Counter] = {}
    groups: dict[tuple[str, str], set[str]] = {}
    for case in collected.cases:
        key = (case.source, case.label)
        table.setdefault(key, Counter())[str(case.fold)] += 1
        groups.setdefault(key, set()).add(case.group)
    return [
        {
            "set": key[0],
            "label": key[1],
            "slices": sum(counts.values()),
            "groups": len(groups[key]),
            "folds": dict(sorted(counts.items())),
        }
        for key, counts in sorted(table.items())
    ]


def plane_table(collected: Collected, inferred: np.ndarray) -> list[dict[str, Any]]:
    """Slices by set, class and plane; ``inferred`` where the case list does not say it."""
    given = collected.column("plane")
    rows: dict[tuple[str, str, bool], Counter] = {}
    for case, known, plane in zip(collected.cases, given, inferred, strict=True):
        key = (case.source, case.label, not known)
        rows.setdefault(key, Counter())[str(plane) or "unknown"] += 1
    return [
        {"set": key[0], "label": key[1], "inferred": key[2], "planes": dict(sorted(counts.items()))}
        for key, counts in sorted(rows.items())
    ]


def _cpu() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
