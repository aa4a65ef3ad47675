"""The part of a model card that an evaluation fills: targets, groups, confounders, limits found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from appliance.wording import markdown_table, shown
from optimize.caveats import (
    CHOSEN,
    PROBABILITIES,
    REFUSED,
    SCANNERS,
    SLICES,
    baseline,
    incomplete,
)

Evaluation = Mapping[str, Any]


def _value(entry: Mapping[str, Any] | None, digits: int = 3) -> str:
    return shown(entry, digits) or "not measured"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    return [markdown_table(head, rows), ""]


def about_figures(evaluation: Evaluation) -> list[str]:
    """What the figures are of, and what their intervals mean."""
    protocol = evaluation["protocol"]
    folds = ", ".join(str(fold["fold"]) for fold in protocol["folds"])
    return [
        f"Measured {evaluation['utc'][:10]} by `python -m training evaluate` on fold {folds}: "
        "every slice was read from its file, as served, by a network of the same recipe that has "
        "not seen its fold. " + protocol["intervals"],
        *incomplete(protocol),
        REFUSED,
        CHOSEN,
        SLICES,
    ]


def evaluated(metrics: Mapping[str, Any]) -> list[str]:
    """Sections out of the manifest's ``metrics``: targets to confounders."""
    evaluation = metrics["evaluation"]
    return [
        *_targets(evaluation),
        *_by_class(metrics, evaluation),
        *_groups(evaluation),
        *_calibration(evaluation),
        *_real(evaluation),
        *_robustness(evaluation),
        *_precisions(metrics, evaluation),
        *_confounders(evaluation),
        *_ensemble(evaluation),
    ]


def _targets(evaluation: Evaluation) -> list[str]:
    rows = evaluation["targets"]
    missed = [t for t in rows if t["status"] != "met"]
    text = (
        f"{len(rows) - len(missed)} of {len(rows)} met, by the figure itself; what training again "
        "changed stands in [limits.md](limits.md). Figures on other sources and real volumes are "
        "those of a network of all folds where it was evaluated too, else means of the fold "
        "networks; this network's own, on other sources, stand in the table above."
    )
    table = _table(
        ("target", "bound", "found (95 %)", ""),
        [(f"{t['group']}: {t['target']}", t["bound"], _value(t), t["status"]) for t in rows],
    )
    return ["## Targets", "", text, "", *table]


def _by_class(metrics: Mapping[str, Any], evaluation: Evaluation) -> list[str]:
    readers = evaluation["readers"] or {}
    rows = []
    for label, found in metrics["INT8"]["by_class"].items():
        ceiling = readers.get(label, {}).get("readers")
        rows.append(
            (
                label,
                _value(found["precision"]),
                _value(found["recall"]),
                _value(found["set_coverage"]),
                _value(found["set_size"], 2),
                _value(found.get("dice")) if "dice" in found else "–",
                _value(ceiling) if ceiling else "–",
                f"{_value(readers[label]['network'])}, n = {ceiling['n']}" if ceiling else "–",
            )
        )
    head = ("class", "precision", "recall", "set holds it", "labels in the set", "Dice", "readers",
            "network, on the same slices")  # fmt: skip
    text = (
        "Readers: Dice between two groups of readers on the slices both outlined; the last column "
        "is the network on these. It learnt from the first group's outlines, so a higher figure is "
        "not a better mask."
    )
    return ["## By class (INT8)", "", text, "", *_table(head, rows), *_verdicts(metrics)]


def _verdicts(metrics: Mapping[str, Any]) -> list[str]:
    """How many slices of each class got no plain answer."""
    rows = [
        (label, found["recall"]["n"], _value(found["uncertain"]), _value(found["refused"]))
        for label, found in metrics["INT8"]["by_class"].items()
    ]
    return _table(("class", "slices", "verdict `uncertain`", "refused"), rows)


def _groups(evaluation: Evaluation) -> list[str]:
    low, high = evaluation["size_edges_px"]
    names = {
        "by_fold": "fold {}",
        "by_plane": "plane {}",
        "by_size": "tumour size {}",
    }
    rows = [
        (
            names[kind].format(name),
            found["n"],
            found["groups"],
            _value(found["accuracy"]),
            _value(found["dice"]),
            _value(found["ap50"]),
            _value(found["refused"]),
        )
        for kind, parts in evaluation["parts"].items()
        for name, found in parts.items()
    ]
    text = (
        "A group is a run of consecutive slices of one label, or a cluster of look-alikes; nothing "
        f"smaller was split or resampled. Sizes are terciles, parted at {low} and {high} px. Age, "
        "sex, ethnicity and scanner are not published with the slices: no figures by them. Planes "
        "are known of tumour-free slices only."
    )
    head = ("group", "slices", "groups", "four classes", "Dice", "AP50", "refused")
    return ["## By group", "", text, "", *_table(head, rows)]


def _calibration(evaluation: Evaluation) -> list[str]:
    found = evaluation["calibration"]
    rows = [
        (text, _value(found[k]["error"], 4), f"{found[k]['log_loss']:.4f}")
        for k, text in PROBABILITIES.items()
    ]
    head = ("probabilities", "expected calibration error", "log loss")
    text = "Drawing groups anew adds an error of its own: a small error can lie below its interval."
    return ["## Calibration", "", text, "", *_table(head, rows)]


def _real(evaluation: Evaluation) -> list[str]:
    """The series and the volume, for the network trained on all folds where there is one."""
    lines = []
    if series := evaluation["schwannoma"]:
        for name, f in _chosen(series["by_network"]).items():
            lines.append(
                f"- Vestibular schwannoma series, {name}: verdict {f['verdict']}; of "
                f"{f['tumour_slices']} tumour slices {f['found_tumor']:.0%} called tumor, of "
                f"{f['healthy_slices']} healthy ones {f['healthy_called_tumor']:.0%} called tumor, "
                f"{f['healthy_uncertain']:.0%} uncertain, {f['healthy_with_mask']:.0%} with an "
                "outline."
            )
    if volume := evaluation["brats"]:
        for name, f in _chosen(volume["by_network"]).items():
            found = "found" if f["lesion_found"] else "not found"
            lines.append(
                f"- Skull-stripped T1c volume (evaluation only), {name}: verdict {f['verdict']}, "
                f"lesion {found}, {f['false_lesions']} false lesions."
            )
    return ["## Real series", "", *lines, ""] if lines else []


def _chosen(networks: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"all": networks["all"]} if "all" in networks else networks


def _robustness(evaluation: Evaluation) -> list[str]:
    found = evaluation["robustness"]
    if not found:
        return []
    drawn = ", ".join(f"{label} {number}" for label, number in found["by_class"].items())
    rows = [("none", "", *_point(found["plain"]))]
    for kind in found["disturbances"]:
        worst = kind["points"][-1]
        rows.append((kind["name"], f"{worst['strength']:g} ({kind['unit']})", *_point(worst)))
    text = (
        f"The strongest of each disturbance, {found['slices']} slices in {found['groups']} groups "
        f"({drawn}), so that undisturbed figures differ from those above; milder ones stand in the "
        "evaluation."
    )
    head = ("disturbance", "strength", "four classes", "Dice", "refused")
    return ["## Disturbed input", "", text, "", *_table(head, rows)]


def _point(point: Mapping[str, Any]) -> tuple[str, str, str]:
    return _value(point["accuracy"]), _value(point["dice"]), _value(point["refused"])


def _precisions(metrics: Mapping[str, Any], evaluation: Evaluation) -> list[str]:
    rows = [
        (
            pair["pair"],
            _value(pair["label_flips"], 4),
            _value(pair["verdict_flips"], 4),
            _value(pair["dice_between"]),
        )
        for pair in evaluation["precisions"]["pairs"]
    ]
    head = ("pair", "labels differ", "verdicts differ", "Dice between masks")
    right = ", ".join(
        f"{precision} {_value(found)}"
        for precision, found in evaluation["precisions"]["accuracy"].items()
    )
    text = f"The networks of the folds, without refusals; four classes right: {right}."
    return ["## What INT8 changes", "", text, "", *_table(head, rows), *_gate(metrics)]


def _gate(metrics: Mapping[str, Any]) -> list[str]:
    """How far the packaged INT8 network itself is from its FP32."""
    for row in metrics.get("parity", {}).get("rows", ()):
        if (row["reference"], row["candidate"]) == ("FP32", "INT8"):
            return [
                f"The packaged network on its {row['n']} held-out slices, {row['device']}: labels "
                f"differ on {row['label_flips']:.4f}, Dice between masks {row['mask_dice']:.3f}.",
                "",
            ]
    return []


def _confounders(evaluation: Evaluation) -> list[str]:
    lines = [SCANNERS, ""]
    if found := evaluation["source_baseline"]:
        figures = {name: v for name, v in baseline(found).items() if isinstance(v, Mapping)}
        lines += [
            f"What tells tumour from none without anatomy ({found['what']}), on the files as they "
            "are and on prepared slices; presence at home has to be read beside it:",
            "",
            *_table(("figure", "found (95 %)"), [(name, _value(v)) for name, v in figures.items()]),
        ]
    rows = [
        (name, _value(f["leaky_image_level"]), _value(f["honest_by_group"]))
        for name, f in evaluation["leak"].items()
    ]
    lines += [
        "What a split by image would have claimed, beside the honest split (four classes, same "
        "features, same classifier):",
        "",
        *_table(("features", "LEAKY, by image", "honest, by group"), rows),
    ]
    return ["## Confounders", "", *lines]


def _ensemble(evaluation: Evaluation) -> list[str]:
    found = evaluation.get("ensemble")
    if not found:
        return []
    other, latency = found["other_sources"], found["latency"]
    return [
        "## Ensemble (not shipped)",
        "",
        f"Mean of {len(found['members'])} fold networks on the other sources: labelled as tumour, "
        f"of those read, {_value(other['sensitivity_when_read'])}, Dice of those read "
        f"{_value(other['dice_when_read'])}, at {latency['ratio']:.1f} times the time of one.",
        "",
    ]
