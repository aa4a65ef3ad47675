"""The verbs that make networks: ``train``, ``export`` and ``crossvalidate``."""

from __future__ import annotations

import argparse
import logging
from pathlib import Path
from typing import Any

from appliance.provenance import data_root
from training.config import FOLDS, held_out, load_config
from training.device import BACKENDS, choose, start
from training.processes import step, write_json
from training.workers import cluster

logger = logging.getLogger(__name__)


def _fold(text: str) -> int | None:
    return None if text == "all" else int(text)


def _planned(arguments: argparse.Namespace) -> tuple[Any, Path]:
    """The configuration and the run's folder."""
    config = load_config(arguments.config)
    folder = Path(arguments.out or f"runs/{config.name}")
    if arguments.fold:
        config = held_out(config, _fold(arguments.fold))
        if not arguments.out:
            folder /= "all" if arguments.fold == "all" else f"fold{arguments.fold}"
    return config, folder


def _train(arguments: argparse.Namespace) -> int:
    config, out = _planned(arguments)
    root = data_root(arguments.data)
    workers = cluster(arguments.workers, arguments.worker)
    backend = start(config.seed, choose(arguments.backend, out), workers)
    from training.train import train

    train(config, root, out, backend, workers)
    if workers.is_chief:
        from training.export import export

        print(export(config, root, out, backend))
    return 0


def _export(arguments: argparse.Namespace) -> int:
    config, out = _planned(arguments)
    backend = start(config.seed, choose("recorded", out))
    from training.export import export

    print(export(config, data_root(arguments.data), out, backend))
    return 0


def steps(
    config: str, fold: int | None, root: Path, run: Path, backend: str
) -> list[tuple[str, str, list[str]]]:
    """What brings one run from images to INT8: title, module and arguments of each process."""
    part = "all" if fold is None else str(fold)
    train = ["train", config, "--fold", part, "--data", str(root), "--out", str(run)]
    return [
        (f"{run.name}: training", "training", [*train, "--backend", backend]),
        (f"{run.name}: to OpenVINO", "optimize", ["convert", str(run)]),
        (f"{run.name}: to INT8", "optimize", ["quantize", str(run), "--data", str(root)]),
    ]


def _cross_validate(arguments: argparse.Namespace) -> int:
    """Fold after fold; what is finished is left alone, what was interrupted resumes."""
    config = load_config(arguments.config)
    root = data_root(arguments.data).resolve()
    out = Path(arguments.out or f"runs/{config.name}").resolve()
    for fold in map(_fold, arguments.folds):
        run = out / ("all" if fold is None else f"fold{fold}")
        stamp = run / "finished.json"
        if stamp.is_file():
            logger.info("%s is finished", run.name)
            continue
        for title, module, given in steps(arguments.config, fold, root, run, arguments.backend):
            step(title, module, *given)
        write_json(stamp, {"config": arguments.config, "fold": fold})
        print(run)
    return 0


def add_verbs(verbs: argparse._SubParsersAction) -> None:
    """Add ``train``, ``export`` and ``crossvalidate``."""
    texts = (
        ("train", _train, "train a configuration, resuming when checkpoints exist, and export it"),
        ("export", _export, "export the averaged weights of a run again"),
        (
            "crossvalidate",
            _cross_validate,
            "train, convert and quantise a network for each held-out fold, then one on all folds",
        ),
    )
    for name, run, text in texts:
        verb = verbs.add_parser(
            name,
            help=text,
            description=text,
            epilog=f"example: python -m training {name} third --data DATA --out runs/third",
        )
        verb.add_argument("config", help="name of a file in training/configs, or trials.NAME")
        verb.add_argument("--data", help="data root (default: NEURALSCAN_DATA)")
        verb.add_argument("--out", help="folder of the run (default: runs/CONFIG[/foldK])")
        if name == "crossvalidate":
            verb.add_argument(
                "--folds",
                nargs="+",
                choices=[*map(str, FOLDS), "all"],
                default=[*map(str, FOLDS), "all"],
                help="which networks to make (default: each fold, then all)",
            )
        else:
            verb.add_argument(
                "--fold",
                choices=[*map(str, FOLDS), "all"],
                help="hold this fold out, or train on all (default: as the configuration says)",
            )
        if name != "export":
            verb.add_argument(
                "--backend",
                choices=["auto", *BACKENDS],
                default="auto",
                help="thread pool and precision; auto measures them first and records the choice",
            )
        if name == "train":
            verb.add_argument(
                "--workers",
                metavar="HOST:PORT,...",
                help="train on several machines: the addresses of all, the same on each",
            )
            verb.add_argument(
                "--worker", type=int, default=0, help="this machine's place in --workers, from 0"
            )
        verb.set_defaults(run=run)
