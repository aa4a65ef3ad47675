"""Our own metric for NNCF's accuracy control: class accuracy and Dice, both within their bounds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from appliance import runtime  # noqa: F401  isort: skip (oneDAL before OpenVINO)
import nncf

from appliance.core.metrics import dice
from appliance.core.parity import Bounds
from appliance.core.preprocess import Prepared, restore
from appliance.core.verdict import Rule, drawn_planes, read_slice
from optimize.cases import Case


class Steering:
    """Slices that steer the accuracy control, and how far a network is from the bounds on them.

    Parameters
    ----------
    cases, items : sequences of equal length
        Held-out slices and what `prepare` made of them.
    rule : Rule
        The one rule that reads every candidate.
    reference : mapping
        The FP32 network's outputs for these slices, (n, ...) each.

    Attributes
    ----------
    asked : list of (slices, used)
        Every answer `metric` gave, as the share of the bound that is used up.
    """

    def __init__(
        self,
        cases: Sequence[Case],
        items: Sequence[Prepared],
        rule: Rule,
        reference: Mapping[str, np.ndarray],
        names: Mapping[str, str],
        bounds: Bounds,
    ) -> None:
        self._items, self._rule, self._names, self.bounds = items, rule, names, bounds
        self._labels = [case.label for case in cases]
        self._truths = [None if case.mask is None else case.truth() for case in cases]
        pairs = [
            self.mark(i, reference["logits"][i], reference["mask"][i, ..., 0])
            for i in range(len(items))
        ]
        self._reference = np.array(pairs, np.float64)
        self.asked: list[tuple[int, float]] = []

    def __len__(self) -> int:
        return len(self._items)

    def mark(self, index: int, logits: np.ndarray, plane: np.ndarray) -> tuple[float, float]:
        """Whether the label is right (0 or 1), and the Dice; nan where there is no tumour."""
        reading = read_slice(logits, plane, self._rule)
        truth = self._truths[index]
        if truth is None:
            return float(reading.label == self._labels[index]), float("nan")
        drawn = drawn_planes(plane[None], [reading])[0]
        overlap = dice(restore(drawn, self._items[index]) > self._rule.pixel_threshold, truth)
        return float(reading.label == self._labels[index]), overlap

    def used(self, indices: Sequence[int], marks: np.ndarray) -> float:
        """Share of the bounds that the loss against FP32 uses up on some slices.

        The larger of the two shares: 1 stands for a loss at the bound of accuracy, or of Dice;
        below 0 both are gained.

        Parameters
        ----------
        marks : (n, 2) float
            Of `mark`.
        """
        loss = self._reference[list(indices)] - marks
        shares = [float(loss[:, 0].mean()) / self.bounds.accuracy]
        if np.isfinite(loss[:, 1]).any():
            shares.append(float(np.nanmean(loss[:, 1])) / self.bounds.dice)
        return max(shares)

    def dataset(self) -> nncf.Dataset:
        """The slices' numbers, which NNCF hands to `metric`; inputs only when it infers itself."""
        return nncf.Dataset(list(range(len(self))), lambda index: self._items[index].array[None])

    def metric(self, compiled: Any, indices: Iterable[int]) -> tuple[float, list[float]]:
        """What NNCF maximises: 1 minus `used`, so that a drop of 1 from FP32 is the bound.

        FP32 has to be at 1: NNCF divides by its value even where it looks at differences only.

        Returns
        -------
        float, list of float
            And for each slice its right label and Dice in units of their bounds, by which NNCF
            picks the slices on which layers are ranked.
        """
        numbers = [int(index) for index in indices]
        request = compiled.create_infer_request()
        ports = {key: compiled.output(self._names[key]) for key in ("logits", "mask")}
        marks = np.empty((len(numbers), 2))
        for row, index in enumerate(numbers):
            request.infer({0: self._items[index].array[None]}, share_inputs=True)
            logits, mask = (request.get_tensor(ports[key]).data for key in ("logits", "mask"))
            marks[row] = self.mark(index, logits[0], mask[0, ..., 0])
        used = self.used(numbers, marks)
        self.asked.append((len(numbers), used))
        worth = marks[:, 0] / self.bounds.accuracy + np.nan_to_num(marks[:, 1]) / self.bounds.dice
        return 1.0 - used, [float(value) for value in worth]
