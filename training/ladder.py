"""``python -m training ladder``: what each measure against the source confound brings.

One classifier is trained several times under one protocol, each time with one measure more, and
asked about slices at home, tumours of other scanners and healthy slices of another scanner. A
killed ladder goes on from the last whole epoch.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from appliance.core.metrics import auc
from appliance.core.types import LABELS
from appliance.core.verdict import softmax
from training import processes
from training.candidates import CANDIDATES, OURS, SCALES, Candidate, choose
from training.compare import hold, trained
from training.ladder_report import html, markdown
from training.ladder_rungs import RUNGS, climbed
from training.protocol import Protocol, parse_budget
from training.resample import mean_interval

SCHEMA = "neuralscan/ladder/1"
_HEALTHY = LABELS.index("no_tumor")


def ladder(
    out: Path,
    root: Path,
    candidate: Candidate,
    protocol: Protocol,
    names: Sequence[str] | None = None,
) -> Path:
    """Train what is not trained, score every rung, write the reports.

    Returns
    -------
    Path
        ``OUT/ladder.html``; ``.json`` and ``.md`` beside it.

    Raises
    ------
    BadRequest
        When `out` holds networks of another protocol, or for an unknown rung.
    """
    rungs = climbed(names)
    for name, augmentation in rungs.items():
        hold(out / name, replace(protocol, augmentation=augmentation))
        trained(out / name, root, candidate, name)
    processes.step("scoring", "training.ladder_measure", out, root, candidate.name, *rungs)
    document = figures(out, candidate, protocol, list(rungs))
    processes.write_json(out / "ladder.json", document)
    (out / "ladder.md").write_text(markdown(document), encoding="utf-8")
    (out / "ladder.html").write_text(html(document), encoding="utf-8")
    return out / "ladder.html"


def figures(
    out: Path, candidate: Candidate, protocol: Protocol, names: Sequence[str]
) -> dict[str, Any]:
    """Every rung's figures, and how far they moved from the rung below, paired by slice."""
    with np.load(out / "predictions.npz", allow_pickle=False) as archive:
        found = {key: archive[key] for key in archive.files}
    says = {rung.name: rung.says for rung in RUNGS}
    rows, below = [], None
    for name in names:
        hits = _hits(name, found)
        row = {"name": name, "says": says[name], **_alone(name, found)}
        for key, (values, groups) in hits.items():
            if not len(values):
                continue
            row[key] = mean_interval(values, groups).to_json()
            if below is not None:
                row[key]["change"] = mean_interval(values - below[key][0], groups).to_json()
        rows.append(row)
        below = hits
    run = json.loads((out / names[0] / candidate.name / "run.json").read_text())
    return {
        "schema": SCHEMA,
        "network": candidate.label(protocol.scale),
        "protocol": {**protocol.to_json(), "budget": protocol.budget()},
        "training_slices": run["training_slices"],
        "scored_slices": len(found["labels"]),
        "other_sources_slices": len(found["others_labels"]),
        "series_slices": {
            "tumour": int(found["series_tumour"].sum()),
            "healthy": int((~found["series_tumour"]).sum()),
        },
        "rungs": rows,
    }


def _hits(name: str, found: dict[str, np.ndarray]) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """By figure, one value a slice and the slices' groups."""
    labels, groups = found["labels"], found["groups"]
    guess, tumour = found[name].argmax(1), labels != _HEALTHY
    abroad = found[f"{name}.others"].argmax(1) != _HEALTHY
    return {
        "accuracy": ((guess == labels).astype(float), groups),
        "types": ((guess == labels)[tumour].astype(float), groups[tumour]),
        "others_found": (abroad.astype(float), found["others_groups"]),
    }


def _alone(name: str, found: dict[str, np.ndarray]) -> dict[str, float | None]:
    """Figures of the one real series, which is one person: no interval would mean anything."""
    presence, other = (
        1.0 - softmax(found[f"{name}.{part}"].astype(np.float64))[:, _HEALTHY]
        for part in ("series", "others")
    )
    tumour = found["series_tumour"]
    healthy = presence[~tumour]
    both = np.concatenate([other, healthy])
    called = found[f"{name}.series"].argmax(1) != _HEALTHY
    scored = len(other) and len(healthy)
    return {
        "series_found": float(called[tumour].mean()) if tumour.any() else None,
        "series_healthy_called": float(called[~tumour].mean()) if len(healthy) else None,
        "abroad_auc": float(auc(both, np.arange(len(both)) < len(other))) if scored else None,
    }


def run(arguments: argparse.Namespace) -> int:
    """The verb."""
    from appliance.provenance import data_root

    protocol = Protocol(
        input=arguments.input,
        scale=arguments.scale,
        seed=arguments.seed,
        steps=arguments.steps,
        **parse_budget(arguments.budget),
    )
    root = data_root(arguments.data).resolve()
    (candidate,) = choose(arguments.network)
    names = arguments.rungs.split(",") if arguments.rungs else None
    print(ladder(Path(arguments.out).resolve(), root, candidate, protocol, names))
    return 0


def add_verb(verbs: argparse._SubParsersAction) -> None:
    """Add ``ladder`` to the parser."""
    text = "train with one measure against the source confound more each time; show what it brought"
    verb = verbs.add_parser(
        "ladder",
        help=text,
        description=text,
        epilog="example: python -m training ladder --data DATA --out runs/ladder --budget 6",
    )
    verb.add_argument("--data", help="data root (default: NEURALSCAN_DATA)")
    verb.add_argument("--out", default="runs/ladder", help="folder for networks and reports")
    verb.add_argument(
        "--budget", default="6", help="of each rung: epochs (6) or minutes of training (10m)"
    )
    verb.add_argument("--rungs", help=f"some of {','.join(r.name for r in RUNGS)} (default: all)")
    verb.add_argument(
        "--network",
        choices=[c.name for c in CANDIDATES],
        default=OURS,
        help=f"what is trained ({OURS})",
    )
    verb.add_argument("--input", type=int, default=128, help="side of the input, pixels (128)")
    verb.add_argument("--scale", choices=SCALES, default="reduced", help="widths (reduced)")
    verb.add_argument("--steps", type=int, help="steps of an epoch (default: every slice once)")
    verb.add_argument("--seed", type=int, default=7, help="of everything random (7)")
    verb.set_defaults(run=run)
