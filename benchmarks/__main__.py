"""``python -m benchmarks``: measure what is served, compare two runs, draw the rows."""

from __future__ import annotations

import argparse
import sys
from functools import partial
from pathlib import Path

from tqdm import tqdm

from appliance.core.errors import ApplianceError
from appliance.exits import exit_code
from benchmarks import report, results
from benchmarks.scenarios import SCENARIOS


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


def _write(text: str, out: Path | None) -> None:
    if out is None:
        sys.stdout.write(text)
    else:
        out.write_text(text, encoding="utf-8")


def _run(arguments: argparse.Namespace) -> int:
    from appliance.registry import find_package
    from appliance.settings import Settings
    from benchmarks import targets
    from benchmarks.measure import rows_of

    package = find_package(arguments.model, Settings.load().sources)
    package.verify()
    asked = [(name, p) for name in arguments.targets for p in arguments.precision]
    total = len(asked) * len(arguments.scenario) * arguments.n
    rows: list[results.Row] = []
    with tqdm(
        total=total, desc="benchmarks", delay=2, disable=not sys.stderr.isatty(), leave=False
    ) as bar:
        for name, precision in asked:
            rows += rows_of(
                name,
                partial(targets.BUILDERS[name], package, arguments.device, precision),
                {"device": arguments.device, "precision": precision},
                arguments.scenario,
                arguments.n,
                arguments.warm_up,
                bar.update,
            )
    if arguments.out is not None:
        results.save(rows, arguments.out)
    sys.stdout.write(report.render(rows, arguments.format))
    return 0


def _compare(arguments: argparse.Namespace) -> int:
    before, after = results.load(arguments.before), results.load(arguments.after)
    content = report.compared(before, after)
    if not content[1]:
        print("error: no row of the second file was measured in the first", file=sys.stderr)
        return 2
    notes = [f"before: {line}" for line in report.origins(before)]
    notes += [f"after: {line}" for line in report.origins(after)]
    draw = report.as_html if arguments.format == "html" else report.markdown
    _write(draw("Comparison", content, notes), arguments.out)
    return 0


def _report(arguments: argparse.Namespace) -> int:
    rows = [row for path in arguments.rows for row in results.load(path)]
    _write(report.render(rows, arguments.format), arguments.out)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)

    def verb(name: str, text: str, example: str) -> argparse.ArgumentParser:
        example = f"example: python -m benchmarks {name} {example}"
        return verbs.add_parser(name, help=text, description=text, epilog=example)

    run = verb(
        "run",
        "measure targets on this machine and print the rows",
        "--targets infer,report --n 200 --out rows.json",
    )
    names = ("infer", "report", "http")
    run.add_argument("--targets", type=_list(names), default=list(names), help=", ".join(names))
    run.add_argument(
        "--scenario", type=_list(SCENARIOS), default=list(SCENARIOS), help=", ".join(SCENARIOS)
    )
    run.add_argument(
        "--precision", type=_list(("INT8", "FP16")), default=["INT8", "FP16"], help="INT8, FP16"
    )
    run.add_argument("--device", default="CPU", help="OpenVINO device (default: CPU)")
    run.add_argument("--model", help="package name (default: the first found)")
    run.add_argument("--n", type=_at_least(1), default=200, help="measured calls (default: 200)")
    run.add_argument("--warm-up", type=_at_least(0), default=20, help="calls before (default: 20)")
    run.add_argument("--format", choices=report.FORMATS, default="markdown")
    run.add_argument("--out", type=Path, help="also write the rows to this JSON file")
    run.set_defaults(do=_run)

    compare = verb(
        "compare", "two files of rows side by side, with ratios", "before.json after.json"
    )
    compare.add_argument("before", type=Path)
    compare.add_argument("after", type=Path)
    compare.add_argument("--format", choices=("markdown", "html"), default="markdown")
    compare.add_argument("--out", type=Path, help="write to this file instead of stdout")
    compare.set_defaults(do=_compare)

    draw = verb("report", "draw rows", "rows.json --format html --out rows.html")
    draw.add_argument("rows", type=Path, nargs="+")
    draw.add_argument("--format", choices=report.FORMATS, default="markdown")
    draw.add_argument("--out", type=Path, help="write to this file instead of stdout")
    draw.set_defaults(do=_report)
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run a verb; the exit codes are those of the command line."""
    arguments = _parser().parse_args(argv)
    try:
        return arguments.do(arguments)
    except ApplianceError as error:
        print(f"error: {error.message}", file=sys.stderr)
        return exit_code(error)


if __name__ == "__main__":
    sys.exit(main())
