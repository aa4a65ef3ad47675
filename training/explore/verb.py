"""The verb ``explore``."""

from __future__ import annotations

import argparse
from pathlib import Path

from appliance.provenance import data_root


def _run(arguments: argparse.Namespace) -> int:
    from appliance.registry import find_package, open_package
    from training.explore.document import explore
    from training.explore.report import html, markdown
    from training.page import new_figure
    from training.processes import write_json

    root = data_root(arguments.data)
    package = open_package(arguments.package) if arguments.package else find_package()
    new_figure()  # says what is missing before the work, not after it
    document = explore(root, package)
    arguments.out.mkdir(parents=True, exist_ok=True)
    write_json(arguments.out / "exploration.json", document)
    (arguments.out / "exploration.html").write_text(html(document), encoding="utf-8")
    (arguments.out / "exploration.md").write_text(markdown(document), encoding="utf-8")
    print(arguments.out / "exploration.html")
    return 0


def add_verb(verbs: argparse._SubParsersAction) -> None:
    """Add ``explore``."""
    text = (
        "analyse a data root with oneDAL, beside stock scikit-learn: classes, planes, sizes, "
        "intensities, what the scanner alone gives away, clusters and look-alikes of the "
        "network's embeddings, where lesions lie, how well readers agree"
    )
    verb = verbs.add_parser(
        "explore",
        help="analyse a data root: JSON, one HTML page, Markdown",
        description=text,
        epilog="example: python -m training explore --data DATA --out runs/explored",
    )
    verb.add_argument("--data", help="data root (default: NEURALSCAN_DATA)")
    verb.add_argument("--out", type=Path, required=True, help="folder for the report")
    verb.add_argument(
        "--package", type=Path, help="package whose embeddings are used (default: the shipped one)"
    )
    verb.set_defaults(run=_run)
