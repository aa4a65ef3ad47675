"""``python -m optimize``: SavedModel to INT8 package."""

from __future__ import annotations

import argparse
import json
import logging
import sys
from pathlib import Path

from appliance.core.errors import (
    ApplianceError,
    BadRequest,
    InputError,
    ModelError,
    NotFound,
    ProbeFailed,
    Unavailable,
)
from appliance.provenance import data_root
from optimize.search.verb import add_verb as add_search
from optimize.verbs import add_verbs


def _root(arguments: argparse.Namespace) -> Path:
    return data_root(arguments.data)


def _convert(arguments: argparse.Namespace) -> int:
    from optimize.convert import convert

    differences = convert(arguments.run / "export", arguments.run / "networks")
    print(json.dumps({"largest_difference_from_keras": differences}))
    return 0


def _widen(arguments: argparse.Namespace) -> int:
    from optimize.convert import widen

    print(widen(arguments.run / "networks"))
    return 0


def _quantize(arguments: argparse.Namespace) -> int:
    try:
        from optimize.quantize import quantize
    except ImportError as error:
        raise Unavailable("quantising needs NNCF: install neuralscan-edge[optimize]") from error
    run = arguments.run
    print(quantize(run / "export", run / "networks", _root(arguments)))
    return 0


def _package(arguments: argparse.Namespace) -> int:
    from appliance.core.parity import Bounds
    from optimize.build import build_package
    from optimize.evaluation import beside, read_evaluation

    file = arguments.evaluation or beside(arguments.run)
    evaluation = None if file is None else read_evaluation(file)
    bounds = None if arguments.bounds is None else Bounds(*arguments.bounds)
    metrics = build_package(arguments.run, _root(arguments), arguments.out, evaluation, bounds)
    print(json.dumps(metrics, indent=1))
    return 0


def _evaluate(arguments: argparse.Namespace) -> int:
    from appliance.pipeline import Analyzer
    from appliance.registry import find_package, open_package
    from optimize.cases import read_cases
    from optimize.evaluate import demand_unseen, score
    from optimize.figures import figures

    package = open_package(arguments.package) if arguments.package else find_package()
    analyzer = Analyzer(device="CPU", package=package, precision=arguments.precision)
    cases = read_cases(arguments.run / "export", _root(arguments), arguments.part)
    seen = demand_unseen(package.manifest, cases, arguments.in_sample)
    rows = score(analyzer, cases)
    if arguments.rows:
        Path(arguments.rows).write_text(json.dumps(rows, indent=0))
    about = {"part": arguments.part, "precision": arguments.precision, "in_sample": seen}
    print(json.dumps({**about, **figures(rows)}, indent=1))
    return 0


def _card(arguments: argparse.Namespace) -> int:
    from appliance.registry import open_package
    from optimize.card import render

    print(render(open_package(arguments.run).manifest), end="")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m optimize", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    for name, run, text in (
        ("convert", _convert, "SavedModel to FP32 and FP16 IR, checked against Keras"),
        ("widen", _widen, "FP32 IR of a run that has its FP16 IR only: the rounded weights in f32"),
        ("quantize", _quantize, "FP32 IR to INT8 with NNCF, calibrated on training slices"),
        (
            "package",
            _package,
            "calibrate, compare the precisions (exit 4 beyond the bounds), score and write",
        ),
        ("evaluate", _evaluate, "score a package on a case list of an export"),
    ):
        verb = verbs.add_parser(
            name,
            help=text,
            description=text,
            epilog=f"example: python -m optimize {name} runs/third --data DATA",
        )
        verb.add_argument("run", type=Path, help="folder of a training run, with export/ in it")
        verb.add_argument("--data", help="data root (default: NEURALSCAN_DATA)")
        verb.set_defaults(do=run)
        if name == "package":
            verb.add_argument("--out", type=Path, default=Path("appliance/models/third"))
            verb.add_argument(
                "--bounds",
                type=float,
                nargs=3,
                metavar=("ACCURACY", "DICE", "FLIPS"),
                help="what INT8 and FP16 may lose against FP32, and the share of labels that may "
                "differ (default: 0.005 0.01 0.01); they stand in the manifest",
            )
            verb.add_argument(
                "--evaluation",
                type=Path,
                metavar="FILE",
                help="evaluation.json of `python -m training evaluate`, for manifest and card "
                "(default: ../evaluation/evaluation.json for a network trained on every fold)",
            )
        if name == "evaluate":
            verb.add_argument(
                "--package", type=Path, help="package folder (default: the shipped one)"
            )
            verb.add_argument("--precision", choices=("INT8", "FP16"), default="INT8")
            verb.add_argument(
                "--part", choices=("validation", "other_sources", "training"), default="validation"
            )
            verb.add_argument(
                "--in-sample",
                action="store_true",
                help="allow folds the package was trained on; the answer says so",
            )
            verb.add_argument("--rows", help="write one row for each slice to this JSON file")
    card = verbs.add_parser(
        "card",
        help="print a package's model card as Markdown",
        epilog="example: python -m optimize card appliance/models/third > docs/model-card-third.md",
    )
    card.add_argument("run", metavar="PACKAGE", type=Path, help="package folder")
    card.set_defaults(do=_card)
    add_search(verbs)
    add_verbs(verbs)
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run a verb; 0 done, 2 wrong usage, 3 bad data, 4 a gate failed, 5 something is missing."""
    arguments = _parser().parse_args(argv)
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(message)s")
    try:
        return arguments.do(arguments)
    except ApplianceError as error:
        print(f"error: {error.message}", file=sys.stderr)
        codes = (
            (ProbeFailed, 4),
            ((Unavailable, ModelError), 5),
            ((NotFound, BadRequest), 2),
            (InputError, 3),
        )
        return next((code for kind, code in codes if isinstance(error, kind)), 1)


if __name__ == "__main__":
    sys.exit(main())
