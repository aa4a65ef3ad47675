"""The search document as one self-contained HTML page and as a Markdown table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from appliance import NOTICE, __version__
from appliance.atomic import put_file
from appliance.outputs import writing
from optimize.search.plot import pareto
from optimize.search.recipes import FAMILIES

_STYLE = """
:root { color-scheme: light dark; --ground: #f3f6f7; --surface: #fff; --ink: #13212a;
  --quiet: #4d5f69; --line: #d5dde1; --plain: #6b7883; --int8: #2b74b8; --bound: #8f3f80;
  --weights: #b06a12; --sparse: #1f7f56; --stop: #b23a34; }
@media (prefers-color-scheme: dark) { :root { --ground: #0b1115; --surface: #131b21;
  --ink: #e9eff2; --quiet: #a3b3bc; --line: #35444d; --plain: #a0adb7; --int8: #6fb1ea;
  --bound: #d691c8; --weights: #e6a757; --sparse: #5cc596; --stop: #f08a83; } }
body { margin: 0 auto; max-width: 72rem; padding: 1rem .875rem; background: var(--ground);
  color: var(--ink); font: 400 1rem/1.5 system-ui, "Segoe UI", Roboto, sans-serif;
  overflow-wrap: break-word; }
h1 { font-size: 1.375rem; margin: 0; } h2 { font-size: 1.125rem; margin: 0 0 .5rem; }
p { margin: .375rem 0; max-width: 46rem; } footer, .quiet { color: var(--quiet); }
section { margin: 1rem 0; padding: .875rem; background: var(--surface);
  border: 1px solid var(--line); border-radius: .75rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: .9375rem; }
th, td { padding: .25rem .875rem .25rem 0; border-bottom: 1px solid var(--line);
  text-align: left; vertical-align: top; font-weight: 400; }
thead th { color: var(--quiet); font-size: .875rem; vertical-align: bottom; }
td.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
tr.chosen td { font-weight: 600; } .missed, .failed { color: var(--stop); }
.what { min-width: 13rem; } .key { display: inline-block; margin-right: 1rem; }
.key i { display: inline-block; width: .7rem; height: .7rem; border-radius: 50%;
  margin-right: .375rem; background: currentColor; }
.plots { display: grid; gap: 1rem; max-width: 66rem;
  grid-template-columns: repeat(auto-fit, minmax(min(20rem, 100%), 1fr)); }
svg { display: block; width: 100%; height: auto; font-size: 11px; }
svg text { fill: var(--ink); } svg path { fill: none; } .grid { stroke: var(--line); }
svg .bound { stroke: var(--stop); } .front { stroke: var(--quiet); stroke-dasharray: 4 3; }
svg circle { fill: currentColor; } .spread { stroke: currentColor; }
svg .ring { fill: none; stroke: var(--ink); stroke-width: 1.5; }
g.plain, .key.plain i { color: var(--plain); } g.int8, .key.int8 i { color: var(--int8); }
g.bound { stroke: none; color: var(--bound); } .key.bound i { color: var(--bound); }
g.weights, .key.weights i { color: var(--weights); }
g.sparse, .key.sparse i { color: var(--sparse); }
@media print { section { break-inside: avoid; } }
"""
_COLUMNS = (
    "",
    "candidate",
    "bounds",
    "accuracy",
    "label flips",
    "Dice",
    "masks against FP32",
    "prob. shift",
    "MB",
    "ms",
    "time over FP32 (95 %)",
    "INT8 layers",
    "built in s",
)


def cells(number: int, row: Mapping[str, Any]) -> list[str]:
    """One candidate's figures as text, in the order of the table's columns."""
    if "accuracy" not in row:
        return [str(number), row["name"], row["status"], *["–"] * (len(_COLUMNS) - 3)]
    time, layers = row.get("time"), row["layers"]
    dice, masks = row.get("dice"), row["mask_dice"]
    return [
        str(number),
        row["name"],
        row["status"],
        f"{row['accuracy'][1]:.4f}",
        f"{row['label_flips']:.2%}",
        "–" if dice is None else f"{dice[1]:.4f}",
        "–" if masks is None else f"{masks:.4f}",
        f"{row['shift']:.4f}",
        f"{row['size_mb']:.2f}",
        "–" if time is None else f"{row['ms']:.2f}",
        "–" if time is None else f"{time['median']:.3f} ({time['low']:.3f}–{time['high']:.3f})",
        f"{layers['int8']} of {layers['all']}",
        f"{row['seconds']:.0f}",
    ]


def notes(row: Mapping[str, Any]) -> list[str]:
    """What building a candidate showed, in sentences."""
    said = []
    if row["status"] == "failed":
        said.append(f"Not possible here: {row['reason']}")
    said += [f"Bound missed: {text}." for text in row.get("failures", ())]
    if "smoothed" in row:
        said.append(f"SmoothQuant put in {row['smoothed']} products.")
    if control := row.get("control"):
        path = ", ".join(f"{used:.2f}" for used in control["used_of_bound"])
        said.append(
            f"Share of the bound used up on the {control['slices']} steering slices, step by step "
            f"(first FP32, then all quantised, then one more group returned each time): {path}. "
            f"Above INT8 in the end: {_names(row['layers'])}."
        )
    if "zero_weights" in row:
        said.append(f"{row['zero_weights']:.1%} of all weights are zero.")
    if channels := row.get("channels"):
        said.append(
            f"{channels['before'] - channels['after']} of {channels['before']} inner channels of "
            f"{channels['blocks']} blocks removed."
        )
    if activations := row.get("zero_activations"):
        said.append(
            f"Zeros after clamps: {activations['before']:.1%} by themselves, "
            f"{activations['after']:.1%} with the thresholds."
        )
    return said


def _names(layers: Mapping[str, Any]) -> str:
    left = layers["all"] - layers["int8"]
    named = ", ".join(layers["others"]) or "none"
    more = f" and {left - len(layers['others'])} more" if left > len(layers["others"]) else ""
    return f"{left} layers ({named}{more})" if left else "none"


def _machine(document: Mapping[str, Any]) -> str:
    host, timed = document["host"], document["timed"]
    load = " and ".join("unknown" if value is None else f"{value:g}" for value in timed["load"])
    return (
        f"{host['name']} ({', '.join(k for k, v in host['isa'].items() if v)}), "
        f"{host['cores']:g} cores; "
        f"OpenVINO {document['versions']['openvino']}, NNCF {document['versions']['nncf']}. Batch "
        f"1, f32 hint, {timed['rounds']} rounds in turns in one process, {timed['utc']}; load "
        f"average before and after {load}. Times are ratios of one run: on a machine that does "
        "other work the intervals widen and the milliseconds are too high."
    )


def _method(document: Mapping[str, Any]) -> str:
    parts, bounds = document["parts"], document["bounds"]
    return (
        f"Calibrated on up to {parts['calibration']['slices']} training slices (folds "
        f"{_list(parts['calibration']['folds'])}); judged on {parts['judging']['slices']} held-out "
        f"slices of {parts['judging']['groups']} groups (fold {_list(parts['judging']['folds'])}), "
        f"which neither calibration nor the accuracy control saw; the latter steered by "
        f"{parts['steering']['slices']} other held-out slices. One verdict rule for all, fitted on "
        f"what FP32 says to all held-out slices. Bounds against FP32: accuracy "
        f"{bounds['accuracy']:.1%}, Dice {bounds['dice']:g}, label flips {bounds['flips']:.1%}. "
        f"One slice is {1 / parts['judging']['slices']:.2%}: differences of a few mean nothing."
    )


def _list(folds: Iterable[int]) -> str:
    return ", ".join(map(str, folds))


def markdown(document: Mapping[str, Any]) -> str:
    """Choice, table and where it was measured, as Markdown."""
    rows, choice = document["candidates"], document["choice"]
    lines = [f"**Choice: {choice['name'] or 'none'}.** {choice['reason']}", ""]
    header = list(_COLUMNS[1:])
    lines += [f"| {' | '.join(header)} |", f"|{' --- |' * len(header)}"]
    for number, row in enumerate(rows, 1):
        found = cells(number, row)[1:]
        marks = ("*" if row["name"] in choice["front"] else "") + (
            " ←" if row["name"] == choice["name"] else ""
        )
        lines.append(f"| {' | '.join([found[0] + marks, *found[1:]])} |")
    lines += ["", f"\\* nothing beats it in time, bounds and size. {_method(document)}", ""]
    return "\n".join([*lines, _machine(document), ""])


def html(document: Mapping[str, Any]) -> str:
    """The page; figures inline, nothing loaded."""
    rows, choice = document["candidates"], document["choice"]
    keys = "".join(
        f'<span class="key {name}"><i></i>{escape(text)}</span>' for name, text in FAMILIES.items()
    )
    title = f"Ways to INT8: {document['run']}"
    said = "".join(
        f"<tr><td>{number}</td><td>{escape(row['name'])}</td>"
        f'<td class="what">{escape(" ".join([_sentence(row["says"]), *notes(row)]))}</td></tr>'
        for number, row in enumerate(rows, 1)
    )
    caption = (
        "Left is faster, low is closer to FP32: the height is the largest share of a bound "
        "(accuracy, Dice, label flips) that is used up. Dashed: nothing is both faster "
        "and closer. Ringed: the choice. Whiskers: 95 % intervals of the median. The "
        "second plot enlarges the fastest."
    )
    sections = (
        ("Choice", f"<p><strong>{escape(choice['name'] or 'none')}.</strong> "
         f"{escape(choice['reason'])}</p>"),
        ("Time and loss", f"{_plots(rows, choice)}<p>{keys}</p>"
         f'<p class="quiet">{escape(caption)}</p>'),
        ("Candidates", _table(rows, choice["name"])),
        ("What each one is, and what it showed", '<div class="scroll"><table><tbody>'
         f"{said}</tbody></table></div>"),
        ("How it was measured", f"<p>{escape(_method(document))}</p>"
         f"<p>{escape(_machine(document))}</p>"),
    )  # fmt: skip
    body = "".join(f"<section><h2>{name}</h2>{text}</section>" for name, text in sections)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><meta name="viewport" '
        f'content="width=device-width, initial-scale=1"><title>{escape(title)}</title>'
        f"<style>{_STYLE}</style></head><body><h1>{escape(title)}</h1>{body}"
        f"<footer><p>NeuralScan Edge {__version__}. {escape(NOTICE)}</p></footer></body></html>\n"
    )


def _plots(rows: Sequence[Mapping[str, Any]], choice: Mapping[str, Any]) -> str:
    """All candidates, and beside them the fastest ones enlarged."""
    drawn = (pareto(rows, choice["front"], choice["name"], enlarged) for enlarged in (False, True))
    return f'<div class="plots">{"".join(drawn)}</div>'


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."


def _table(rows: Sequence[Mapping[str, Any]], chosen: str | None) -> str:
    head = "".join(f"<th>{escape(name)}</th>" for name in _COLUMNS)
    lines = []
    for number, row in enumerate(rows, 1):
        kinds = ["n", "", row["status"], *["n"] * (len(_COLUMNS) - 3)]
        line = "".join(
            f'<td class="{kind}">{escape(text)}</td>'
            for kind, text in zip(kinds, cells(number, row), strict=True)
        )
        mark = ' class="chosen"' if row["name"] == chosen else ""
        lines.append(f"<tr{mark}>{line}</tr>")
    return (
        f'<div class="scroll"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(lines)}</tbody></table></div>"
    )


def write(document: Mapping[str, Any], out: Path) -> None:
    """``OUT/search.html`` and ``OUT/search.md``."""
    with writing(out, what="the report"):
        put_file(out / "search.html", html(document).encode())
        put_file(out / "search.md", markdown(document).encode())
