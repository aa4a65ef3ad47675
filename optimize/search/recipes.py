"""What the search tries: candidates as plain values, so that their digest names their results."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from appliance.core.errors import BadRequest
from optimize.quantize import SUBSET

REFERENCE = "fp32"
DEFAULT = "int8"
"""The candidate that `python -m optimize quantize` makes."""

FAMILIES = {
    "plain": "no INT8",
    "int8": "INT8",
    "bound": "INT8 under accuracy control",
    "weights": "weights only",
    "sparse": "sparsity",
}

_INT8: dict[str, Any] = {
    "preset": "performance",
    "slices": SUBSET,
    "correction": "full",
    "full_precision": "joins",
}


@dataclass(frozen=True)
class Recipe:
    """One way from the FP32 network to a candidate.

    Attributes
    ----------
    family : str
        Of `FAMILIES`.
    says : str
        What differs, for the report.
    steps : tuple of (name, settings)
        Applied to the FP32 network in order; names of `optimize.search.build.STEPS`.
    compiled : mapping
        Properties of OpenVINO that it is compiled with, beside the usual ones.
    """

    name: str
    family: str
    says: str
    steps: tuple[tuple[str, Mapping[str, Any]], ...] = ()
    compiled: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @property
    def slices(self) -> int:
        """Calibration slices it needs."""
        return max((settings.get("slices", 0) for _, settings in self.steps), default=0)


def _int8(name: str, says: str, family: str = "int8", **changes: Any) -> Recipe:
    return Recipe(name, family, says, (("int8", {**_INT8, **changes}),))


def _sparse(name: str, says: str, step: str, **settings: Any) -> Recipe:
    return Recipe(name, "sparse", says, ((step, settings), ("int8", _INT8)))


def recipes() -> tuple[Recipe, ...]:
    """All candidates, the reference first and the shipped setting second."""
    control = {"slices": SUBSET, "ranked_on": 48, "most": 12}
    half = (("prune_weights", {"share": 0.5}),)
    rate = {"CPU_SPARSE_WEIGHTS_DECOMPRESSION_RATE": 0.4}
    return (
        Recipe(REFERENCE, "plain", "as converted, computed in f32"),
        _int8(DEFAULT, f"performance preset, {SUBSET} slices, full bias correction, joins in f32"),
        Recipe("fp16", "plain", "weights in FP16, computed in f32", (("fp16", {}),)),
        _int8("mixed", "mixed preset: activations asymmetric", preset="mixed"),
        _int8("fast-correction", "fast bias correction", correction="fast"),
        _int8("no-correction", "no bias correction", correction="none"),
        _int8("slices-32", "32 calibration slices", slices=32),
        _int8("slices-128", "128 calibration slices", slices=128),
        _int8("slices-1000", "1,000 calibration slices", slices=1000),
        _int8("whole", "every operation in INT8, joins included", full_precision="nothing"),
        _int8("mask-end", "only the last mask layer in f32", full_precision="mask end"),
        _int8(
            "joins-end",
            "joins and the last mask layer in f32",
            full_precision="joins and mask end",
        ),
        _int8("head", "joins and everything after the first of them in f32", full_precision="head"),
        _int8("smooth-0.5", "SmoothQuant on convolutions, alpha 0.5", smooth=0.5),
        _int8("smooth-0.15", "SmoothQuant on convolutions, alpha 0.15", smooth=0.15),
        _int8("alignment", "channel alignment first", alignment=True),
        _int8("half-range", "weights in half the range, for CPUs without VNNI", overflow="enable"),
        _int8("bounded", "accuracy control on the shipped setting", "bound", control=control),
        _int8(
            "bounded-whole",
            "accuracy control, starting from every operation in INT8",
            "bound",
            full_precision="nothing",
            control=control,
        ),
        Recipe(
            "weights-int8",
            "weights",
            "weights in INT8, asymmetric",
            (("weights", {"mode": "int8_asym"}),),
        ),
        Recipe(
            "weights-int8-sym",
            "weights",
            "weights in INT8, symmetric",
            (("weights", {"mode": "int8_sym"}),),
        ),
        Recipe(
            "nncf-pruning",
            "sparse",
            "NNCF's own magnitude pruning, 50 %",
            (("nncf_prune", {"share": 0.5}),),
        ),
        _sparse("sparse-30", "30 % smallest weights zero, then INT8", "prune_weights", share=0.3),
        _sparse("sparse-50", "50 % smallest weights zero, then INT8", "prune_weights", share=0.5),
        Recipe("sparse-50-f32", "sparse", "50 % smallest weights zero, f32", half),
        Recipe(
            "sparse-50-rate",
            "sparse",
            "as sparse-50, compiled with sparse weights decompression",
            (*half, ("int8", _INT8)),
            rate,
        ),
        _sparse(
            "channels-10",
            "10 % of the inner channels removed, their means folded in, then INT8",
            "prune_channels",
            share=0.1,
            slices=64,
        ),
        _sparse(
            "channels-25",
            "25 % of the inner channels removed, their means folded in, then INT8",
            "prune_channels",
            share=0.25,
            slices=64,
        ),
        _sparse(
            "activations-20",
            "activations: the smallest fifth of those above zero set to zero, then INT8",
            "threshold_activations",
            share=0.2,
            slices=16,
        ),
    )


def choose(names: Iterable[str] | None) -> tuple[Recipe, ...]:
    """The candidates of these names; reference and shipped setting are always among them.

    Raises
    ------
    BadRequest
        For a name that is none.
    """
    known = recipes()
    if names is None:
        return known
    wanted = {REFERENCE, DEFAULT, *names}
    if unknown := wanted - {recipe.name for recipe in known}:
        raise BadRequest(
            f"unknown candidates {sorted(unknown)}, known: {', '.join(r.name for r in known)}"
        )
    return tuple(recipe for recipe in known if recipe.name in wanted)
