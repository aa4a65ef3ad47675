"""Write the package: IR, reference, estimator, card, checksums, probe; whole or not at all."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from appliance.core.preprocess import Preprocessing, prepare
from appliance.core.probe import probe_picture
from appliance.core.verdict import Rule, read_slice, sigmoid
from appliance.onedal import OutlierDetector
from appliance.runtime import Network

TOLERANCES = {"prepared": 1e-3, "probability": 0.03, "dice": 0.98}


def _probe_bytes(network: Network, spec: Preprocessing, rule: Rule) -> dict[str, bytes]:
    """``probe/prepared.npy`` and ``probe/expected.npz``."""
    prepared = prepare(probe_picture(), spec)
    outputs = network.infer(prepared.array[None])
    logits, mask = outputs["logits"][0], outputs["mask"][0, ..., 0]
    reading = read_slice(logits, mask, rule)
    array, expected = io.BytesIO(), io.BytesIO()
    np.savez_compressed(array, prepared=prepared.array)
    np.savez_compressed(
        expected,
        probabilities=reading.probabilities,
        mask=np.packbits(sigmoid(mask) > rule.pixel_threshold),
        mask_shape=np.array(mask.shape),
    )
    return {"probe/prepared.npz": array.getvalue(), "probe/expected.npz": expected.getvalue()}


def write(
    target: Path,
    draft: Mapping[str, Any],
    networks: Path,
    rule: Rule,
    outliers: OutlierDetector,
    metrics: Mapping[str, Any] | None = None,
) -> Path:
    """Write a package folder atomically.

    Parameters
    ----------
    networks : Path
        Folder with ``int8/`` and ``fp16/``.
    metrics : mapping, optional
        By precision: data set, n, figures.
    """
    spec = Preprocessing.from_json(draft["preprocessing"])
    files: dict[str, bytes] = {"ood.npz": outliers.to_bytes()}
    for prefix, folder in (("", "int8"), ("fp16/", "fp16")):
        for name in ("model.xml", "model.bin"):
            files[prefix + name] = (networks / folder / name).read_bytes()
    probe_network = Network(networks / "int8" / "model.xml", draft["outputs"], device="CPU")
    files |= _probe_bytes(probe_network, spec, rule)
    manifest = {
        **draft,
        "verdict": rule.to_json(),
        "metrics": dict(metrics or {}),
        "probe": {
            "generator": "appliance.core.probe.probe_picture",
            "prepared": "probe/prepared.npz",
            "expected": "probe/expected.npz",
            "tolerances": TOLERANCES,
        },
        "files": {
            name: {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
            for name, data in sorted(files.items())
        },
    }
    target.parent.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        for name, data in files.items():
            path = part / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        (part / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n")
        os.chmod(part, 0o755)
        old = part.with_name(part.name + "-old")
        if target.exists():
            target.replace(old)
        part.replace(target)
        shutil.rmtree(old, ignore_errors=True)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return target
