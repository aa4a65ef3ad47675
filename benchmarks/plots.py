"""The report's figures, as inline SVG in the page's colours; none is drawn without data."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from benchmarks.compare import Pair
from benchmarks.plan import OWN_SCENARIOS
from benchmarks.results import MEASURED, Row
from benchmarks.scaling import LABELS, curves, exponent
from benchmarks.statistics import SAME
from training.page import COLOURS, figure, new_figure

STAGES = ("decode", "prepare", "infer", "interpret", "render", "wait")
_FAMILIES = ("openvino", "onnxruntime", "litert", "tensorflow", "opencv-dnn")
_ROW_IN = 0.36
_WIDTH_IN = 4.8
_NEAR, _LEVEL = 0.13, 0.15


def colour(row: Row) -> str:
    """One hue for each family of runtimes."""
    name = "tensorflow" if row.runtime in ("itex", "keras-predict") else row.runtime
    known = _FAMILIES.index(name) if name in _FAMILIES else len(_FAMILIES)
    return COLOURS[known]


def _log_ticks(axis: object, low: float, high: float) -> None:
    span = high / low
    parts = (1, 2, 5) if span < 60 else (1, 3) if span < 400 else (1,)
    steps = [f * 10.0**k for k in range(-3, 6) for f in parts]
    ticks = [t for t in steps if low * 0.7 <= t <= high * 1.4]
    axis.set_ticks(ticks, [f"{t:g}" for t in ticks])
    axis.set_ticks([], minor=True)


def accuracy_against_latency(rows: Sequence[Row]) -> str:
    """A point for each network: right and low is better the higher it stands."""
    rows = [row for row in rows if row.target == "infer" and row.accuracy is not None]
    if not rows:
        return ""
    fig, (accuracy, overlap) = new_figure(_WIDTH_IN, 5.4, 2, 1, sharex=True)
    for axes, name, label in ((accuracy, "accuracy", "accuracy"), (overlap, "dice", "mean Dice")):
        kept = [row for row in rows if getattr(row, name) is not None]
        for row in kept:
            axes.plot(row.p50_ms, getattr(row, name), "o", color=colour(row), ms=7)
        for number, together in enumerate(_clusters(kept, name)):
            axes.annotate(
                ", ".join(sorted((str(rows.index(row) + 1) for row in together), key=int)),
                (
                    np.exp(np.mean([np.log(row.p50_ms) for row in together])),
                    max(getattr(row, name) for row in together),
                ),
                xytext=(0, 19 if number % 2 and len(together) > 2 else 7),
                textcoords="offset points", ha="center", fontsize=10,
            )  # fmt: skip
        axes.set_ylabel(label)
        axes.grid(True)
        axes.margins(x=0.08, y=0.3)
    overlap.set_xscale("log")
    _log_ticks(overlap.xaxis, min(r.p50_ms for r in rows), max(r.p50_ms for r in rows))
    overlap.set_xlabel("median latency of one slice, ms")
    key = ", ".join(f"{number} {row.name}" for number, row in enumerate(rows, 1))
    return figure(fig, f"Accuracy and Dice against latency. {key}.")


def _digits(value: float) -> str:
    return f"{value:.3g}" if value < 100 else f"{value:.0f}"


def _clusters(rows: Sequence[Row], name: str) -> list[list[Row]]:
    """Rows whose points or labels would hide each other, together: they share one label."""
    high = np.ptp([getattr(row, name) for row in rows]) or 1.0
    found: list[list[Row]] = []
    for row in sorted(rows, key=lambda row: row.p50_ms):
        for cluster in found:
            if any(
                abs(np.log10(row.p50_ms / other.p50_ms)) < _NEAR
                and abs(getattr(row, name) - getattr(other, name)) < _LEVEL * high
                for other in cluster
            ):
                cluster.append(row)
                break
        else:
            found.append([row])
    return found


def latencies(rows: Sequence[Row]) -> str:
    """A violin for each target: how its single calls spread, with median and 99th percentile."""
    rows = [row for row in rows if sum(len(p.latencies_ms) for p in row.pieces) >= 5]
    rows = [row for row in rows if row.p99_ms is not None]
    if not rows:
        return ""
    fig, axes = new_figure(_WIDTH_IN, 1.1 + _ROW_IN * len(rows))
    samples = [np.concatenate([piece.latencies_ms for piece in row.pieces]) for row in rows]
    places = np.arange(len(rows))[::-1]
    for row, values, place in zip(rows, samples, places, strict=True):
        if np.ptp(values) > 0:
            drawn = axes.violinplot(
                np.log10(values), [place], orientation="horizontal", widths=0.85, showextrema=False
            )
            for body in drawn["bodies"]:
                body.set(facecolor=colour(row), alpha=0.55, edgecolor="none")
        axes.plot(np.log10(row.p50_ms), place, "|", color=colour(row), ms=13, mew=2.5)
        axes.plot(np.log10(row.p99_ms), place, "o", color=colour(row), ms=4)
    axes.set_yticks(places, [row.name for row in rows])
    low = min(row.p50_ms for row in rows) * 0.8
    high = max(row.p99_ms for row in rows) * 1.25
    steps = [f * 10.0**k for k in range(-2, 6) for f in (1, 3)]
    ticks = [t for t in steps if low <= t <= high]
    axes.set_xticks(np.log10(ticks), [f"{t:g}" for t in ticks])
    axes.set_xlim(np.log10(low), np.log10(high))
    axes.set_xlabel("latency of one call, ms")
    axes.grid(True, axis="x")
    return figure(
        fig,
        "Spread of the latencies, one caller. Bar: median; dot: 99th percentile. A call of dicom "
        "is a whole series, one of cli a whole process.",
    )


def throughputs(rows: Sequence[Row]) -> str:
    """A bar for each network, offline."""
    rows = [row for row in rows if row.target == "infer" or row.target in ("report", "http")]
    if not rows:
        return ""
    fig, axes = new_figure(_WIDTH_IN, 1.1 + _ROW_IN * len(rows))
    places = np.arange(len(rows))[::-1]
    values = [row.throughput_per_s for row in rows]
    axes.barh(places, values, 0.7, color=[colour(row) for row in rows])
    for row, place in zip(rows, places, strict=True):
        span = row.intervals.get("throughput_per_s")
        end = span[1] if span else row.throughput_per_s
        if span:
            axes.plot(span, [place, place], color="#808890", lw=1.5)
        axes.annotate(
            f"{row.throughput_per_s:.3g}", (end, place), xytext=(5, 0),
            textcoords="offset points", va="center", fontsize=10,
        )  # fmt: skip
    axes.set_yticks(places, [row.name for row in rows])
    axes.set_xlim(0, max(values) * 1.2)
    axes.set_xlabel("slices a second, offline")
    return figure(fig, "Throughput when all slices are there from the start, with 95 % intervals.")


def stages(rows: Sequence[Row]) -> str:
    """Where the time of the whole appliance goes, in shares of a call."""
    rows = [row for row in rows if sum(row.stages_ms.values()) > 0]
    if not rows:
        return ""
    fig, axes = new_figure(_WIDTH_IN, 1.5 + 0.45 * len(rows))
    places = np.arange(len(rows))[::-1]
    totals = np.array([sum(row.stages_ms.values()) for row in rows])
    left = np.zeros(len(rows))
    for name, hue in zip(STAGES, COLOURS, strict=True):
        share = np.array([row.stages_ms.get(name, 0.0) for row in rows]) / totals * 100.0
        axes.barh(places, share, 0.65, left=left, color=hue, label=name)
        left += share
    labels = [f"{r.name}\n{_digits(total)} ms" for r, total in zip(rows, totals, strict=True)]
    axes.set_yticks(places, labels)
    axes.set_xlim(0, 100)
    axes.set_xlabel("share of a call, %")
    fig.legend(loc="outside upper center", ncols=3, fontsize=10)
    return figure(
        fig,
        "Stages of a call, medians. wait is what the caller sees beside the report's own clocks: "
        "starting the program, HTTP, queues.",
    )


def over_time(rows: Sequence[Row]) -> str:
    """Each block's median against the row's: drift and disturbances show as slopes and steps."""
    rows = [row for row in rows if len(row.pieces) >= 3]
    if not rows:
        return ""
    fig, axes = new_figure(_WIDTH_IN, 2.8)
    for row in rows:
        at = [piece.at_s / 60.0 for piece in row.pieces]
        medians = [float(np.median(piece.latencies_ms)) for piece in row.pieces]
        relative = np.array(medians) / np.median(medians)
        axes.plot(at, relative, "-", color=colour(row), lw=1, alpha=0.7)
    axes.set_xlabel("minutes since the run began")
    axes.set_ylabel("median of the block\n(1 = of the row)")
    axes.grid(True, axis="y")
    return figure(fig, "Every line is a row, every corner a block: a slope would be throttling.")


def speedups(rows: Sequence[Row]) -> str:
    """How many times as fast as the stock library each other one is, by estimator and step."""
    chosen = [row for row in rows if row.status == MEASURED and row.scenario in OWN_SCENARIOS]
    first: dict[tuple[str, str], Row] = {}
    bars = []
    for row in chosen:
        stock = first.setdefault((row.target, row.scenario), row)
        if stock is not row:
            bars.append((row, stock.p50_ms / row.p50_ms))
    if not bars:
        return ""
    fig, axes = new_figure(_WIDTH_IN, 1.1 + _ROW_IN * len(bars))
    places = np.arange(len(bars))[::-1]
    hues = {"sklearnex": COLOURS[0], "daal4py": COLOURS[1]}
    for (row, times), place in zip(bars, places, strict=True):
        hue = hues.get(row.runtime, COLOURS[3])
        axes.plot([1.0, times], [place, place], color=hue, lw=6, solid_capstyle="butt")
        axes.plot(times, place, "o", color=hue, ms=7)
    axes.axvline(1.0, color="#808890", lw=1)
    axes.set_yticks(places, [f"{row.target} {row.scenario}, {row.runtime}" for row, _ in bars])
    axes.set_xscale("log")
    low, high = min(1.0, *(t for _, t in bars)) / 1.3, max(1.0, *(t for _, t in bars)) * 1.3
    axes.set_xlim(low, high)
    _log_ticks(axes.xaxis, low, high)
    axes.set_xlabel("times as fast as stock")
    axes.grid(True, axis="x")
    return figure(fig, "Right of 1 is faster than scikit-learn, or than TensorFlow without ITEX.")


def scaling(rows: Sequence[Row]) -> str:
    """A figure for each axis: time of a call and work done in a second, both logarithmic."""
    by_axis: dict[str, list[tuple[str, list[Row]]]] = {}
    for (axis, target, scenario), curve in curves(rows).items():
        if len(curve) > 1:
            by_axis.setdefault(axis, []).append((f"{target}, {scenario}", curve))
    return "".join(_scaled(axis, found) for axis, found in by_axis.items())


def _scaled(axis: str, found: Sequence[tuple[str, list[Row]]]) -> str:
    fig, both = new_figure(_WIDTH_IN, 4.6, 2, 1, sharex=True)
    for axes, name, label in zip(
        both, ("p50_ms", "throughput_per_s"), ("median of a call, ms", "a second"), strict=True
    ):
        values = []
        for (what, curve), hue in zip(found, COLOURS, strict=False):
            x = [row.scale["value"] for row in curve]
            y = [getattr(row, name) for row in curve]
            spans = [row.intervals.get(name, (v, v)) for row, v in zip(curve, y, strict=True)]
            axes.plot(x, y, "o-", color=hue, ms=6, label=what)
            axes.vlines(x, *zip(*spans, strict=True), color=hue, lw=2.5, alpha=0.5)
            values += [v for span in spans for v in span]
        axes.set_yscale("log")
        low, high = min(values) / 1.3, max(values) * 1.3
        axes.set_ylim(low, high)
        _log_ticks(axes.yaxis, low, high)
        axes.set_ylabel(label)
        axes.grid(True)
    ticks = sorted({row.scale["value"] for _, curve in found for row in curve})
    both[1].set_xscale("log")
    both[1].set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    both[1].set_xticks([], minor=True)
    both[1].set_xlabel(LABELS[axis])
    if len(found) > 1:
        fig.legend(*both[0].get_legend_handles_labels(), loc="outside upper center", ncols=3,
                   fontsize=10)  # fmt: skip
    powers = [(what, exponent(curve)) for what, curve in found]
    grows = "; ".join(f"{what}: time grows as n^{k:.2f}" for what, k in powers if k is not None)
    return figure(fig, f"By {LABELS[axis]}, with 95 % intervals. {grows}".strip())


def ratios(pairs: Sequence[Pair]) -> str:
    """Ratio and interval of each pair, with the band nobody would notice."""
    fig, axes = new_figure(_WIDTH_IN, 1.1 + _ROW_IN * len(pairs))
    places = np.arange(len(pairs))[::-1]
    axes.axvspan(*SAME, color="#808890", alpha=0.25, lw=0)
    hues = {"slower": COLOURS[4], "faster": COLOURS[2], "no difference": COLOURS[5]}
    for pair, place in zip(pairs, places, strict=True):
        hue = hues[pair.ratio.verdict]
        axes.plot([pair.ratio.low, pair.ratio.high], [place, place], color=hue, lw=2)
        axes.plot(pair.ratio.value, place, "o", color=hue, ms=6)
    axes.set_yticks(places, [f"{pair.row.name}, {pair.row.scenario}" for pair in pairs])
    axes.set_xlabel("time after / time before")
    axes.grid(True, axis="x")
    return figure(fig, "Ratio of times with 95 % intervals; the grey band is 0.95 to 1.05.")
