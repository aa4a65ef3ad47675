"""Replay a package's probe: does this machine give the answer the package was shipped with?"""

from __future__ import annotations

import io
from typing import Any

import numpy as np

from appliance.core.errors import ManifestError, ProbeFailed
from appliance.core.metrics import dice
from appliance.core.preprocess import prepare
from appliance.core.probe import probe_picture
from appliance.core.types import LABELS
from appliance.core.verdict import read_slice, sigmoid
from appliance.registry import Package
from appliance.runtime import Network


def replay(package: Package, device: str = "AUTO") -> dict[str, Any]:
    """Verify the files, generate the probe picture, prepare, infer and compare.

    Returns
    -------
    dict
        ``device``, largest differences of ``prepared`` and ``probability``, ``dice``, ``label``.

    Raises
    ------
    ChecksumMismatch
        When a file was changed.
    ProbeFailed
        When a difference exceeds the manifest's tolerance; the message holds the figures.
    """
    package.verify()
    manifest, rule = package.manifest, package.manifest.verdict
    try:
        tolerances = manifest.probe["tolerances"]
        with np.load(io.BytesIO(package.read(manifest.probe["prepared"]))) as archive:
            wanted = archive["prepared"]
        with np.load(io.BytesIO(package.read(manifest.probe["expected"]))) as archive:
            chances = archive["probabilities"]
            shape = tuple(int(n) for n in archive["mask_shape"])
            mask = np.unpackbits(archive["mask"])[: shape[0] * shape[1]].reshape(shape)
    except (KeyError, ValueError, TypeError, IndexError) as error:
        raise ManifestError(f"package {package.name}: its probe is unusable: {error}") from error
    prepared = prepare(probe_picture(), manifest.preprocessing)
    network = Network(package.path / "model.xml", manifest.outputs, device=device)
    outputs = network.infer(prepared.array[None])
    logits = outputs["mask"][0, ..., 0]
    reading = read_slice(outputs["logits"][0], logits, rule)
    found = {
        "device": network.device,
        "precision": network.precision,
        "prepared": float(np.abs(prepared.array - wanted).max()),
        "probability": float(np.abs(reading.probabilities - chances).max()),
        "dice": dice(sigmoid(logits) > rule.pixel_threshold, mask),
        "label": reading.label,
    }
    expected = LABELS[int(chances.argmax())]
    if (
        found["prepared"] > tolerances["prepared"]
        or found["probability"] > tolerances["probability"]
        or found["dice"] < tolerances["dice"]
        or found["label"] != expected
    ):
        raise ProbeFailed(
            f"package {package.name} answers its probe differently here: prepared differs by "
            f"{found['prepared']:.2g} (at most {tolerances['prepared']}), probability by "
            f"{found['probability']:.3f} (at most {tolerances['probability']}), mask Dice "
            f"{found['dice']:.3f} (at least {tolerances['dice']}), label {found['label']} "
            f"(expected {expected}); do not rely on this device, try --device CPU"
        )
    return found
