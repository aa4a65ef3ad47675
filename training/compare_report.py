"""The comparison as Markdown and as one HTML page; renders the JSON and computes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from appliance.wording import markdown_table
from training.page import COLOURS, figure, new_figure, page, prose, table

_HEAD = (
    "network",
    "accuracy INT8 (95 %)",
    "accuracy FP32",
    "against ours",
    "parameters, M",
    "multiply-adds, M",
    "INT8 ms",
    "INT8 MB",
)
_DETAIL = (
    "network",
    "tumour types",
    "tumours found",
    "healthy kept",
    "other scanners found",
    "labels changed by INT8",
)
_COST = (
    "network",
    "FP32 ms",
    "INT8 ms",
    "INT8 p90",
    "INT8 faster by",
    "time against ours",
    "FP32 MB",
    "INT8 MB",
    "s/step",
    "epochs",
    "minutes of training",
)


def interval(found: Mapping[str, float] | None, signed: bool = False) -> str:
    """``0.951 (0.930 to 0.968)``, or a dash."""
    if found is None:
        return "–"
    form = "+.3f" if signed else ".3f"
    return f"{found['value']:{form}} ({found['low']:{form}} to {found['high']:{form}})"


def _against(candidate: Mapping[str, Any]) -> str:
    other = candidate.get("against_ours")
    if other is None or other["words"] == "is ours":
        return "–"
    return f"{interval(other['accuracy'], signed=True)}: {other['words']}"


def _ranked(document: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return sorted(
        document["candidates"], key=lambda c: c["INT8"]["accuracy"]["value"], reverse=True
    )


def main_rows(document: Mapping[str, Any]) -> list[list[str]]:
    """One row for each network, most accurate first."""
    return [
        [
            c["label"],
            interval(c["INT8"]["accuracy"]),
            f"{c['FP32']['accuracy']['value']:.3f}",
            _against(c),
            f"{c['parameters'] / 1e6:.2f}",
            f"{c['multiply_adds'] / 1e6:.0f}",
            f"{c['latency_ms']:.2f}",
            f"{c['INT8']['bytes'] / 1e6:.2f}",
        ]
        for c in _ranked(document)
    ]


def detail_rows(document: Mapping[str, Any]) -> list[list[str]]:
    """What the accuracy is made of, INT8."""
    keys = ("types", "tumours_found", "healthy_kept", "other_sources_found")
    return [
        [c["label"], *(interval(c["INT8"][key]) for key in keys), f"{c['int8_label_flips']:.1%}"]
        for c in _ranked(document)
    ]


def cost_rows(document: Mapping[str, Any]) -> list[list[str]]:
    """Time and size."""
    return [
        [
            c["label"],
            f"{c['FP32']['latency_ms']['p50']:.2f}",
            f"{c['INT8']['latency_ms']['p50']:.2f}",
            f"{c['INT8']['latency_ms']['p90']:.2f}",
            f"{c['int8_speed_up']:.2f} ×",
            f"{c['against_ours']['latency_ratio']:.2f} ×" if "against_ours" in c else "–",
            f"{c['FP32']['bytes'] / 1e6:.2f}",
            f"{c['INT8']['bytes'] / 1e6:.2f}",
            f"{c['seconds_a_step']:.3f}",
            str(c["epochs"]),
            f"{c['training_seconds'] / 60:.1f}",
        ]
        for c in _ranked(document)
    ]


def lead(document: Mapping[str, Any]) -> str:
    """What was compared, in one paragraph."""
    data, protocol = document["data"], document["protocol"]
    folds = ", ".join(map(str, data["training_folds"]))
    return (
        f"{len(document['candidates'])} networks, {protocol['budget']} each, input "
        f"{protocol['input']}×{protocol['input']}, {protocol['scale']} widths. Trained on "
        f"{data['training_slices']} slices (folds {folds}), scored once on "
        f"{data['scored_slices']} slices in {data['scored_groups']} groups (fold "
        f"{', '.join(map(str, data['scored_folds']))}), and on {data['other_sources_slices']} "
        "tumour slices of other scanners."
    )


def setting(document: Mapping[str, Any]) -> str:
    """How latency was measured."""
    host, chosen = document["host"], document["setting"]
    n = document["candidates"][0]["INT8"]["latency_ms"]["n"]
    return (
        f"Latency: OpenVINO {host['versions'].get('openvino', '?')} on {host['cpu']}, "
        f"{host['cores']:g} cores, batch {chosen['batch']}, hint {chosen['PERFORMANCE_HINT']}, "
        f"inference precision {chosen['INFERENCE_PRECISION_HINT']}, medians of {n}; the network "
        "alone, without reading and preparing the slice."
    )


def markdown(document: Mapping[str, Any]) -> str:
    """The comparison as Markdown."""
    notes = "\n".join(f"- {note}" for note in document["notes"])
    return (
        f"# Networks compared\n\n{lead(document)}\n\n"
        f"{markdown_table(_HEAD, main_rows(document))}\n\n{setting(document)}\n\n"
        f"## What the accuracy is made of (INT8)\n\n"
        f"{markdown_table(_DETAIL, detail_rows(document))}\n\n"
        f"## Time and size\n\n{markdown_table(_COST, cost_rows(document))}\n\n"
        f"## How to read it\n\n{notes}\n"
    )


def _pareto(document: Mapping[str, Any], key: str, axis: str) -> str:
    """Accuracy against a cost; the networks that nothing beats are joined."""
    fig, axes = new_figure(height=4.2)
    scale = 1e6 if key == "parameters" else 1.0
    ours = [c["name"].startswith("neuralscan") for c in document["candidates"]]
    for candidate, own in zip(document["candidates"], ours, strict=True):
        found, cost = candidate["INT8"]["accuracy"], candidate[key] / scale
        colour = COLOURS[1] if own else COLOURS[0]
        spread = [[found["value"] - found["low"]], [found["high"] - found["value"]]]
        filled = candidate["start"] == "imagenet"
        axes.errorbar(
            cost, found["value"], spread, fmt="o", color=colour, capsize=3, linewidth=1,
            markerfacecolor=colour if filled else "none",
        )  # fmt: skip
    best = sorted(
        (c[key] / scale, c["INT8"]["accuracy"]["value"])
        for c in document["candidates"]
        if c["on_front"][key]
    )
    axes.plot(*zip(*best, strict=True), color=COLOURS[5], linewidth=1, linestyle="--", zorder=0)
    _logarithmic(axes)
    axes.set(xlabel=axis, ylabel="accuracy, INT8, four classes")
    axes.grid(True, which="both", linewidth=0.5)
    _name(
        axes,
        {
            c["name"]: (c[key] / scale, c["INT8"]["accuracy"]["value"])
            for c in document["candidates"]
        },
    )
    return figure(
        fig,
        f"Accuracy against {axis}. Full marks start from ImageNet, empty ones from scratch; orange "
        "is our network. Bars are 95 % intervals; the dashed line joins those that nothing beats.",
    )


_BESIDE = (
    ((6, 5), "left"),
    ((-6, 5), "right"),
    ((6, -13), "left"),
    ((-6, -13), "right"),
    ((6, 17), "left"),
    ((6, -25), "left"),
)
"""Where a name may stand, points from its mark, best first."""


def _name(axes: Any, points: Mapping[str, tuple[float, float]]) -> None:
    """Write each point's name beside it, where no other name and no other mark stands."""
    marks = {name: axes.transData.transform(point) for name, point in points.items()}
    taken: list[Any] = []
    for name, point in sorted(points.items(), key=lambda item: item[1]):
        others = [mark for other, mark in marks.items() if other != name]
        for away, side in _BESIDE:
            text = axes.annotate(name, point, away, textcoords="offset points", fontsize=9, ha=side)
            place = text.get_window_extent()
            crossed = any(place.overlaps(other) for other in taken)
            if not crossed and not any(place.contains(*mark) for mark in others):
                break
            text.remove()
        else:
            text = axes.annotate(name, point, (6, 5), textcoords="offset points", fontsize=9)
        taken.append(place)


def _logarithmic(axes: Any) -> None:
    """A logarithmic abscissa with plain numbers (2, 5, 10) at its ticks."""
    from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

    axes.set_xscale("log")
    axes.margins(x=0.18)
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 1.5, 2, 3, 5, 7)))
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())


def html(document: Mapping[str, Any]) -> str:
    """The comparison as one self-contained page."""
    protocol = document["protocol"]
    shown = ("batch", "learning_rate", "weight_decay", "label_smoothing", "ema", "clip", "seed")
    settings = [[key.replace("_", " "), str(protocol[key])] for key in shown]
    settings += [[f"augmentation: {k}", str(v)] for k, v in protocol["augmentation"].items()]
    sections = [
        ("Result", table(_HEAD, main_rows(document)) + prose(setting(document))),
        ("Accuracy against cost", _pareto(document, "latency_ms", "INT8 latency, ms, batch 1")
         + _pareto(document, "parameters", "parameters, millions")),
        ("What the accuracy is made of (INT8)", table(_DETAIL, detail_rows(document))),
        ("Time and size", table(_COST, cost_rows(document))),
        ("How to read it", prose(*document["notes"])),
        ("Protocol", table(("setting", "value"), settings)),
    ]  # fmt: skip
    return page("Networks compared", sections, lead(document))
