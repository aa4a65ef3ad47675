"""What a search works with: the run's slices in their parts, prepared, and the FP32 answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from appliance.core.errors import NotFound
from appliance.core.parity import Bounds
from appliance.core.preprocess import Prepared
from appliance.core.types import LABELS
from appliance.core.verdict import Rule
from appliance.runtime import Network
from optimize.answers import Answers, overlaps
from optimize.build import held_out_cases
from optimize.calibrate import fit_rule
from optimize.cases import Case, demand_unchanged, prepared
from optimize.parity import outputs_of
from optimize.quantize import calibration_cases
from optimize.runs import Run
from optimize.search.bound import Steering
from optimize.search.build import Means
from optimize.search.measure import Judge
from optimize.search.parts import demand_apart, split


@dataclass(frozen=True)
class Plan:
    """One search over one run.

    Attributes
    ----------
    calibration, steering, judging : list of Case
        Disjoint; the first from the training list, the others from the held-out fold.
    """

    run: Run
    bounds: Bounds
    calibration: list[Case]
    steering: list[Case]
    judging: list[Case]

    @cached_property
    def items(self) -> list[Prepared]:
        """Prepared slices, those that steer first."""
        return _prepared([*self.steering, *self.judging], self.run, "prepare")

    @cached_property
    def arrays(self) -> list[np.ndarray]:
        """Calibration slices, (1, side, side, 1) float32 each."""
        return [item.array[None] for item in _prepared(self.calibration, self.run, "calibration")]

    @cached_property
    def reference(self) -> dict[str, np.ndarray]:
        """What the FP32 network says to `items`."""
        network = Network(
            self.run.network("FP32"), self.run.draft["outputs"], device="CPU", hint="THROUGHPUT"
        )
        return outputs_of(network, np.stack([item.array for item in self.items]), "FP32")

    @cached_property
    def rule(self) -> Rule:
        """One rule for all candidates, fitted on what FP32 says: none of them gains by it."""
        cases = [*self.steering, *self.judging]
        planes = self.reference["mask"][..., 0]
        marks = [
            overlaps(plane, item, case.truth())
            for plane, item, case in zip(planes, self.items, cases, strict=True)
        ]
        labels = np.array([LABELS.index(case.label) for case in cases])
        logits, embedding = self.reference["logits"], self.reference["embedding"]
        return fit_rule(Answers(logits, planes, embedding, labels, np.stack(marks)))

    def _part(self, steers: bool) -> tuple[list[Prepared], dict[str, np.ndarray]]:
        n = len(self.steering)
        part = slice(None, n) if steers else slice(n, None)
        return self.items[part], {name: rows[part] for name, rows in self.reference.items()}

    @cached_property
    def judge(self) -> Judge:
        items, reference = self._part(steers=False)
        return Judge(self.judging, items, self.rule, reference)

    @cached_property
    def means(self) -> Means:
        items, reference = self._part(steers=True)
        names = self.run.draft["outputs"]
        steering = Steering(self.steering, items, self.rule, reference, names, self.bounds)
        return Means(self.run.network("FP32"), self.run.draft, self.arrays, steering)

    def about(self) -> dict[str, Any]:
        """The parts, for the report."""
        parts = (
            ("calibration", self.calibration),
            ("steering", self.steering),
            ("judging", self.judging),
        )
        return {
            name: {
                "slices": len(cases),
                "groups": len({case.group for case in cases}),
                "folds": sorted({case.fold for case in cases}),
                "labels": {label: sum(c.label == label for c in cases) for label in LABELS},
            }
            for name, cases in parts
        }


def _prepared(cases: Sequence[Case], run: Run, what: str) -> list[Prepared]:
    return list(tqdm(prepared(cases, run.spec), total=len(cases), desc=what, disable=None))


def make_plan(run: Run, root: Path, slices: int, bounds: Bounds) -> Plan:
    """Read the run's lists and part them.

    Parameters
    ----------
    slices : int
        Most calibration slices that a candidate needs.

    Raises
    ------
    NotFound
        When the run has no FP32 network, or nothing held out to judge on.
    CorruptFile
        When calibration and held-out slices overlap, or an image is another one than listed.
    """
    if not run.has("FP32"):
        raise NotFound(f"{run.name} has no FP32 network: run `python -m optimize convert` first")
    if not run.held_out:
        raise NotFound(
            f"{run.name} was trained on every fold, nothing is left to judge candidates on: search "
            "on the network of one fold, and use what is found for this one"
        )
    held_out = held_out_cases(run, root)
    calibration = calibration_cases(run.export, root, slices)
    demand_apart(calibration, held_out)
    demand_unchanged([*calibration, *held_out])
    return Plan(run, bounds, calibration, *split(held_out))
