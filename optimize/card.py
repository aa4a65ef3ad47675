"""The model card as Markdown, out of the manifest: no figure is typed by hand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from appliance.core.manifest import Manifest
from appliance.wording import by_number
from optimize.card_evaluation import about_figures, evaluated
from optimize.card_opinion import about_opinion

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
_MORE = (
    ("sensitivity_when_read", "tumour slices labelled as tumour, of those read"),
    ("dice_when_read", "Dice, tumour slices that were read"),
    ("hd95_px", "95 % Hausdorff distance, px, median"),
    ("ap50", "AP50 of the boxes"),
    ("lesions_found", "lesions found, box overlap of half"),
    ("contradiction", "classifier and outline contradict each other"),
    ("f1", "F1, mean of the classes"),
)
_PLAIN = (
    ("auc", "AUC tumour against no tumour"),
    ("calibration_error", "expected calibration error"),
    ("set_coverage", "prediction set holds the truth"),
    ("set_size", "labels in the prediction set, mean"),
)


def _numbers(value: float | list[float]) -> str:
    """One number, or one for each label.

    >>> _numbers(0.25), _numbers([0.5, 0.125])
    ('0.25', '0.5, 0.125')
    """
    return ", ".join(f"{one:.4g}" for one in (value if isinstance(value, list) else [value]))


def _share(entry: Mapping[str, Any] | float | None) -> str:
    if isinstance(entry, int | float):
        return f"{entry:.3f}"
    if not entry or entry.get("value") is None:
        return "not measured"
    low, high = entry["interval"]
    between = "" if low is None else f"{low:.3f} to {high:.3f}, "
    return f"{entry['value']:.3f} ({between}n = {entry['n']})"


def _dice(metrics: Mapping[str, Any]) -> str:
    entry = metrics.get("dice")
    if not entry:
        return "not measured"
    if "interval" in entry:
        return _share(entry)
    classes = ", ".join(f"{label} {value:.3f}" for label, value in entry["by_class"].items())
    return f"{entry['value']:.3f} (n = {entry['n']}: {classes})"


def _resampled(metrics: Mapping[str, Any]) -> bool:
    """The intervals come from resampled groups; earlier packages have Wilson intervals."""
    return "groups" in metrics.get("INT8", {})


def _figures(metrics: Mapping[str, Any], sets: Mapping[str, str]) -> list[str]:
    columns = [key for key in sets if key in metrics]
    lines = [
        "| figure | " + " | ".join(sets[key] for key in columns) + " |",
        "| --- |" + " --- |" * len(columns),
    ]

    def line(text: str, cells: list[str]) -> None:
        lines.append(f"| {text} | " + " | ".join(cells) + " |")

    for key, text in _ROWS:
        line(text, [_share(metrics[c].get(key)) for c in columns])
    line("Dice, tumour slices, input grid", [_dice(metrics[c]) for c in columns])
    more = (*_MORE, *_PLAIN) if _resampled(metrics) else _PLAIN
    for key, text in more:
        line(text, [_share(metrics[c].get(key)) for c in columns])
    return lines


def _others(metrics: Mapping[str, Any]) -> list[str]:
    """Which slices the other sources are, by class."""
    held = by_number(metrics.get("by_class", {}))
    if not held:
        return []
    return [
        f"Other sources: {metrics['n']} slices in {metrics['groups']} groups of look-alikes "
        f"({held}). Which scanners made them is not published. A class of few slices moves means "
        "over classes (F1) far.",
        "",
    ]


def _about_figures(metrics: Mapping[str, Any]) -> list[str]:
    """What the figures are, and what their intervals mean."""
    if "evaluation" in metrics:
        return about_figures(metrics["evaluation"])
    if _resampled(metrics):
        return [
            "Validation figures: the fold was used to choose and to calibrate, so these are not "
            "test",
            "figures. Intervals are bootstrap intervals (95 %) that draw whole groups of slices; a",
            "patient may have several groups, so they are too narrow. Refused slices count as",
            "wrong, and as Dice 0.",
        ]
    return [
        "Validation figures: the fold was used to choose and to calibrate, so these are not test",
        "figures. Shares carry a 95 % Wilson interval, which takes slices as independent although",
        "neighbouring slices of a patient are not: the intervals are too narrow. Refused slices",
        "count as wrong, and as Dice 0.",
    ]


def _through(provenance: Mapping[str, Any]) -> str:
    """Whose answers calibrated a network on folds it was trained on itself."""
    if set(provenance["trained_on_folds"]) & set(provenance["calibrated_on_folds"]):
        return ", by the answers of fold models that had not seen them"
    return ""


def _data(entry: Mapping[str, str]) -> str:
    """
    >>> _data({"name": "slices", "origin": "a set"}), _data({"name": "slices"})
    ('slices (a set)', 'slices')
    """
    return f"{entry['name']} ({entry['origin']})" if "origin" in entry else entry["name"]


def render(manifest: Manifest) -> str:
    """The card of a package."""
    card = manifest.to_json()
    provenance, metrics = card["provenance"], card["metrics"]
    evaluation = metrics.get("evaluation")
    home = "validation" if evaluation is None else "fold-out"
    sets = {
        "INT8": f"{home}, INT8",
        "FP16": f"{home}, FP16",
        "other_sources": "other sources, INT8, this network",
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
        "Out of scope: any decision about a patient, children, other sequences and modalities, "
        "other lesions, heads after surgery. What is known to go wrong: [limits.md](limits.md).",
        "",
        "## Limits",
        "",
        *(f"- {limit}" for limit in card["limits"]),
        "",
        "## Figures",
        "",
        *_about_figures(metrics),
        "",
        *_figures(metrics, sets),
        "",
        *_others(metrics.get("other_sources", {})),
    ]
    if evaluation is not None:
        lines += evaluated(metrics)
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
    lines += about_opinion(metrics.get("second_opinion"))
    lines += [
        "## How it was made",
        "",
        f"- {provenance['architecture']}; started from {provenance['initial_weights']}.",
        f"- Trained on folds {provenance['trained_on_folds']}, calibrated on "
        f"{provenance['calibrated_on_folds']}{_through(provenance)}.",
        *(
            [f"- Limits of the refusal estimator: {provenance['refusal_limits_from']}."]
            if "refusal_limits_from" in provenance
            else []
        ),
        f"- {provenance['epochs']} epochs, seed {provenance['seed']}.",
        "- Backend: " + ", ".join(f"{k} {v}" for k, v in provenance["backend"].items()) + ".",
        *(f"- Data: {_data(entry)}; licence {entry['licence']}." for entry in provenance["data"]),
        f"- Code: commit {provenance['commit']}.",
        f"- Licence of the weights: {card['licence']}.",
        "",
        "## The verdict rule",
        "",
        "| value | |",
        "| --- | --- |",
        *(f"| {key} | {_numbers(value)} |" for key, value in card["verdict"].items()),
        "",
    ]
    return "\n".join(lines)
