"""A recipe, applied: FP32 network to candidate, and what was found on the way.

References
----------
Xiao et al., SmoothQuant, ICML 2023. NNCF 3.4, ``nncf.quantize_with_accuracy_control``: layers are
ranked by what the metric gains when they alone return to full precision, and returned in that
order until the bound is kept.
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from appliance import runtime  # noqa: F401  isort: skip (oneDAL before OpenVINO)
import nncf
import openvino as ov

from optimize.quantize import full_precision, mask_layer, model_type
from optimize.search import layers, sparsity
from optimize.search.bound import Steering
from optimize.search.recipes import Recipe

_PRESETS = {
    "mixed": nncf.QuantizationPreset.MIXED,
    "performance": nncf.QuantizationPreset.PERFORMANCE,
}
_OVERFLOW = {"enable": nncf.OverflowFix.ENABLE}
_WEIGHTS = {
    "int8_asym": nncf.CompressWeightsMode.INT8_ASYM,
    "int8_sym": nncf.CompressWeightsMode.INT8_SYM,
}


@dataclass(frozen=True)
class Means:
    """What candidates are made from.

    Attributes
    ----------
    network : Path
        ``model.xml`` in FP32.
    draft : mapping
        The run's draft manifest.
    arrays : list of (1, side, side, 1) float32
        Prepared calibration slices; a recipe takes the first so many.
    steering : Steering
        Metric and slices of the accuracy control.
    """

    network: Path
    draft: Mapping[str, Any]
    arrays: Sequence[np.ndarray]
    steering: Steering


@dataclass
class _Work:
    means: Means
    model: ov.Model
    half: bool = False
    found: dict[str, Any] = field(default_factory=dict)

    def slices(self, settings: Mapping[str, Any]) -> list[np.ndarray]:
        return list(self.means.arrays[: settings["slices"]])


def build(recipe: Recipe, means: Means, out: Path) -> dict[str, Any]:
    """Write ``OUT/model.xml``.

    Returns
    -------
    dict
        ``seconds``, ``size_mb`` (XML and weights), ``layers`` (see `layers.in_int8`) and what the
        steps found.
    """
    work = _Work(means, ov.Core().read_model(str(means.network)))
    before = time.perf_counter()
    with _off_stdout():
        for name, settings in recipe.steps:
            STEPS[name](work, settings)
    seconds = time.perf_counter() - before
    path = out / "model.xml"
    ov.save_model(work.model, str(path), compress_to_fp16=work.half)
    size = sum(file.stat().st_size for file in (path, path.with_suffix(".bin")))
    return {
        "seconds": round(seconds, 2),
        "size_mb": round(size / 1e6, 3),
        "layers": layers.in_int8(work.model),
        **work.found,
    }


@contextmanager
def _off_stdout() -> Iterator[None]:
    """NNCF logs and draws its progress on stdout, which is for data: both go to stderr."""
    for handler in nncf.nncf_logger.handlers:
        if isinstance(handler, logging.StreamHandler) and handler.stream is sys.__stdout__:
            handler.setStream(sys.stderr)
    before = nncf.nncf_logger.level
    nncf.nncf_logger.setLevel(logging.WARNING)
    try:
        with redirect_stdout(sys.stderr):
            yield
    finally:
        nncf.nncf_logger.setLevel(before)


def _fp16(work: _Work, settings: Mapping[str, Any]) -> None:
    work.half = True


def _weights(work: _Work, settings: Mapping[str, Any]) -> None:
    work.model = nncf.compress_weights(work.model, mode=_WEIGHTS[settings["mode"]])


def scope(model: ov.Model, draft: Mapping[str, Any], what: str) -> nncf.IgnoredScope:
    """What stays out of INT8.

    Parameters
    ----------
    what : str
        ``nothing``; ``mask end`` (the last layer before the mask); ``joins`` (as `quantize`);
        ``joins and mask end``; ``head`` (joins and everything they feed).
    """
    kinds, end = full_precision(model, draft), mask_layer(model, draft)
    return {
        "nothing": nncf.IgnoredScope(),
        "mask end": nncf.IgnoredScope(names=end),
        "joins": nncf.IgnoredScope(types=kinds),
        "joins and mask end": nncf.IgnoredScope(types=kinds, names=end),
        "head": nncf.IgnoredScope(names=sorted(layers.fed_by(model, kinds))),
    }[what]


def _int8(work: _Work, settings: Mapping[str, Any]) -> None:
    arrays = work.slices(settings)
    changes: dict[str, Any] = {}
    kind = model_type(work.means.draft)
    if settings.get("smooth") is not None:
        # NNCF smooths in its transformer mode only; the network's own kind is given up for it.
        kind = nncf.ModelType.TRANSFORMER
        changes["smooth_quant_alphas"] = nncf.AdvancedSmoothQuantParameters(
            convolution=settings["smooth"], matmul=settings["smooth"]
        )
    if settings.get("alignment"):
        changes["disable_channel_alignment"] = False
    if settings.get("overflow"):
        changes["overflow_fix"] = _OVERFLOW[settings["overflow"]]
    if settings["correction"] == "none":
        changes["disable_bias_correction"] = True
    shared = {
        "preset": _PRESETS[settings["preset"]],
        "subset_size": len(arrays),
        "fast_bias_correction": settings["correction"] != "full",
        "model_type": kind,
        "ignored_scope": scope(work.model, work.means.draft, settings["full_precision"]),
    }
    advanced = nncf.AdvancedQuantizationParameters(**changes) if changes else None
    dataset = nncf.Dataset(arrays)
    control = settings.get("control")
    if control is None:
        work.model = nncf.quantize(work.model, dataset, advanced_parameters=advanced, **shared)
    else:
        _controlled(work, dataset, control, advanced, shared)
    if settings.get("smooth") is not None:
        work.found["smoothed"] = layers.smoothed(work.model)


def _controlled(
    work: _Work,
    dataset: nncf.Dataset,
    control: Mapping[str, Any],
    advanced: nncf.AdvancedQuantizationParameters | None,
    shared: Mapping[str, Any],
) -> None:
    steering = work.means.steering
    steering.asked.clear()
    work.model = nncf.quantize_with_accuracy_control(
        work.model,
        dataset,
        steering.dataset(),
        steering.metric,
        max_drop=1.0,
        drop_type=nncf.DropType.ABSOLUTE,
        advanced_quantization_parameters=advanced,
        advanced_accuracy_restorer_parameters=nncf.AdvancedAccuracyRestorerParameters(
            max_num_iterations=control["most"],
            # fewer than all, so that `asked` tells ranking from validation
            ranking_subset_size=max(1, min(control["ranked_on"], len(steering) - 1)),
            num_ranking_workers=1,
        ),
        **shared,
    )
    whole = [used for count, used in steering.asked if count == len(steering)]
    work.found["control"] = {
        "slices": len(steering),
        "used_of_bound": [round(used, 3) for used in whole],
        "asked": len(steering.asked),
    }


def _nncf_prune(work: _Work, settings: Mapping[str, Any]) -> None:
    work.model = nncf.prune(
        work.model, nncf.PruneMode.UNSTRUCTURED_MAGNITUDE_LOCAL, ratio=settings["share"]
    )


def _prune_weights(work: _Work, settings: Mapping[str, Any]) -> None:
    work.found["zero_weights"] = sparsity.prune_weights(work.model, settings["share"])


def _prune_channels(work: _Work, settings: Mapping[str, Any]) -> None:
    arrays = work.slices(settings)
    work.found["channels"] = sparsity.prune_channels(work.model, settings["share"], arrays)


def _threshold(work: _Work, settings: Mapping[str, Any]) -> None:
    arrays = work.slices(settings)
    work.found["zero_activations"] = sparsity.threshold_activations(
        work.model, settings["share"], arrays
    )


STEPS: dict[str, Callable[[_Work, Mapping[str, Any]], None]] = {
    "fp16": _fp16,
    "weights": _weights,
    "int8": _int8,
    "nncf_prune": _nncf_prune,
    "prune_weights": _prune_weights,
    "prune_channels": _prune_channels,
    "threshold_activations": _threshold,
}
