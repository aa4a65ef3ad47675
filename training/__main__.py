"""``python -m training``: the engineer's side of the networks."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from pathlib import Path

from appliance.core.errors import ApplianceError, InputError, NotFound, Unavailable


def _data_root(given: str | None) -> Path:
    root = Path(given or os.environ.get("NEURALSCAN_DATA", ""))
    if not (given or os.environ.get("NEURALSCAN_DATA")) or not root.is_dir():
        raise NotFound(
            "expected a data root: --data DIR or NEURALSCAN_DATA (see training/README.md)"
        )
    return root


def _train(arguments: argparse.Namespace) -> int:
    from training.config import load_config
    from training.device import start

    config = load_config(arguments.config)
    root = _data_root(arguments.data)
    backend = start(config.seed)
    from training.train import train

    out = Path(arguments.out or f"runs/{config.name}")
    train(config, root, out, backend)
    from training.export import export

    print(export(config, root, out, backend))
    return 0


def _export(arguments: argparse.Namespace) -> int:
    from training.config import load_config
    from training.device import start

    config = load_config(arguments.config)
    backend = start(config.seed)
    from training.export import export

    out = Path(arguments.out or f"runs/{config.name}")
    print(export(config, _data_root(arguments.data), out, backend))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m training", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    for name, run, text in (
        ("train", _train, "train a configuration, resuming when checkpoints exist, and export it"),
        ("export", _export, "export the averaged weights of a finished run again"),
    ):
        verb = verbs.add_parser(
            name,
            help=text,
            description=text,
            epilog=f"example: python -m training {name} first --data DATA --out runs/first",
        )
        verb.add_argument("config", help="name of a file in training/configs, without .py")
        verb.add_argument("--data", help="data root (default: NEURALSCAN_DATA)")
        verb.add_argument(
            "--out", help="folder for checkpoints and the SavedModel (default: runs/CONFIG)"
        )
        verb.set_defaults(run=run)
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run a verb; 0 done, 2 wrong usage, 3 bad data, 5 something is not installed."""
    arguments = _parser().parse_args(argv)
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(message)s")
    try:
        return arguments.run(arguments)
    except ApplianceError as error:
        print(f"error: {error.message}", file=sys.stderr)
        if isinstance(error, Unavailable):
            return 5
        return 2 if isinstance(error, NotFound) else 3 if isinstance(error, InputError) else 1


if __name__ == "__main__":
    sys.exit(main())
