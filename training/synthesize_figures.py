"""From the steps' files to the synthesis as one JSON document; the verdict comes from intervals."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from appliance.core.types import LABELS
from training.candidates import choose
from training.gan_plan import Plan
from training.protocol import Protocol
from training.resample import Interval, mean_interval
from training.synthesize_ablation import ARMS, arm_folder

SCHEMA = "neuralscan/synthesis/1"
_HEALTHY = LABELS.index("no_tumor")
WORDS = {1: "helps", -1: "hurts", 0: "does nothing that shows"}

NOTES = (
    "All figures of the ablation come from real slices of a fold that neither the GAN nor the "
    "classifiers have seen, and from other scanners.",
    "Both arms take the same number of steps from the same starting weights with the same "
    "augmentation; with synthetic slices in the pool, real ones are drawn less often.",
    "The verdict is the sign of the interval of the accuracy difference, nothing else; the "
    "interval resamples groups of slices and training seeds. The classifier is small and starts "
    "from scratch, where more data should help most; a strong start may gain less.",
    "A copy is a synthetic slice that lies closer to a training slice, or its mirror image, than "
    "all but the closest few per cent of real slices of other people do. Blurred pictures lie "
    "closer to everything, so flags are no proof of a copy; and a copy of a detail is not found.",
    "The Fréchet distance is computed in the embedding of the product's own network, on equal "
    "counts, between normal distributions fitted to 32 principal components: only rows of one "
    "table compare with each other, and no published FID does.",
    "Synthetic slices carry no mask and no tumour of theirs was checked by a radiologist. They are "
    "for training experiments only.",
)


def synthesis(out: Path) -> dict[str, Any]:
    """Everything the reports show."""
    check = json.loads((out / "check.json").read_text())
    plan = Plan.from_json(json.loads((out / "plan.json").read_text()))
    return {
        "schema": SCHEMA,
        "plan": plan.to_json(),
        "gan": json.loads((out / "gan.json").read_text()),
        "rounds": json.loads((out / "history.json").read_text())["rounds"],
        "check": check,
        "ablation": ablation(out),
        "notes": NOTES,
    }


def ablation(out: Path) -> dict[str, Any]:
    """Both arms' figures and their paired differences."""
    settings = json.loads((out / "ablation.json").read_text())
    protocol = Protocol.from_json(settings["protocol"])
    with np.load(out / "ablation" / "truth.npz", allow_pickle=False) as archive:
        truth = {key: archive[key] for key in archive.files}
    logits = {arm: _logits(out, arm, protocol, settings) for arm in ARMS}
    hits = {arm: _hits(logits[arm], truth) for arm in ARMS}
    figures = []
    for name, (_, groups) in hits["real"].items():
        if not len(groups):
            continue
        real, made = (np.asarray(hits[arm][name][0], float) for arm in ARMS)
        change = mean_interval(made - real, groups)
        figures.append(
            {
                "figure": name,
                "real": mean_interval(real, groups).to_json(),
                "with_synthetic": mean_interval(made, groups).to_json(),
                "difference": change.to_json(),
                "difference_by_seed": (made - real).mean(1).tolist(),
                "words": WORDS[change.direction],
            }
        )
    (main,) = (row for row in figures if row["figure"] == "accuracy")
    return {
        "classifier": choose(settings["classifier"])[0].label(protocol.scale),
        "protocol": {**protocol.to_json(), "budget": protocol.budget()},
        "seeds": settings["seeds"],
        "steps_an_epoch": int(truth["steps"][0]),
        "slices": dict(zip(ARMS, truth["pool_sizes"].tolist(), strict=True)),
        "figures": figures,
        "verdict": main["words"],
        "sentence": sentence(Interval(**main["difference"])),
    }


def sentence(change: Interval) -> str:
    """The verdict in words.

    >>> sentence(Interval(0.01, -0.002, 0.02, 844, 303))
    'Adding the synthetic slices does nothing that shows: accuracy on real slices +0.010 (-0.002
    to +0.020).'
    """
    return (
        f"Adding the synthetic slices {WORDS[change.direction]}: accuracy on real slices "
        f"{change.value:+.3f} ({change.low:+.3f} to {change.high:+.3f})."
    )


def _logits(out: Path, arm: str, protocol: Protocol, settings: dict[str, Any]) -> dict[str, Any]:
    from dataclasses import replace

    found: dict[str, list[np.ndarray]] = {"scored": [], "others": []}
    for seed in settings["seeds"]:
        folder = arm_folder(out, arm, replace(protocol, seed=seed), settings["classifier"])
        with np.load(folder / "logits.npz", allow_pickle=False) as archive:
            for key in found:
                found[key].append(archive[key])
    return {key: np.stack(parts) for key, parts in found.items()}


def _hits(
    logits: dict[str, np.ndarray], truth: dict[str, np.ndarray]
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """(seeds, slices) of right or wrong, and the slices' groups, for each figure."""
    labels, groups = truth["labels"], truth["groups"]
    guess, abroad = logits["scored"].argmax(2), logits["others"].argmax(2)
    tumour = labels != _HEALTHY
    return {
        "accuracy": (guess == labels, groups),
        "tumour types": ((guess == labels)[:, tumour], groups[tumour]),
        "tumours found": ((guess != _HEALTHY)[:, tumour], groups[tumour]),
        "healthy kept": ((guess == _HEALTHY)[:, ~tumour], groups[~tumour]),
        "other scanners' tumours found": (abroad != _HEALTHY, truth["others_groups"]),
    }
