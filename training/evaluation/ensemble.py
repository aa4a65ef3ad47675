"""The fold networks as one: their outputs averaged inside one IR, packaged and served like any.

The average is only judged on material none of them has seen. Its thresholds come from the single
networks' out-of-fold answers, because every slice of the folds was seen by some member; its
refusal estimator is fitted on its own averaged embedding of the training slices.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from appliance import runtime  # noqa: F401  isort: skip (oneDAL before OpenVINO)
import openvino as ov
from openvino import opset13 as ops

from appliance.registry import Package
from appliance.runtime import Network
from optimize.answers import pooled
from optimize.build import estimators_of, package_of
from optimize.calibrate import fit_rule
from optimize.cases import Case
from optimize.runs import Run
from training.evaluation.plan import Judged

_ROUNDS = 60


def averaged(models: Sequence[Path], outputs: dict[str, str]) -> ov.Model:
    """One model with one input whose outputs are the means of the models' outputs.

    Parameters
    ----------
    models : sequence of ``model.xml``
    outputs : mapping
        Reading name to output name, the same in every model.
    """
    core = ov.Core()
    members = [core.read_model(str(path)) for path in models]
    image = ops.parameter(members[0].input(0).get_shape(), np.float32, name="image")
    image.output(0).get_tensor().set_names({"image"})
    for member in members:
        for target in member.input(0).get_target_inputs():
            target.replace_source_output(image.output(0))
    results = []
    for name in outputs.values():
        sources = [member.output(name).get_node().input_value(0) for member in members]
        total = sources[0]
        for source in sources[1:]:
            total = ops.add(total, source).output(0)
        mean = ops.multiply(total, ops.constant(np.float32(1.0 / len(members))))
        mean.output(0).get_tensor().set_names({name})
        results.append(ops.result(mean))
    return ov.Model(results, [image], "ensemble")


def write_ensemble(judged: Sequence[Judged], training: Sequence[Case], folder: Path) -> Package:
    """Merge the networks of the parts, calibrate, package.

    Parameters
    ----------
    training : sequence of Case
        Slices the members were trained on: the bank of the refusal estimator.
    folder : Path
        Gets ``networks/`` and ``package/``.
    """
    first = judged[0].part.run
    for precision in ("INT8", "FP16"):
        target = folder / "networks" / precision.lower() / "model.xml"
        target.parent.mkdir(parents=True, exist_ok=True)
        members = [j.part.run.network(precision) for j in judged]
        model = averaged(members, dict(first.draft["outputs"]))
        ov.save_model(model, str(target), compress_to_fp16=precision == "FP16")
    seen = sorted({fold for j in judged for fold in j.part.run.trained_on})
    draft = {
        **first.draft,
        "name": f"{first.draft['name']}-ensemble",
        "provenance": {**first.draft["provenance"], "trained_on_folds": seen},
    }
    run = replace(first, folder=folder, draft=draft)
    rule = fit_rule(pooled([j.answers for j in judged]))
    folds = [j.part.fold for j in judged]
    return package_of(run, rule, estimators_of(run, training), folder / "package", folds)


def latency_ratio(ensemble: Run, single: Run) -> dict[str, Any]:
    """Median time of one slice of both networks, measured in turns in one go.

    Returns
    -------
    dict
        ``ratio`` of the medians; both times are this machine's, at this moment: trust the ratio.
    """
    networks = [
        Network(run.network("INT8"), run.draft["outputs"], device="CPU", hint="LATENCY")
        for run in (ensemble, single)
    ]
    array = np.zeros(networks[0].input_shape, np.float32)
    times: list[list[float]] = [[], []]
    for turn in range(_ROUNDS + 10):
        for network, found in zip(networks, times, strict=True):
            started = time.perf_counter_ns()
            network.infer(array)
            if turn >= 10:
                found.append((time.perf_counter_ns() - started) / 1e6)
    medians = [float(np.median(found)) for found in times]
    return {
        "ratio": round(medians[0] / medians[1], 2),
        "ensemble_ms": round(medians[0], 2),
        "single_ms": round(medians[1], 2),
        "rounds": _ROUNDS,
    }
