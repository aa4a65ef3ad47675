"""The parity gate: Keras, FP32, FP16 and INT8 on the same slices, on each device.

What is held against the bounds is the network's own reading by the one rule. What would be
served stands beside it, refusals included: those come from an estimator that is fitted on one
precision's embedding, and an older package has one for both.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from appliance.core.errors import NotFound, ProbeFailed, Unavailable
from appliance.core.metrics import dice
from appliance.core.parity import Bounds, Told, compare, failures, table, tell
from appliance.core.preprocess import Prepared, restore
from appliance.core.types import LABELS
from appliance.core.verdict import Rule, drawn_planes, read_slice
from appliance.onedal import OutlierDetector
from appliance.runtime import Network, devices
from optimize.cases import Case, prepared
from optimize.runs import Run

PRECISIONS = ("FP32", "FP16", "INT8")
BOUNDS = Bounds()
SAME = Bounds(difference=2e-3)
"""Between Keras and the FP32 network, which are to compute the same."""


def outputs_of(network: Network, arrays: np.ndarray, what: str) -> dict[str, np.ndarray]:
    """A network's outputs for prepared slices, (n, ...) each."""
    stream = network.infer_many(array[None] for array in arrays)
    rows = list(tqdm(stream, total=len(arrays), desc=what, disable=None))
    return {name: np.concatenate([row[name] for row in rows]) for name in rows[0]}


def overlaps_of(
    outputs: Mapping[str, np.ndarray],
    rule: Rule,
    items: Sequence[Prepared],
    cases: Sequence[Case],
) -> np.ndarray:
    """Dice of each drawn mask with the truth, on the input's grid; nan without tumour."""
    found = np.full(len(cases), np.nan)
    for i, (case, item) in enumerate(zip(cases, items, strict=True)):
        if case.mask is not None:
            plane = outputs["mask"][i : i + 1, ..., 0]
            drawn = drawn_planes(plane, [read_slice(outputs["logits"][i], plane[0], rule)])
            found[i] = dice(restore(drawn[0], item) > rule.pixel_threshold, case.truth())
    return found


def ask_keras(run: Run, arrays: np.ndarray) -> dict[str, np.ndarray]:
    """What Keras answers, from a process of its own.

    Raises
    ------
    Unavailable
        When TensorFlow is not installed, or that process fails.
    """
    with tempfile.TemporaryDirectory(prefix="neuralscan-parity-") as folder:
        source, out = Path(folder) / "slices.npz", Path(folder) / "answers.npz"
        np.savez(source, image=arrays)
        command = [sys.executable, "-m", "training", "answer", str(run.folder), source, out]
        done = subprocess.run(command, stdout=sys.stderr, check=False)
        if done.returncode or not out.is_file():
            raise Unavailable(
                "Keras gave no answers (see above): install neuralscan-edge[training], or leave "
                "--keras out"
            )
        with np.load(out, allow_pickle=False) as archive:
            return {name: archive[name] for name in run.draft["outputs"]}


def _reference(run: Run) -> tuple[np.ndarray, dict[str, np.ndarray]] | None:
    """Prepared slices of the export and what Keras answered to them; None where it has none."""
    path = run.export / "reference.npz"
    if not path.is_file():
        return None
    with np.load(path, allow_pickle=False) as archive:
        return archive["image"], {name: archive[name] for name in run.draft["outputs"]}


class _Gate:
    """One run's networks, read by one rule on the same slices; collects rows."""

    def __init__(
        self, run: Run, cases: Sequence[Case], rule: Rule, outliers: Mapping[str, OutlierDetector]
    ) -> None:
        self.run, self.cases, self.rule, self.outliers = run, cases, rule, outliers
        items = prepared(cases, run.spec)
        self.items = list(tqdm(items, total=len(cases), desc="prepare", disable=None))
        self.arrays = np.stack([item.array for item in self.items])
        self.truth = np.array([LABELS.index(case.label) for case in cases])
        self.rows: list[dict[str, Any]] = []

    def told(self, outputs: Mapping[str, np.ndarray], precision: str, whole: bool = True) -> Told:
        """Outputs read; `whole` where they are those of all cases, so that truth is known."""
        own = self.outliers.get("INT8" if precision == "INT8" else "FP16")
        scores = None if own is None else own.scores(outputs["embedding"])
        overlaps = overlaps_of(outputs, self.rule, self.items, self.cases) if whole else None
        return tell(outputs, self.rule, overlaps, scores)

    def network(self, device: str, precision: str) -> Network:
        path = self.run.network(precision)
        if not path.is_file():
            raise NotFound(
                f"{self.run.name} has no {precision} network: run `python -m optimize convert`"
            )
        names = self.run.draft["outputs"]
        return Network(path, names, device=device, hint="THROUGHPUT")

    def add(
        self,
        device: str,
        reference: tuple[str, Told],
        candidate: tuple[str, Told],
        bounds: Bounds | None,
    ) -> None:
        """Compare two, within bounds where there are any."""
        whole = reference[1].overlaps is not None
        truth = self.truth if whole else None
        row = compare(reference[1], candidate[1], truth, self.rule.outlier_threshold)
        names = {"device": device, "reference": reference[0], "candidate": candidate[0]}
        missed = [] if bounds is None else failures(row, bounds)
        self.rows.append({**names, **row, "gated": bounds is not None, "failures": missed})


def measure(
    run: Run,
    cases: Sequence[Case],
    rule: Rule,
    outliers: Mapping[str, OutlierDetector] | None = None,
    *,
    on: Sequence[str] | None = None,
    keras: bool = False,
    bounds: Bounds = BOUNDS,
) -> list[dict[str, Any]]:
    """Every pair of networks that matters, compared.

    Parameters
    ----------
    cases : sequence of Case
        Slices the network was not trained on.
    outliers : mapping, optional
        Refusal estimators of ``INT8`` and ``FP16`` (which also judges FP32 and Keras), for the
        comparison as served.
    on : sequence of str, optional
        Devices; default: all of this machine. The first one's FP32 is the reference.
    keras : bool
        Ask Keras about every slice, in a process of its own, not only about the export's few.
    bounds : Bounds
        What FP16 and INT8 may cost against FP32.

    Returns
    -------
    list of dict
        Rows of `appliance.core.parity.compare` with ``device``, ``reference``, ``candidate``,
        ``gated`` and ``failures``.
    """
    gate = _Gate(run, cases, rule, outliers or {})
    export = _reference(run)
    exported = None if export is None else gate.told(export[1], "FP32", whole=False)
    first: dict[str, Told] = {}
    reference: tuple[str, Told] | None = None
    for device in on if on is not None else devices():
        said: dict[str, Told] = {}
        for precision in PRECISIONS:
            network, what = gate.network(device, precision), f"{device} {precision}"
            said[precision] = gate.told(outputs_of(network, gate.arrays, what), precision)
            if export is not None and exported is not None:
                answers = outputs_of(network, export[0], f"{what}, export")
                few = gate.told(answers, precision, whole=False)
                same = SAME if precision == "FP32" and reference is None else None
                gate.add(device, ("Keras (export)", exported), (precision, few), same)
        others = PRECISIONS if reference is not None else PRECISIONS[1:]
        reference = reference or ("FP32", said["FP32"])
        for precision in others:
            gate.add(device, reference, (precision, said[precision]), bounds)
        gate.add(device, ("FP16", said["FP16"]), ("INT8", said["INT8"]), None)
        reference = (f"{gate.rows[0]['device']} FP32", reference[1])
        first = first or said
    if keras:
        told = ("Keras", gate.told(ask_keras(run, gate.arrays), "FP32"))
        for precision, answer in first.items():
            limit = SAME if precision == "FP32" else bounds
            gate.add(gate.rows[0]["device"], told, (precision, answer), limit)
    return gate.rows


def gate(
    run: Run,
    root: Path,
    rule: Rule,
    outliers: Mapping[str, OutlierDetector] | None,
    bounds: Bounds | None = None,
) -> dict[str, Any]:
    """What a package needs to pass.

    Returns
    -------
    dict
        ``slices`` (what they are), ``bounds`` and the ``rows`` of `measure`, for the manifest.

    Raises
    ------
    ProbeFailed
        When a bound is missed; the table is on stdout.
    """
    bounds = bounds or BOUNDS
    rows = measure(run, slices_of(run, root), rule, outliers, bounds=bounds)
    missed = [text for row in rows for text in row["failures"]]
    if missed:
        print(table(rows))
        raise ProbeFailed(f"the parity gate failed, nothing is written: {'; '.join(missed)}")
    seen = "held out" if run.held_out else "training slices: agreement counts, accuracy does not"
    return {"slices": seen, "bounds": asdict(bounds), "rows": rows}


def slices_of(run: Run, root: Path) -> list[Case]:
    """Slices to compare on: those held out, or, for a network trained on all, some it has seen.

    On seen slices only the agreement of the networks means something, not their accuracy.
    """
    from optimize.build import held_out_cases
    from optimize.cases import read_cases

    if run.held_out:
        return held_out_cases(run, root)
    seen = read_cases(run.export, root, "training")
    return seen[:: max(1, len(seen) // 800)]
