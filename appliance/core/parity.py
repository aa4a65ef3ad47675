"""Do two networks say the same? One definition for the gate at packaging and for a user's check.

What is compared is the network's own reading: probabilities, label and verdict by the one rule of
`core.verdict`, and the mask that would be drawn. Refusals are kept apart: their estimator knows
the embedding of one precision, so they would hide what the network does.

References
----------
McNemar, Psychometrika 1947; the exact form is a binomial test on the pairs that differ. Dice,
Ecology 1945.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from appliance.core.metrics import dice
from appliance.core.types import LABELS
from appliance.core.verdict import Rule, drawn_planes, read_slice

OUTPUTS = ("logits", "mask", "cam", "embedding")


@dataclass(frozen=True)
class Bounds:
    """What a smaller precision may cost.

    Attributes
    ----------
    accuracy : float
        Share of labels that are right: accepted loss.
    dice : float
        Mean Dice of tumour slices: accepted loss.
    flips : float
        Accepted share of labels that differ.
    difference : float or None
        Largest accepted difference of any output, where two should be the same computation.
    """

    accuracy: float = 0.005
    dice: float = 0.01
    flips: float = 0.01
    difference: float | None = None


@dataclass(frozen=True)
class Told:
    """What a network says to n slices.

    Attributes
    ----------
    outputs : mapping
        Name to (n, ...) float32, as the network gave them.
    classes : (n,) int
        Argmax of the class logits alone.
    labels : (n,) int
        Label by the rule.
    verdicts : tuple of str
    probabilities : (n, 4) float64
    masks : (n, side, side) bool
        As drawn by the rule.
    overlaps : (n,) float, optional
        Dice of each drawn mask with the truth on the input's grid; nan without tumour.
    scores : (n,) float, optional
        Out-of-distribution scores.
    """

    outputs: Mapping[str, np.ndarray]
    classes: np.ndarray
    labels: np.ndarray
    verdicts: tuple[str, ...]
    probabilities: np.ndarray
    masks: np.ndarray
    overlaps: np.ndarray | None = None
    scores: np.ndarray | None = None


def tell(
    outputs: Mapping[str, np.ndarray],
    rule: Rule,
    overlaps: np.ndarray | None = None,
    scores: np.ndarray | None = None,
) -> Told:
    """Outputs read by the rule.

    Parameters
    ----------
    outputs : mapping
        ``logits`` (n, 4) and ``mask`` (n, side, side, 1), and others.
    """
    planes = outputs["mask"][..., 0]
    readings = [
        read_slice(row, plane, rule) for row, plane in zip(outputs["logits"], planes, strict=True)
    ]
    return Told(
        outputs,
        outputs["logits"].argmax(1),
        np.array([LABELS.index(reading.label) for reading in readings]),
        tuple(reading.verdict for reading in readings),
        np.stack([reading.probabilities for reading in readings]),
        drawn_planes(planes, readings) > rule.pixel_threshold,
        overlaps,
        scores,
    )


def mcnemar(only_first: int, only_second: int) -> float:
    """Exact two-sided p that two answerers are equally often right.

    Parameters
    ----------
    only_first, only_second : int
        Cases that only one of them has right.

    Examples
    --------
    >>> mcnemar(0, 0), mcnemar(3, 3), round(mcnemar(0, 6), 5)
    (1.0, 1.0, 0.03125)
    """
    n, least = only_first + only_second, min(only_first, only_second)
    tail = sum(math.comb(n, k) for k in range(least + 1)) / 2**n
    return min(1.0, 2.0 * tail)


def _mask_agreement(one: np.ndarray, other: np.ndarray) -> float | None:
    """Mean Dice of the slices on which either draws something; None where neither does."""
    pairs = [(a, b) for a, b in zip(one, other, strict=True) if a.any() or b.any()]
    return float(np.mean([dice(a, b) for a, b in pairs])) if pairs else None


def compare(
    one: Told, other: Told, truth: np.ndarray | None = None, limit: float | None = None
) -> dict[str, Any]:
    """How two networks differ on the same slices.

    Parameters
    ----------
    one, other : Told
        The reference, and what is held against it.
    truth : (n,) int, optional
        True labels.
    limit : float, optional
        Out-of-distribution score above which a slice is refused.

    Returns
    -------
    dict
        ``n``, ``max_difference`` by output, ``label_flips``, ``class_flips`` and
        ``verdict_flips`` (shares), ``probability`` (largest difference), ``mask_dice``; with a
        truth ``accuracy`` (both) and ``mcnemar``; with overlaps ``dice`` (both); with scores
        ``refusal_flips`` and ``served_flips``.
    """
    row: dict[str, Any] = {
        "n": len(one.labels),
        "max_difference": {
            name: float(np.abs(one.outputs[name] - other.outputs[name]).max())
            for name in OUTPUTS
            if name in one.outputs and name in other.outputs
        },
        "label_flips": float((one.labels != other.labels).mean()),
        "class_flips": float((one.classes != other.classes).mean()),
        "verdict_flips": _differing(one.verdicts, other.verdicts),
        "probability": float(np.abs(one.probabilities - other.probabilities).max()),
        "mask_dice": _mask_agreement(one.masks, other.masks),
    }
    if truth is not None:
        right = one.labels == truth, other.labels == truth
        only = int((right[0] & ~right[1]).sum()), int((~right[0] & right[1]).sum())
        row["accuracy"] = [float(r.mean()) for r in right]
        row["mcnemar"] = {
            "only_reference_right": only[0],
            "only_candidate_right": only[1],
            "p": mcnemar(*only),
        }
    if _any_overlap(one) and _any_overlap(other):
        row["dice"] = [float(np.nanmean(told.overlaps)) for told in (one, other)]
    if limit is not None and one.scores is not None and other.scores is not None:
        refused = one.scores > limit, other.scores > limit
        served = [np.where(r, -1, t.labels) for r, t in zip(refused, (one, other), strict=True)]
        row["refusal_flips"] = float((refused[0] != refused[1]).mean())
        row["served_flips"] = float((served[0] != served[1]).mean())
    return row


def _any_overlap(told: Told) -> bool:
    return told.overlaps is not None and bool(np.isfinite(told.overlaps).any())


def _differing(one: Sequence[str], other: Sequence[str]) -> float:
    return sum(a != b for a, b in zip(one, other, strict=True)) / len(one)


def failures(row: Mapping[str, Any], bounds: Bounds) -> list[str]:
    """The bounds a comparison misses, in words; empty when it keeps them all."""
    missed = []
    if row["label_flips"] > bounds.flips:
        missed.append(f"labels differ on {row['label_flips']:.2%} (at most {bounds.flips:.2%})")
    if "accuracy" in row:
        loss = row["accuracy"][0] - row["accuracy"][1]
        if loss > bounds.accuracy + 1e-12:
            missed.append(f"accuracy is lower by {loss:.2%} (at most {bounds.accuracy:.2%})")
    if "dice" in row:
        loss = row["dice"][0] - row["dice"][1]
        if loss > bounds.dice:
            missed.append(f"Dice is lower by {loss:.4f} (at most {bounds.dice})")
    worst = max(row["max_difference"].values(), default=0.0)
    if bounds.difference is not None and worst > bounds.difference:
        missed.append(f"an output differs by {worst:.2g} (at most {bounds.difference})")
    return missed


_COLUMNS = (
    ("device", lambda r: r["device"]),
    ("pair", lambda r: f"{r['reference']} > {r['candidate']}"),
    ("n", lambda r: str(r["n"])),
    *(
        (name, lambda r, name=name: _figure(r["max_difference"].get(name), ".2g"))
        for name in OUTPUTS
    ),
    ("prob.", lambda r: _figure(r["probability"], ".2g")),
    ("labels", lambda r: f"{r['label_flips']:.2%}"),
    ("classes", lambda r: f"{r['class_flips']:.2%}"),
    ("verdicts", lambda r: f"{r['verdict_flips']:.2%}"),
    ("masks", lambda r: _figure(r["mask_dice"], ".4f")),
    ("accuracy", lambda r: _both(r.get("accuracy"))),
    ("McNemar", lambda r: _mcnemar(r.get("mcnemar"))),
    ("Dice", lambda r: _both(r.get("dice"))),
    ("refusals", lambda r: _figure(r.get("refusal_flips"), ".2%")),
    ("served", lambda r: _figure(r.get("served_flips"), ".2%")),
    ("", lambda r: "MISSED" if r.get("failures") else ("kept" if r.get("gated") else "shown")),
)


def _figure(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)


def _both(pair: Sequence[float] | None) -> str:
    return "-" if pair is None else f"{pair[0]:.4f} {pair[1]:.4f}"


def _mcnemar(found: Mapping[str, Any] | None) -> str:
    if found is None:
        return "-"
    return f"{found['only_reference_right']}/{found['only_candidate_right']} p={found['p']:.2g}"


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Comparisons as aligned text, with the missed bounds below.

    Parameters
    ----------
    rows : of `compare`, with ``device``, ``reference``, ``candidate``, ``gated``, ``failures``

    Notes
    -----
    Largest differences stand under the outputs' names; ``labels``, ``classes`` (argmax of the
    class logits alone), ``verdicts``, ``refusals`` and ``served`` are shares that differ;
    ``masks`` is the Dice between both masks.
    """
    cells = [[title for title, _ in _COLUMNS], *([get(r) for _, get in _COLUMNS] for r in rows)]
    used = [i for i in range(len(_COLUMNS)) if any(row[i] not in ("-", "") for row in cells[1:])]
    widths = [max(len(row[i]) for row in cells) for i in used]
    lines = [
        "  ".join(row[i].ljust(width) for i, width in zip(used, widths, strict=True)).rstrip()
        for row in cells
    ]
    for row in rows:
        lines += [
            f"{row['device']} {row['reference']} > {row['candidate']}: {text}"
            for text in row.get("failures", ())
        ]
    return "\n".join(lines)
