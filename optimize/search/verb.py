"""The verb ``search``; it imports when it runs."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from appliance.core.errors import BadRequest, Unavailable


def _search(arguments: argparse.Namespace) -> int:
    from appliance.core.parity import Bounds
    from appliance.provenance import data_root
    from optimize.runs import open_run

    try:
        from optimize.search.plan import make_plan
        from optimize.search.recipes import choose
    except ModuleNotFoundError as error:
        if error.name != "nncf":
            raise
        raise Unavailable("the search needs NNCF: install neuralscan-edge[optimize]") from error
    from optimize.search.report import markdown, write
    from optimize.search.run import search

    if arguments.rounds < 1:
        raise BadRequest(f"--rounds is {arguments.rounds}; expected 1 or more")
    chosen = choose(arguments.only.split(",") if arguments.only else None)
    bounds = Bounds() if arguments.bounds is None else Bounds(*arguments.bounds)
    most = max(recipe.slices for recipe in chosen)
    plan = make_plan(open_run(arguments.run), data_root(arguments.data), most, bounds)
    document = search(plan, chosen, arguments.out, arguments.rounds, arguments.time_again)
    write(document, arguments.out)
    print(markdown(document), end="")
    return 0


def add_verb(verbs: Any) -> None:
    """Add it to the parser of ``python -m optimize``."""
    verb = verbs.add_parser(
        "search",
        help="try ways to INT8, sparsity and accuracy control; report them and choose one",
        description="Builds every candidate from the FP32 network, judges it on held-out slices "
        "against bounds, times all in turns, and writes search.json, search.html and search.md. "
        "What is done is kept in the folder: asked again, it goes on where it was.",
        epilog="example: python -m optimize search runs/third --data DATA --out runs/third/search",
    )
    verb.add_argument("run", type=Path, help="folder of a training run that held a fold out")
    verb.add_argument("--data", help="data root (default: NEURALSCAN_DATA)")
    verb.add_argument("--out", type=Path, required=True, help="folder for candidates and report")
    verb.add_argument(
        "--only", metavar="NAMES", help="these candidates, separated by commas (default: all)"
    )
    verb.add_argument(
        "--bounds",
        type=float,
        nargs=3,
        metavar=("ACCURACY", "DICE", "FLIPS"),
        help="accepted loss of accuracy and Dice, and share of labels that may differ "
        "(default: 0.005 0.01 0.01)",
    )
    verb.add_argument("--rounds", type=int, default=40, help="rounds of the timing (40)")
    verb.add_argument(
        "--time-again", action="store_true", help="take the times anew, on a quiet machine"
    )
    verb.set_defaults(do=_search)
