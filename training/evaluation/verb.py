"""The verb ``evaluate``: what a run is worth, as JSON, HTML and Markdown."""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from typing import Any

from appliance.core.errors import BadRequest, CorruptFile, NotFound
from appliance.provenance import data_root


def _baseline(path: Path | None) -> dict[str, Any] | None:
    """The source-only baseline of an `explore` report."""
    if path is None:
        return None
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise NotFound(f"expected a report of `explore` at {path}: {error.strerror}") from error
    except ValueError as error:
        raise CorruptFile(f"{path.name} is no JSON: {error}") from error
    if not isinstance(document, dict) or "source_baseline" not in document:
        raise CorruptFile(f"{path.name} holds no source_baseline; run `explore` again")
    return document["source_baseline"]


def _evaluate(arguments: argparse.Namespace) -> int:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from training.evaluation.document import Wish, evaluate
    from training.evaluation.examples import examples
    from training.evaluation.report import html, markdown
    from training.processes import write_json

    if arguments.resamples < 100:
        raise BadRequest("expected --resamples of 100 or more; fewer give no interval")
    out = arguments.out or arguments.folder / "evaluation"
    root = data_root(arguments.data)
    wish = Wish(
        tuple(sorted(set(arguments.folds))) if arguments.folds else None,
        arguments.in_sample,
        arguments.resamples,
        arguments.robustness,
        arguments.ensemble,
        _baseline(arguments.explore),
    )
    document, judged = evaluate(arguments.folder, root, wish)
    out.mkdir(parents=True, exist_ok=True)
    write_json(out / "evaluation.json", document)
    (out / "evaluation.md").write_text(markdown(document), encoding="utf-8")
    pictures = examples(judged) if arguments.examples else []
    (out / "evaluation.html").write_text(html(document, pictures), encoding="utf-8")
    for name in ("evaluation.json", "evaluation.md", "evaluation.html"):
        print(out / name)
    return 0


def add_verb(verbs: argparse._SubParsersAction) -> None:
    """Add ``evaluate``."""
    verb = verbs.add_parser(
        "evaluate",
        help="cross-validated figures as served, with intervals, in one report",
        description=(
            "Judge each fold's network on the fold it has not seen, with thresholds from the other "
            "folds, exactly as a package is served; then on other sources, real series, unsuitable "
            "and disturbed input. A killed evaluation goes on where it was. The HTML page holds "
            "example slices: it belongs to whoever may see the data."
        ),
        epilog="example: python -m training evaluate runs/cv --data DATA --out runs/cv/evaluation",
    )
    verb.add_argument(
        "folder",
        metavar="RUN",
        type=Path,
        help="a run, or a folder with fold1 to fold4 (and all, leaky) in it",
    )
    verb.add_argument("--data", help="data root (default: NEURALSCAN_DATA)")
    verb.add_argument("--out", type=Path, help="folder of the report (default: RUN/evaluation)")
    verb.add_argument(
        "--folds",
        nargs="+",
        type=int,
        choices=(1, 2, 3, 4),
        help="folds to judge on (default: all that a network has not seen)",
    )
    verb.add_argument(
        "--in-sample",
        action="store_true",
        help="allow folds the network was trained on; the report says so",
    )
    verb.add_argument(
        "--ensemble", action="store_true", help="also judge the mean of the networks, elsewhere"
    )
    verb.add_argument(
        "--robustness",
        type=int,
        default=240,
        metavar="N",
        help="slices for the disturbances, 0 for none (default: 240)",
    )
    verb.add_argument("--resamples", type=int, default=2000, help="bootstrap draws (default: 2000)")
    verb.add_argument(
        "--explore",
        type=Path,
        metavar="FILE",
        help="exploration.json of `explore`, to quote its baseline",
    )
    verb.add_argument(
        "--no-examples", dest="examples", action="store_false", help="no slices in the HTML page"
    )
    verb.set_defaults(run=_evaluate)
