"""What the networks of a ladder say of slices at home, of other scanners and of a real series.

A step of ``python -m training ladder``, without TensorFlow::

    python -m training.ladder_measure OUT DATA CANDIDATE RUNG...

writes ``OUT/predictions.npz``: for each rung logits of every set, (n, 4) float32.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
from tqdm import tqdm

from appliance.core.errors import BlankImage
from appliance.core.geometry import viewing
from appliance.core.preprocess import Preprocessing, prepare
from appliance.ingest import read_path
from appliance.runtime import Network
from training.compare_measure import logits_of, scored_slices, truth_of
from training.evaluation.elsewhere import HEALTHY_SLICES, SCHWANNOMA, TUMOUR_SLICES, from_the_feet
from training.processes import worker
from training.protocol import Protocol


def real_series(root: Path, spec: Preprocessing) -> tuple[np.ndarray, np.ndarray]:
    """Judged slices of the schwannoma series, prepared, and which of them show the tumour.

    Returns
    -------
    (n, size, size, 1) float32
    (n,) bool
        Both of length 0 where the series is absent.
    """
    arrays, tumour = [], []
    path = root / SCHWANNOMA
    if path.is_file():
        (series,) = read_path(path).series
        planes = viewing(series.volume).apply(series.volume.array)
        planes = planes if from_the_feet(series) else planes[::-1]
        for index in (*TUMOUR_SLICES, *HEALTHY_SLICES):
            try:
                arrays.append(prepare(np.ascontiguousarray(planes[index]), spec).array)
            except BlankImage:
                continue
            tumour.append(index in TUMOUR_SLICES)
    shape = (0, spec.size, spec.size, 1)
    return np.array(arrays, np.float32).reshape(-1, *shape[1:]), np.array(tumour, bool)


def measure(out: Path, root: Path, candidate: str, rungs: list[str]) -> None:
    """Every rung's logits of the scored fold, the other sources and the series."""
    protocol = Protocol.from_json(json.loads((out / rungs[0] / "protocol.json").read_text()))
    scored, others = scored_slices(root, protocol)
    series, tumour = real_series(root, protocol.preprocessing)
    arrays = {**truth_of(scored, others), "series_tumour": tumour}
    for rung in tqdm(rungs, "scoring", disable=None):
        path = out / rung / candidate / "networks" / "fp32" / "model.xml"
        network = Network(path, {"logits": "logits"}, device="CPU")
        arrays[rung] = logits_of(network, scored.arrays)
        arrays[f"{rung}.others"] = logits_of(network, others.arrays)
        arrays[f"{rung}.series"] = logits_of(network, series)
    np.savez_compressed(out / "predictions.npz", **arrays)


def main(argv: list[str]) -> int:
    """``OUT DATA CANDIDATE RUNG...``."""
    return worker(lambda: measure(Path(argv[0]), Path(argv[1]), argv[2], argv[3:]))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
