"""Replay a package's probes: does this machine give the answers the package was shipped with?

Each device answers generated pictures with each precision; what it says is held against what was
shipped, within tolerances, because bits differ between CPUs. Beside that stands how the
precisions and devices differ from each other, output by output.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from appliance.core.errors import ManifestError, ModelError, ProbeFailed, Unavailable
from appliance.core.metrics import dice
from appliance.core.parity import Told, compare, tell
from appliance.core.preprocess import prepare
from appliance.core.probe import PROBES, probe_pictures
from appliance.core.types import LABELS
from appliance.core.verdict import sigmoid
from appliance.package import PRECISIONS, Package
from appliance.runtime import Network

REFERENCE = "FP16"


@dataclass(frozen=True)
class Expected:
    """What a precision said when the package was made.

    Attributes
    ----------
    probabilities : (n, 4) float64
    masks : (n, side, side) bool
        Pixels above the rule's threshold.
    """

    probabilities: np.ndarray
    masks: np.ndarray


@dataclass(frozen=True)
class Probes:
    """A package's probes: pictures by name, prepared arrays, expectations by precision."""

    names: tuple[str, ...]
    prepared: np.ndarray
    expected: Mapping[str, Expected]


def probes_of(package: Package) -> Probes:
    """The probes of a package, verified; older packages have one picture and one precision.

    Raises
    ------
    ChecksumMismatch
        When a file was changed.
    ManifestError
        When they cannot be read, or need pictures this version cannot generate.
    """
    card = package.manifest.probe
    try:
        names = tuple(card.get("pictures", PROBES[:1]))
        if unknown := set(names) - set(PROBES):
            raise ManifestError(
                f"package {package.name} has probes this version cannot draw: {sorted(unknown)}; "
                "update neuralscan-edge"
            )
        with np.load(io.BytesIO(package.read(card["prepared"]))) as archive:
            prepared = archive["prepared"]
        with np.load(io.BytesIO(package.read(card["expected"]))) as archive:
            arrays = dict(archive)
        shape = tuple(int(n) for n in arrays["mask_shape"])
        expected = {}
        for precision in PRECISIONS:
            prefix = f"{precision}_" if "pictures" in card else ""
            if prefix or precision == "INT8":
                chances = arrays[f"{prefix}probabilities"].reshape(len(names), len(LABELS))
                bits = np.unpackbits(arrays[f"{prefix}mask"])[: len(names) * shape[0] * shape[1]]
                masks = bits.reshape(len(names), *shape).astype(bool)
                expected[precision] = Expected(chances, masks)
        return Probes(names, prepared.reshape(len(names), *prepared.shape[-3:]), expected)
    except (KeyError, ValueError, TypeError, IndexError, OSError) as error:
        raise ManifestError(f"package {package.name}: its probe is unusable: {error}") from error


def told(network: Any, arrays: np.ndarray, package: Package) -> Told:
    """What a network says to prepared probes, read by the package's rule.

    Parameters
    ----------
    network : appliance.runtime.Network or anything with its `infer`
    arrays : (n, size, size, 1) float32
    """
    answers = [network.infer(array[None]) for array in arrays]
    outputs = {name: np.concatenate([a[name] for a in answers]) for name in answers[0]}
    return tell(outputs, package.manifest.verdict)


def against_shipped(
    said: Told, expected: Expected, package: Package, prepared: float
) -> dict[str, Any]:
    """One row: the largest differences from what was shipped, and the tolerances missed."""
    rule, tolerances = package.manifest.verdict, package.manifest.probe["tolerances"]
    masks = sigmoid(said.outputs["mask"][..., 0]) > rule.pixel_threshold
    probability = float(np.abs(said.probabilities - expected.probabilities).max())
    overlap = min(dice(a, b) for a, b in zip(masks, expected.masks, strict=True))
    flipped = [
        (LABELS[int(row.argmax())], LABELS[int(label)])
        for row, label in zip(expected.probabilities, said.labels, strict=True)
        if row.max() - row[label] > 2 * tolerances["probability"]
    ]
    missed = []
    if prepared > tolerances["prepared"]:
        missed.append(f"prepared differs by {prepared:.2g} (at most {tolerances['prepared']})")
    if probability > tolerances["probability"]:
        bound = tolerances["probability"]
        missed.append(f"probability differs by {probability:.3f} (at most {bound})")
    if overlap < tolerances["dice"]:
        missed.append(f"mask Dice is {overlap:.3f} (at least {tolerances['dice']})")
    missed += [f"label {found} (expected {wanted})" for wanted, found in flipped]
    return {
        "prepared": prepared,
        "probability": probability,
        "dice": overlap,
        "label": LABELS[int(said.labels[0])],
        "failures": missed,
    }


def replay(package: Package, devices: Sequence[str] = ("AUTO",)) -> list[dict[str, Any]]:
    """Verify the files, draw the pictures, prepare, infer with each precision and device, compare.

    Returns
    -------
    list of dict
        A row for each device and precision: ``device``, ``precision``, ``n`` pictures, largest
        differences of ``prepared`` and ``probability``, lowest ``dice``, ``label`` of the first
        picture, ``failures``; and ``pair``, the comparison with the reference precision on the
        first device. Differences from what was shipped are None where the package has no
        expectation for a precision.

    Raises
    ------
    ChecksumMismatch
        When a file was changed.
    ManifestError
        When the probes are unusable.
    Unavailable
        When a device does not exist here.
    """
    package.verify()
    probes, manifest = probes_of(package), package.manifest
    if not {"prepared", "probability", "dice"} <= set(manifest.probe.get("tolerances", ())):
        raise ManifestError(f"package {package.name}: its probe is unusable: no tolerances")
    pictures = probe_pictures(probes.names)
    arrays = np.stack([prepare(picture, manifest.preprocessing).array for picture in pictures])
    if arrays.shape != probes.prepared.shape:
        raise ManifestError(f"package {package.name}: its probe is unusable: wrong shape")
    prepared = float(np.abs(arrays - probes.prepared).max())
    rows: list[dict[str, Any]] = []
    reference: Told | None = None
    held = [p for p, folder in PRECISIONS.items() if f"{folder}model.xml" in manifest.files]
    for device in devices:
        for precision in sorted(held, key=lambda p: p != REFERENCE):
            row = {"requested": device, "precision": precision, "n": len(arrays)}
            try:
                network = Network(package.network(precision), manifest.outputs, device=device)
                said = told(network, arrays, package)
            except (Unavailable, ModelError) as error:
                if isinstance(error, Unavailable):
                    raise
                rows.append({**row, "device": device, "failures": [error.message]})
                continue
            reference = reference or said
            wanted = probes.expected.get(precision)
            figures = (
                against_shipped(said, wanted, package, prepared)
                if wanted is not None
                else {"label": LABELS[int(said.labels[0])], "failures": []}
            )
            rows.append(
                {**row, "device": network.device, **figures, "pair": compare(reference, said)}
            )
    return rows


def demand(package: Package, rows: Sequence[Mapping[str, Any]]) -> None:
    """Raise ProbeFailed when a row misses a tolerance; the message holds the figures."""
    missed = [
        f"{row['device']} {row['precision']}: {'; '.join(row['failures'])}"
        for row in rows
        if row["failures"]
    ]
    if missed:
        raise ProbeFailed(
            f"package {package.name} answers its probes differently here: {' | '.join(missed)}; "
            "do not rely on this device, try --device CPU"
        )


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows of `replay` as aligned text."""

    def figure(row: Mapping[str, Any], key: str, form: str) -> str:
        return format(row[key], form) if row.get(key) is not None else "-"

    cells = [
        ["device", "network", "n", "prepared", "prob.", "mask Dice", "", "against", "prob.",
         "logits", "mask", "labels", "masks"]
    ]  # fmt: skip
    for row in rows:
        pair = row.get("pair")
        state = "MISSED" if row["failures"] else ("kept" if "prepared" in row else "shown")
        cells.append(
            [row["device"], row["precision"], str(row["n"]), figure(row, "prepared", ".2g"),
             figure(row, "probability", ".2g"), figure(row, "dice", ".4f"), state]
        )  # fmt: skip
        if pair is not None:
            far = pair["max_difference"]
            cells[-1] += [
                f"{rows[0]['device']} {rows[0]['precision']}", format(pair["probability"], ".2g"),
                format(far["logits"], ".2g"), format(far["mask"], ".2g"),
                f"{pair['label_flips']:.0%}", figure(pair, "mask_dice", ".4f"),
            ]  # fmt: skip
    widths = [max(len(row[i]) for row in cells if i < len(row)) for i in range(len(cells[0]))]
    lines = [
        "  ".join(text.ljust(widths[i]) for i, text in enumerate(row)).rstrip() for row in cells
    ]
    for row in rows:
        lines += [f"{row['device']} {row['precision']}: {text}" for text in row["failures"]]
    return "\n".join(lines)
