"""The model card as Markdown, out of the manifest: no figure is typed by hand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from appliance.core.manifest import Manifest

_ROWS = (
    ("accuracy", "four classes right"),
    ("types", "type right, tumour slices"),
    ("sensitivity", "tumour slices labelled as tumour"),
    ("specificity", "tumour-free slices labelled so"),
    ("shown_as_tumor_or_uncertain", "tumour slices shown as tumour or uncertain"),
    ("called_no_tumor", "tumour slices called `no_tumor`"),
    ("false_mask_rate", "tumour-free slices with a mask"),
    ("uncertain", "verdict `uncertain`"),
    ("refused", "refused"),
)
_PLAIN = (
    ("auc", "AUC tumour against no tumour"),
    ("calibration_error", "expected calibration error"),
    ("set_coverage", "prediction set holds the truth"),
    ("set_size", "labels in the prediction set, mean"),
)


def _share(entry: Mapping[str, Any] | None) -> str:
    if not entry or entry.get("value") is None:
        return "not measured"
    low, high = entry["interval"]
    return f"{entry['value']:.3f} ({low:.3f} to {high:.3f}, n = {entry['n']})"


def _dice(entry: Mapping[str, Any] | None) -> str:
    if not entry:
        return "not measured"
    classes = ", ".join(f"{label} {value:.3f}" for label, value in entry["by_class"].items())
    return f"{entry['value']:.3f} (n = {entry['n']}: {classes})"


def _figures(metrics: Mapping[str, Any], sets: Mapping[str, str]) -> list[str]:
    columns = [key for key in sets if key in metrics]
    lines = [
        "| figure | " + " | ".join(sets[key] for key in columns) + " |",
        "| --- |" + " --- |" * len(columns),
    ]
    for key, text in _ROWS:
        lines.append(
            f"| {text} | " + " | ".join(_share(metrics[c].get(key)) for c in columns) + " |"
        )
    lines.append(
        "| Dice, tumour slices, input grid | "
        + " | ".join(_dice(metrics[c].get("dice")) for c in columns)
        + " |"
    )
    for key, text in _PLAIN:
        values = [metrics[c].get(key) for c in columns]
        shown = ["not measured" if v is None else f"{v:.3f}" for v in values]
        lines.append(f"| {text} | " + " | ".join(shown) + " |")
    return lines


def render(manifest: Manifest) -> str:
    """The card of a package."""
    card = manifest.to_json()
    provenance, metrics = card["provenance"], card["metrics"]
    sets = {
        "INT8": "validation, INT8",
        "FP16": "validation, FP16",
        "other_sources": "other sources, INT8",
    }
    lines = [
        f"# {card['title']} (`{card['name']}` {card['version']})",
        "",
        "Research use only. Not a medical device. Written by `python -m optimize card` from the",
        "package's manifest.",
        "",
        "## Intended use",
        "",
        card["intended_use"],
        "",
        "## Limits",
        "",
        *(f"- {limit}" for limit in card["limits"]),
        "",
        "## Figures",
        "",
        "Validation figures: the fold was used to choose and to calibrate, so these are not test",
        "figures. Shares carry a 95 % Wilson interval, which takes slices as independent although",
        "neighbouring slices of a patient are not: the intervals are too narrow. Refused slices",
        "count as wrong, and as Dice 0.",
        "",
        *_figures(metrics, sets),
        "",
    ]
    against = metrics.get("INT8_against_FP16")
    if against:
        lines += [
            f"INT8 against FP16 on the same {against['n']} slices: labels differ on "
            f"{against['label_flips']:.2%}, verdicts on {against['verdict_flips']:.2%}.",
            "",
        ]
    refusals = metrics.get("refusals")
    if refusals:
        lines += [
            "## Refusals",
            "",
            "Nothing was fitted on these pictures, but these figures were looked at while the",
            "estimator's depth, penalty and distance margin were chosen: development figures.",
            "",
        ]
        lines += ["| input | refused | n |", "| --- | --- | --- |"]
        lines += [f"| {r['input']} | {r['refused']:.2f} | {r['n']} |" for r in refusals]
        lines.append("")
    lines += [
        "## How it was made",
        "",
        f"- {provenance['architecture']}; started from {provenance['initial_weights']}.",
        f"- Trained on folds {provenance['trained_on_folds']}, calibrated on "
        f"{provenance['calibrated_on_folds']}.",
        f"- {provenance['epochs']} epochs, seed {provenance['seed']}.",
        f"- Backend: {provenance['backend']}.",
        *(f"- Data: {entry['name']}; licence {entry['licence']}." for entry in provenance["data"]),
        f"- Code: commit {provenance['commit']}.",
        f"- Licence of the weights: {card['licence']}.",
        "",
        "## The verdict rule",
        "",
        "| value | |",
        "| --- | --- |",
        *(f"| {key} | {value:.4g} |" for key, value in card["verdict"].items()),
        "",
    ]
    return "\n".join(lines)
