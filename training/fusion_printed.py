"""Figures that authors print for CT/MR pairs of the same atlas, beside ours in their units.

Only what was read at its source stands here. Of the figures, entropy, spatial frequency, standard
deviation and Q^AB/F are defined as ours are; mutual information is theirs in nat, VIF their sum
over both sources. Their SSIM takes another window and range and is left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

SOURCE = (
    "Zhao et al., CDDFuse: correlation-driven dual-branch feature decomposition for multi-modality "
    "image fusion, CVPR 2023, table 5, as the authors' README prints the output of their test "
    "program (github.com/Zhaozixiang1228/MMIF-CDDFuse, utils/Evaluator.py for the definitions): 21 "
    "CT/MR pairs of the Harvard Whole Brain Atlas."
)
NOTE = (
    "Which 21 pairs they took is not said by a name that ours share, and the networks were trained "
    "on further pairs of the atlas: read the size of a difference, not its last digit."
)
FIGURES = {
    "entropy": "Entropy, bit",
    "standard_deviation": "Standard deviation",
    "spatial_frequency": "Spatial frequency",
    "mutual_information": "Mutual information, nat",
    "vif": "VIF, sum",
    "qabf": "Q^AB/F",
}
PRINTED: Mapping[str, tuple[float, ...]] = {
    "CDDFuse, trained on infrared": (4.83, 88.59, 33.83, 2.24, 0.50, 0.59),
    "CDDFuse, trained on medical": (4.88, 79.17, 38.14, 2.61, 0.61, 0.68),
}
"""In the order of `FIGURES`; two networks that need a GPU to be trained."""
_THEIRS = {"mutual_information": float(np.log(2.0)), "vif": 2.0}
"""From our units to theirs."""


def beside(document: Mapping[str, Any]) -> tuple[list[str], list[list[str]]]:
    """Header and lines of a table: what was printed, then our methods on our pairs.

    Parameters
    ----------
    document : mapping
        As `training.fusion.tabulated` makes it.
    """
    header = ["Method", "Pairs", *FIGURES.values()]
    lines = [[name, "21", *(f"{v:.2f}" for v in values)] for name, values in PRINTED.items()]
    for method, own in document["methods"].items():
        values = (own[name]["mean"] * _THEIRS.get(name, 1.0) for name in FIGURES)
        lines.append([method, str(document["pairs"]), *(f"{v:.2f}" for v in values)])
    return header, lines
