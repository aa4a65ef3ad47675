"""``python -m benchmarks``: measure what is served and its peers, compare two runs, draw them."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from appliance.core.errors import ApplianceError, BadRequest
from appliance.exits import GATE, INTERRUPTED, exit_code
from appliance.reading import Cancelled
from benchmarks.plan import CONTENDERS, GROUPS, PRESETS, Contender
from benchmarks.progress import FORMS, asked_to_end, told
from benchmarks.scaling import AXES
from benchmarks.scenarios import SCENARIOS

_PRECISIONS = ("INT8", "FP16", "BF16", "FP32")
_FORMATS = ("markdown", "html", "json")


def _list(choices: tuple[str, ...]) -> object:
    def parse(text: str) -> list[str]:
        chosen = [part.strip() for part in text.split(",") if part.strip()]
        if not chosen or set(chosen) - set(choices):
            raise argparse.ArgumentTypeError(f"a comma-separated list of {', '.join(choices)}")
        return chosen

    return parse


def _at_least(least: int) -> object:
    def parse(text: str) -> int:
        if not text.isdecimal() or int(text) < least:
            raise argparse.ArgumentTypeError(f"a number, at least {least}")
        return int(text)

    return parse


def _above(least: float) -> object:
    def parse(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = least
        if not value > least:
            raise argparse.ArgumentTypeError(f"a number above {least:g}")
        return value

    return parse


def _write(text: str, out: Path | None) -> None:
    if out is None:
        sys.stdout.write(text)
    else:
        out.write_text(text, encoding="utf-8")


def _chosen(arguments: argparse.Namespace) -> list[Contender]:
    found = [
        one
        for one in CONTENDERS
        if one.group in arguments.targets and one.precision in arguments.precision
    ]
    if not found:
        raise BadRequest("no target has one of these precisions")
    return found


def _run(arguments: argparse.Namespace) -> int:
    from appliance.registry import find_package
    from appliance.settings import Settings
    from benchmarks import report, results, run
    from benchmarks.session import Options

    preset, named = PRESETS[arguments.preset], arguments.data or os.environ.get("NEURALSCAN_DATA")
    data = Path(named) if named else None
    if data is not None and not data.is_dir():
        raise BadRequest(f"--data {data} is no folder")
    package = find_package(arguments.model, Settings.load().sources)
    package.verify()
    options = Options(
        preset,
        tuple(arguments.scenario or preset.scenarios),
        arguments.device,
        arguments.warm_up,
        arguments.n,
        arguments.rate,
        arguments.driver,
        arguments.slow,
        build=not arguments.no_build,
    )
    with told(arguments.progress) as progress, asked_to_end() as cancelled:
        found = run.measure(
            package, _chosen(arguments), options, data, progress=progress, cancelled=cancelled
        )
    out = arguments.out
    if out is not None and out.suffix == ".json":
        results.save(found, out)
    elif out is not None:
        run.write(found, out)
    sys.stdout.write(report.render(found, arguments.format) if arguments.format != "summary"
                     else report.summary(found))  # fmt: skip
    return 0


def _scaling(arguments: argparse.Namespace) -> int:
    import math

    from appliance.registry import find_package
    from appliance.settings import Settings
    from benchmarks import host, report, run, scaling
    from benchmarks.session import Options

    package = find_package(arguments.model, Settings.load().sources)
    package.verify()
    options = Options(
        scaling.PRESET, scaling.PRESET.scenarios, arguments.device, calls=arguments.n,
        driver="plain", build=False,
    )  # fmt: skip
    cores = max(math.ceil(host.cores()), 1)

    def points(inputs: object) -> list[Contender]:
        return scaling.contenders(arguments.axes, inputs, cores)

    with told(arguments.progress) as progress, asked_to_end() as cancelled:
        found = run.measure(package, points, options, progress=progress, cancelled=cancelled)
    if arguments.out is not None:
        run.write(found, arguments.out)
    sys.stdout.write(report.summary(found))
    return 0


def _compare(arguments: argparse.Namespace) -> int:
    from benchmarks import compare, report
    from benchmarks.machine import between
    from benchmarks.results import load_run
    from benchmarks.summary import origins
    from benchmarks.together import together

    before, after = load_run(arguments.before), load_run(arguments.after)
    notes = compare.changes(before, after)
    machine = groups = None
    try:
        compare.demand_same_machine(before, after)
        machine, groups = between(before, after), together(before, after)
    except BadRequest as error:
        if not arguments.force:
            print("--force compares them all the same", file=sys.stderr)
            raise
        notes.append(f"compared by --force: {error.message}")
    notes += [f"before: {line}" for line in origins(before.rows)]
    notes += [f"after: {line}" for line in origins(after.rows)]
    pairs, groups = compare.pairs(before, after, machine), groups or []
    shown = report.render_comparison(pairs, groups, notes, arguments.format, arguments.bound)
    _write(shown, arguments.out)
    worse = compare.regressions(pairs, groups, arguments.bound)
    for line in worse:
        print(f"slower beyond {arguments.bound:g}: {line}", file=sys.stderr)
    return GATE if worse else 0


def _report(arguments: argparse.Namespace) -> int:
    from benchmarks import report
    from benchmarks.results import Run, load_run

    runs = [load_run(path) for path in arguments.rows]
    rows = tuple(row for run in runs for row in run.rows)
    whole = Run(rows, runs[0].about if len(runs) == 1 else {})
    if arguments.into is not None:
        from appliance.registry import find_package
        from appliance.settings import Settings
        from benchmarks import readme

        readme.write(whole, find_package(arguments.model, Settings.load().sources), arguments.into)
        return 0
    _write(report.render(whole, arguments.format), arguments.out)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)

    def verb(name: str, text: str, example: str) -> argparse.ArgumentParser:
        example = f"example: python -m benchmarks {name} {example}"
        return verbs.add_parser(name, help=text, description=text, epilog=example)

    grow = verb(
        "scaling",
        "how cost grows with threads, streams, batch, picture size, clients, slices, studies",
        "--axes threads,slices --out grown",
    )
    grow.add_argument(
        "--axes", type=_list(AXES), default=list(AXES), help=f"of {', '.join(AXES)} (all)"
    )
    grow.add_argument("--device", default="CPU", help="OpenVINO device (default: CPU)")
    grow.add_argument("--model", help="package name (default: the first found)")
    grow.add_argument("--n", type=_at_least(1), help="calls for a row in place of 6 s")
    grow.add_argument("--progress", choices=FORMS, default="bar", help="bar, or JSON lines")
    grow.add_argument("--out", type=Path, help="folder for results.json, report.html, summary.md")
    grow.set_defaults(do=_scaling)

    _add_run(verb("run", "measure targets on this machine", "--preset quick --out results"))

    compare = verb(
        "compare",
        "two runs side by side: faster, slower or no difference; exit code 4 on a regression",
        "before/results.json after/results.json --bound 1.05",
    )
    compare.add_argument("before", type=Path, help="results.json, or the folder it is in")
    compare.add_argument("after", type=Path)
    compare.add_argument(
        "--bound",
        type=_above(0.0),
        default=1.05,
        help="exit with 4 when a row's whole interval of time after / before is above (1.05)",
    )
    compare.add_argument(
        "--force", action="store_true", help="compare runs of different machines too"
    )
    compare.add_argument("--format", choices=_FORMATS, default="markdown")
    compare.add_argument("--out", type=Path, help="write to this file instead of stdout")
    compare.set_defaults(do=_compare)

    draw = verb("report", "draw rows", "results --format html --out report.html")
    draw.add_argument("rows", type=Path, nargs="+", help="results.json, or the folder it is in")
    draw.add_argument("--format", choices=_FORMATS, default="markdown")
    draw.add_argument("--out", type=Path, help="write to this file instead of stdout")
    draw.add_argument(
        "--into",
        type=Path,
        metavar="README.md",
        help="write the headline figures of one run and of its package between the markers of "
        "this file",
    )
    draw.add_argument("--model", help="package name for --into (default: the first found)")
    draw.set_defaults(do=_report)
    return parser


def _add_run(run: argparse.ArgumentParser) -> None:
    run.add_argument(
        "--preset",
        choices=tuple(PRESETS),
        default="quick",
        help="quick: 6 s a row; standard: 180 s; mlperf-like: 600 s (default: quick)",
    )
    run.add_argument(
        "--targets", type=_list(GROUPS), default=list(GROUPS), help=f"of {', '.join(GROUPS)}"
    )
    run.add_argument(
        "--scenario", type=_list(SCENARIOS), help=f"{', '.join(SCENARIOS)} (default: the preset's)"
    )
    run.add_argument(
        "--precision", type=_list(_PRECISIONS), default=list(_PRECISIONS), help="INT8, FP16, ..."
    )
    run.add_argument("--data", help="data root (default: NEURALSCAN_DATA, or generated heads)")
    run.add_argument("--device", default="CPU", help="OpenVINO device (default: CPU)")
    run.add_argument("--model", help="package name (default: the first found)")
    run.add_argument("--n", type=_at_least(1), help="calls for a row in place of the preset's time")
    run.add_argument("--warm-up", type=_at_least(0), default=2, help="calls before a block (2)")
    run.add_argument("--rate", type=_above(0.0), help="queries a second of the server scenario")
    run.add_argument(
        "--driver",
        choices=("auto", "loadgen", "plain"),
        default="auto",
        help="who makes the traffic: MLCommons LoadGen where it installs (auto)",
    )
    run.add_argument(
        "--no-build",
        action="store_true",
        help="build no environment: peers whose own does not stand are not measured",
    )
    run.add_argument(
        "--progress",
        choices=FORMS,
        default="bar",
        help="on stderr: a bar on a terminal, or a JSON object a line for programs (bar)",
    )
    run.add_argument(
        "--slow", type=_above(-1e-9), default=0.0, metavar="SHARE",
        help="make the calls of infer longer by this share, to see that compare notices",
    )  # fmt: skip
    run.add_argument("--format", choices=(*_FORMATS, "summary"), default="markdown")
    run.add_argument(
        "--out",
        type=Path,
        help="folder for results.json, report.html and summary.md; or a .json file for the rows",
    )
    run.set_defaults(do=_run)


def main(argv: list[str] | None = None) -> int:
    """Run a verb; the exit codes are those of the command line."""
    arguments = _parser().parse_args(argv)
    try:
        return arguments.do(arguments)
    except ApplianceError as error:
        print(f"error: {error.message}", file=sys.stderr)
        return exit_code(error)
    except Cancelled:
        print("cancelled; nothing was written", file=sys.stderr)
        return INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
