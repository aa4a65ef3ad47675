"""The verb ``trials``: what each measure brought, paired by slice, with intervals by group."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from appliance.core.errors import BadRequest, NotFound
from appliance.core.intervals import Bootstrap
from training.config import Config
from training.figures import READINGS, Readings, finished, hits, load

_SETS = ("validation", "other_sources")


def _mean(values: np.ndarray):
    """A statistic for `Bootstrap`: the weighted mean of what is not NaN."""
    known = np.isfinite(values)
    filled = np.where(known, values, 0.0)

    def statistic(weights: np.ndarray) -> np.ndarray:
        total = weights @ known
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(total > 0, (weights @ filled) / total, np.nan)

    return statistic


def against(base: Readings, trial: Readings) -> dict[str, dict[str, Any]]:
    """By figure: the trial's mean, and its difference from the base with a 95 % interval.

    Raises
    ------
    BadRequest
        When the two did not read the same slices.
    """
    same = len(base["label"]) == len(trial["label"]) and (base["group"] == trial["group"]).all()
    if not same or (base["label"] != trial["label"]).any():
        raise BadRequest("the runs did not read the same slices; compare runs of one fold")
    draws = Bootstrap(base["group"].tolist())
    before, after = hits(base), hits(trial)
    rows = {}
    for name, values in after.items():
        if not np.isfinite(values).any():
            continue
        difference = _mean(values - before[name])
        low, high = draws.interval(difference)
        rows[name] = {
            "value": float(np.nanmean(values)),
            "difference": draws.value(difference),
            "interval": [low, high],
            "n": int(np.isfinite(values).sum()),
        }
    return rows


def words(row: Mapping[str, Any]) -> str:
    """``0.953 (+0.012, -0.001 to +0.024)``; a star where the interval leaves zero out."""
    low, high = row["interval"]
    star = " *" if low > 0 or high < 0 else ""
    return f"{row['value']:.3f} ({row['difference']:+.3f}, {low:+.3f} to {high:+.3f}){star}"


def _changes(base: Mapping[str, Any], trial: Mapping[str, Any]) -> str:
    """The settings that differ, as text; what an older run did not have yet is as by default."""

    def flat(config: Mapping[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, value in config.items():
            if isinstance(value, Mapping):
                found |= {f"{key}.{inner}": v for inner, v in value.items()}
            elif key not in ("name", "title"):
                found[key] = value
        return found

    default = flat(json.loads(json.dumps(asdict(Config("", "")))))
    one, two = default | flat(base), flat(trial)
    keys = [key for key in two if two[key] != one.get(key)]
    return ", ".join(f"{key} {one.get(key, 'absent')} → {two[key]}" for key in keys) or "nothing"


def _name(run: Path) -> str:
    """The folder's name; with the one it lies in where that is the fold of a recipe."""
    run = run.resolve()
    return f"{run.parent.name}/{run.name}" if run.name.startswith("fold") else run.name


def read_run(run: Path) -> tuple[dict[str, Any], dict[str, dict[str, np.ndarray]]]:
    """A finished run's history and readings.

    Raises
    ------
    NotFound
        When the run is not finished.
    """
    history = finished(run)
    try:
        return history, load(run / READINGS)
    except OSError as error:
        raise NotFound(f"{run} holds no finished run: {error.strerror}") from error


def compare_trials(base: Path, trials: Sequence[Path]) -> dict[str, Any]:
    """Every trial against the base, on every set both read."""
    history, readings = read_run(base)
    found: dict[str, Any] = {"base": _name(base), "trials": []}
    for path in (base, *trials):
        other, theirs = read_run(path)
        found["trials"].append(
            {
                "name": _name(path),
                "changed": _changes(history["config"], other["config"]),
                "epochs": len(other["epochs"]),
                "minutes": round(sum(e["seconds"] for e in other["epochs"]) / 60, 1),
                "sets": {
                    name: against(readings[name], theirs[name])
                    for name in _SETS
                    if name in readings and name in theirs
                },
            }
        )
    return found


def to_markdown(found: Mapping[str, Any]) -> str:
    """A table for each set; the base first, differences from it in brackets."""
    lines = [
        "# What was tried",
        "",
        f"Differences from `{found['base']}`, paired by slice; 95 % intervals by resampling",
        "groups; a star where the interval leaves zero out. FP32 network alone, no refusal.",
        "",
        "| run | changed | epochs | minutes |",
        "| --- | --- | --- | --- |",
    ]
    for trial in found["trials"]:
        lines.append(
            f"| `{trial['name']}` | {trial['changed']} | {trial['epochs']} | {trial['minutes']} |"
        )
    for name in _SETS:
        rows = [t for t in found["trials"] if name in t["sets"]]
        if not rows:
            continue
        columns = list(rows[0]["sets"][name])
        lines += ["", f"## {name}", "", "| run | " + " | ".join(columns) + " |"]
        lines.append("| --- |" + " --- |" * len(columns))
        for trial in rows:
            cells = [
                f"{trial['sets'][name][c]['value']:.3f}"
                if trial["name"] == found["base"]
                else words(trial["sets"][name][c])
                for c in columns
            ]
            lines.append(f"| `{trial['name']}` | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _run(arguments: argparse.Namespace) -> int:
    found = compare_trials(arguments.base, arguments.trials)
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=1))
    print(to_markdown(found), end="")
    return 0


def add_verb(verbs: argparse._SubParsersAction) -> None:
    """Add ``trials``."""
    text = "compare finished runs of one fold with a base run, paired by slice, as Markdown"
    verb = verbs.add_parser(
        "trials",
        help=text,
        description=text,
        epilog="example: python -m training trials runs/base runs/all runs/without_heal",
    )
    verb.add_argument("base", type=Path, help="the run that the others are measured against")
    verb.add_argument("trials", type=Path, nargs="+", help="runs that read the same slices")
    verb.add_argument("--json", type=Path, help="also write the figures to this file")
    verb.set_defaults(run=_run)
