"""What a peer is told when it opens."""

from __future__ import annotations

from typing import Any

import numpy as np

from appliance.package import Package
from benchmarks import host
from benchmarks.inputs import Inputs
from benchmarks.networks import Networks
from benchmarks.plan import WHOLE, Contender


def configuration(
    contender: Contender, package: Package, inputs: Inputs, networks: Networks, device: str
) -> dict[str, Any]:
    """The ``config`` of its ``open``; exports its network where it is not kept yet."""
    config: dict[str, Any] = {
        "samples": str(inputs.samples),
        "threads": max(int(np.ceil(host.cores())), 1),
        "device": device,
        "outputs": dict(package.manifest.outputs),
        **dict(contender.settings),
    }
    if contender.module == "estimator_peer":
        return {**config, "cohort": str(inputs.cohort.path)}
    if contender.target not in WHOLE:
        if contender.model:
            config["model"] = str(networks.path(contender.model))
        return config
    config |= {"package": str(package.path), "precision": contender.precision}
    if "files" in config:
        return config
    if contender.target == "dicom":
        return {**config, "files": [str(inputs.volume)], "slices": inputs.depth}
    return {**config, "files": [str(path) for path in inputs.pictures]}
