"""Tables of what lies outside the folds: other sources, disturbances, precisions, splits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from appliance.wording import number, shown
from optimize import caveats
from training.evaluation.tables import Document
from training.page import Table


def other_sources(document: Document) -> list[Table]:
    found = document["other_sources"]
    keys = (
        ("called_no_tumor", "called no_tumor"),
        ("sensitivity", "labelled as tumour, of all"),
        ("sensitivity_when_read", "labelled as tumour, of those read"),
        ("uncertain", "uncertain"),
        ("refused", "refused"),
        ("types", "type right, of all"),
        ("dice", "Dice, refused as 0"),
        ("dice_when_read", "Dice of those read"),
        ("ap50", "AP50"),
        ("lesions_touched", "lesions touched"),
    )
    folds = dict(found["by_network"])
    main = {"all": folds.pop("all")} if "all" in folds else {}
    if len(folds) > 1:
        main["mean of the folds"] = found["mean"]
    else:
        main |= folds
        folds = {}
    rows = [
        [
            text,
            *(shown(f[key]) for f in main.values()),
            *(number(f[key]["value"]) for f in folds.values()),
        ]
        for key, text in keys
    ]
    head = ("figure", *main, *folds)
    classes_ = [
        [label, f["dice"]["n"], shown(f["dice"]), shown(f["recall"]), shown(f["refused"])]
        for label, f in found["mean"]["by_class"].items()
    ]
    return [
        Table(head, rows, f"{found['slices']} slices in {found['groups']} groups."),
        Table(("class", "readings", "Dice", "type right", "refused"), classes_, "By class."),
    ]


def series(document: Document) -> Table | None:
    found = document["schwannoma"]
    if not found:
        return None
    keys = (
        ("verdict", "verdict of the series"),
        ("ood_score", "out-of-distribution score (limit 1)"),
        ("found_tumor", "tumour slices called tumor"),
        ("found_tumor_or_uncertain", "tumour slices called tumor or uncertain, with a mask"),
        ("tumour_labelled", "tumour slices labelled as tumour"),
        ("healthy_called_tumor", "healthy slices called tumor"),
        ("healthy_uncertain", "healthy slices uncertain"),
        ("healthy_with_mask", "healthy slices with a mask"),
    )
    networks = found["by_network"]
    rows = [
        [
            text,
            *(f[key] if isinstance(f[key], str) else number(f[key]) for f in networks.values()),
        ]
        for key, text in keys
    ]
    first = next(iter(networks.values()))
    caption = (
        f"Vestibular schwannoma series: {first['tumour_slices']} tumour slices, "
        f"{first['healthy_slices']} healthy ones."
    )
    return Table(("figure", *networks), rows, caption)


def volume(document: Document) -> Table | None:
    found = document["brats"]
    if not found:
        return None
    rows = [
        [
            name,
            f["verdict"],
            number(f["ood_score"]),
            "yes" if f["lesion_found"] else "no",
            f["false_lesions"],
            number(f["dice"]),
        ]
        for name, f in found["by_network"].items()
    ]
    head = ("network", "verdict", "score (limit 1)", "lesion found", "false lesions", "Dice")
    return Table(head, rows, "Skull-stripped T1c volume (BraTS), evaluation only.")


def refusals(document: Document) -> Table:
    networks = document["refusals"]
    kinds: dict[str, dict[str, Any]] = {}
    for name, found in networks.items():
        for row in found:
            kinds.setdefault(row["input"], {"n": row["n"]})[name] = row["refused"]
    rows = [[kind, f["n"], *(number(f.get(n), 2) for n in networks)] for kind, f in kinds.items()]
    return Table(("input", "n", *networks), rows)


def robustness(document: Document) -> Table:
    found = document["robustness"]
    keys = ("accuracy", "dice", "refused", "uncertain")
    rows = [["none", *(shown(found["plain"][key]) for key in keys)]]
    for kind in found["disturbances"]:
        for point in kind["points"]:
            name = f"{kind['name']} {point['strength']:g}"
            rows.append([name, *(shown(point[key]) for key in keys)])
    units = ", ".join(f"{kind['name']}: {kind['unit']}" for kind in found["disturbances"])
    return Table(("disturbance", *keys), rows, f"Strengths: {units}.")


def precisions(document: Document) -> list[Table]:
    found = document["precisions"]
    pairs = found["pairs"]
    rows = [
        ["labels differ", *(shown(p["label_flips"], 4) for p in pairs)],
        ["verdicts differ", *(shown(p["verdict_flips"], 4) for p in pairs)],
        ["Dice between masks", *(shown(p["dice_between"]) for p in pairs)],
        ["slices with a mask", *(p["dice_between"]["n"] for p in pairs)],
        ["largest gap of a probability", *(number(p["probability_gap_largest"]) for p in pairs)],
        ["gap that 95 % stay below", *(number(p["probability_gap_p95"]) for p in pairs)],
    ]
    head = ("", *(p["pair"] for p in pairs))
    accuracy = [[name, shown(entry)] for name, entry in found["accuracy"].items()]
    return [
        Table(("precision", "four classes right"), accuracy, "By the rule alone, none refused."),
        Table(head, rows, "Same slices, same rule, on the network's grid."),
    ]


def leak(document: Document) -> Table:
    names = {
        "embedding": "embedding of the fold networks, on the folds they have not seen",
        "pixels": "slices of 32 × 32 pixels, no network",
        "network": "a network trained on an image-level split, beside the fold networks",
    }
    rows = [
        [text, shown(found["leaky_image_level"]), shown(found["honest_by_group"])]
        for key, text in names.items()
        if (found := document["leak"].get(key))
    ]
    return Table(("features", "LEAKY: split by image", "honest: split by group"), rows)


def baseline(document: Document) -> Table:
    rows = [
        [name, shown(value) if isinstance(value, Mapping) else value]
        for name, value in caveats.baseline(document["source_baseline"]).items()
    ]
    caption = "Tumour or not from border, size and histogram alone, without looking at anatomy."
    return Table(("", "value"), rows, caption)


def ensemble(document: Document) -> Table:
    found = document["ensemble"]
    keys = (
        ("called_no_tumor", "called no_tumor"),
        ("sensitivity_when_read", "labelled as tumour, of those read"),
        ("uncertain", "uncertain"),
        ("refused", "refused"),
        ("dice_when_read", "Dice of those read"),
    )
    single = document["other_sources"]["mean"]
    rows = [[text, shown(found["other_sources"][key]), shown(single[key])] for key, text in keys]
    latency = found["latency"]
    rows.append(["time of a slice, times one network", f"{latency['ratio']:.2f}", "1.00"])
    caption = (
        f"Mean of the outputs of {', '.join(found['members'])} on the other sources; thresholds "
        f"{found['thresholds']}."
    )
    return Table(("figure", "ensemble", "single networks, mean"), rows, caption)
