"""The headline figures of the README: from a package's manifest and a run, none typed by hand.

``python -m benchmarks report benchmarks/results/RUN --into README.md`` writes them between the
markers of that file; a test holds the README to them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from appliance.core.errors import BadRequest
from appliance.registry import Package
from appliance.wording import by_number
from benchmarks.results import Row, Run
from benchmarks.summary import measured, yardstick

BEGIN, END = "<!-- figures -->", "<!-- /figures -->"
_TITLES = {
    ("infer", "benchmark_app"): "network, OpenVINO's `benchmark_app`",
    ("report", "openvino"): "bytes of a PNG to report and mask",
    ("http", "openvino"): "the same over HTTP on loopback, kept connection",
    ("dicom", "openvino"): "DICOM series of 28 slices to report and mask",
    ("cli", "openvino"): "`neuralscan analyze FILE`, a new process each time",
}
_REFUSED = (
    ("CT slices (Harvard)", "CT"),
    ("PET and SPECT turned to grey", "nuclear pictures in grey"),
    ("skull-stripped FLAIR slices (BraTS)", "skull-stripped FLAIR"),
    ("T2-like MR slices, no header (Harvard)", "T2 without a header"),
)


def block(run: Run, package: Package) -> str:
    """Markdown between the markers.

    Raises
    ------
    BadRequest
        When the run measured another package, or not the network alone.
    """
    named = f"{package.name} {package.version} "
    if not str(run.about.get("model", "")).startswith(named):
        raise BadRequest(f"the run measured {run.about.get('model')!r}, the package is {named!r}")
    metrics = package.manifest.document["metrics"]
    return "\n\n".join([_accuracy(package.name, metrics), _speed(run)])


def into(text: str, found: str) -> str:
    """A document with what stands between its markers replaced.

    Raises
    ------
    BadRequest
        When it lacks a marker.

    Examples
    --------
    >>> into(f"a {BEGIN} old {END} b", "new").splitlines()[1]
    'new'
    """
    head, begin, rest = text.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not (begin and end):
        raise BadRequest(f"expected the markers {BEGIN} and {END}")
    return f"{head}{BEGIN}\n{found}\n{END}{tail}"


def write(run: Run, package: Package, path: Path) -> None:
    """Renew the figures of a Markdown file."""
    text = into(path.read_text(encoding="utf-8"), block(run, package))
    path.write_text(text, encoding="utf-8")


def _table(names: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    rows = [names, ["---"] * len(names), *lines]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in rows)


def _accuracy(name: str, metrics: Mapping[str, Any]) -> str:
    home, others = metrics["INT8"], metrics["other_sources"]
    refused = {entry["input"]: entry for entry in metrics["refusals"]}

    def value(part: Mapping[str, Any], figure: str, digits: int = 3) -> str:
        return f"{part[figure]['value']:.{digits}f}"

    def line(text: str, *figures: str) -> list[str]:
        shares = " / ".join(value(home, figure) for figure in figures)
        return [text, shares, str(home[figures[0]]["n"])]

    by_class = ", ".join(
        f"{kind} {home['by_class'][kind]['dice']['value']:.2f}"
        for kind in ("glioma", "meningioma", "pituitary")
    )
    shown, away = (value(others, key, 2) for key in ("shown_as_tumor_or_uncertain", "refused"))
    away_from_home = ("types", "set_coverage", "calibration_error")
    series = _real_series(metrics)
    lines = [
        line("four classes right (refused slices count as wrong)", "accuracy"),
        line("tumour slices labelled as tumour", "sensitivity"),
        line("tumour-free slices labelled so", "specificity"),
        ["mean Dice of the mask, input grid", f"{value(home, 'dice')} ({by_class})",
         str(home["dice"]["n"])],
        line("tumour-free slices with a mask", "false_mask_rate"),
        line("verdict `uncertain` / refused by mistake", "uncertain", "refused"),
        ["tumours of other sources called `no_tumor`",
         f"{value(others, 'called_no_tumor')} (shown {shown}, refused {away})",
         str(others["called_no_tumor"]["n"])],
        [f"the same ({by_number(others['by_class'])}): type right / set aimed at 95 % "
         "holds the truth / calibration error",
         " / ".join(value(others, figure) for figure in away_from_home),
         " / ".join(str(others[figure]["n"]) for figure in away_from_home)],
        *series,
        ["refused: " + " / ".join(short for _, short in _REFUSED),
         " / ".join(f"{refused[long]['refused']:.2f}" for long, _ in _REFUSED),
         " / ".join(str(refused[long]["n"]) for long, _ in _REFUSED)],
    ]  # fmt: skip
    data, folds = home["data"], "fold " + ", ".join(map(str, home["folds"]))
    if folds not in data:
        data = f"{data}, {folds}"
    judged = "The networks of its recipe" if "evaluation" in metrics else "It"
    return (
        f"The shipped package is `{name}` (INT8; one pass for class, mask, heat map, embedding).\n"
        f"{judged} on {data}.\nThe intervals and the figures by class stand in "
        f"[docs/model-card-{name}.md](docs/model-card-{name}.md). All are of single\n"
        "slices. None is an untouched test: the recipe was chosen on fold 4 and on the pictures of "
        f"the last {'four' if series else 'three'} rows, which\nnothing was fitted on. "
        "Tumour-free slices come from other scanners than tumours, mostly without contrast medium"
        + _without_anatomy(metrics)
        + ".\n\n"
        + _table(("figure", "value", "n"), lines)
    )


def _real_series(metrics: Mapping[str, Any]) -> list[list[str]]:
    """The row of the one real series, means of its networks; none before it was read."""
    found = (metrics.get("evaluation", {}).get("schwannoma") or {}).get("by_network")
    if not found:
        return []
    keys = ("found_tumor", "healthy_called_tumor", "healthy_uncertain", "healthy_with_mask")
    tumour, *healthy = (fmean(f[key] for f in found.values()) for key in keys)
    first = next(iter(found.values()))
    shares = " / ".join(f"{share:.3f}" for share in healthy)
    return [
        [
            f"one real T1c series, mean of {len(found)} networks: tumour slices called `tumor`; "
            "tumour-free slices called so / `uncertain` / with a mask",
            f"{tumour:.3f}; {shares}",
            f"{first['tumour_slices']}; {first['healthy_slices']}",
        ]
    ]


def _without_anatomy(metrics: Mapping[str, Any]) -> str:
    """What a model that sees no anatomy reaches, beside which presence at home has to be read."""
    found = metrics.get("evaluation", {}).get("source_baseline")
    if not found:
        return ""
    share = found["file_accuracy"]["value"]
    return (
        f":\na linear model without anatomy tells the two apart on {share:.1%} of the files, so "
        "that presence at home proves little"
    )


def _speed(run: Run) -> str:
    rows = measured(run.rows)
    reference = yardstick(rows)
    if reference is None:
        raise BadRequest("the run did not measure the network in INT8")
    offline = {row.name: row for row in measured(run.rows, "offline")}
    lines = []
    for row in rows:
        title = _TITLES.get((row.target, row.runtime))
        if title is None:
            title = f"network, {row.runtime} {row.precision}"
        many = offline.get(row.name)
        lines.append(
            [
                title,
                _milliseconds(row),
                f"{row.p50_ms / reference.p50_ms:.2f}" if row.target == "infer" else "",
                "" if many is None else f"{many.throughput_per_s:.0f}",
            ]
        )
    host, about = reference.host, run.about
    isa = ", ".join(name for name, there in host["isa"].items() if there)
    names = ("what", "median, ms", "× INT8", "slices/s, many at once")
    return (
        f"Speed on {host['cpu']} ({isa}), {host['cores']:g} cores, {about['utc'][:10]}: medians of "
        f"one `{about['preset']}` run,\nall rows by turns, on {about['data']}. The whole run is in "
        "[benchmarks/results](benchmarks/results/);\n`python -m benchmarks run` measures the "
        "machine at hand.\n\n" + _table(names, lines)
    )


def _milliseconds(row: Row) -> str:
    return f"{row.p50_ms:.1f}" if row.p50_ms < 1000 else f"{row.p50_ms:.0f}"
