"""The verbs ``keep`` and ``restore``: a run's network without the hours that made it.

What is kept of a run is its FP16 network and the draft of its manifest, some 8 MB. With the data
root a run folder is made of it again that `optimize` and ``evaluate`` read: case lists, FP32 (the
FP16 weights, widened), FP16, INT8. TensorFlow's side (SavedModel, checkpoints) is not.
"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path
from typing import Any

from appliance.core.errors import CorruptFile, NotFound
from appliance.provenance import data_root
from training.processes import step, write_json

DRAFT, NETWORK = "draft.json", ("model.xml", "model.bin")
_ADDED = ("calibrated_on_folds", "refusal_limits_from", "packaged_with")
"""What packaging says of a network's origin and training does not."""


def keep(run: Path, into: Path) -> Path:
    """Copy what `restore` needs into ``INTO/NAME``.

    Parameters
    ----------
    run : pathlib.Path
        A run that is trained and converted.

    Returns
    -------
    pathlib.Path
        The folder written.

    Raises
    ------
    NotFound
        When it is not.
    """
    run = run.resolve()
    parts = [run / "export" / DRAFT, *(run / "networks" / "fp16" / name for name in NETWORK)]
    for part in parts:
        if not part.is_file():
            raise NotFound(f"{run.name} has no {part.name}: train and convert it first")
    folder = into / run.name
    folder.mkdir(parents=True, exist_ok=True)
    for part in parts:
        shutil.copyfile(part, folder / part.name)
    return folder


def _draft_of(manifest: dict[str, Any]) -> dict[str, Any]:
    """What training knew of a package: its manifest without what packaging added."""
    from training.config import Config
    from training.draft import draft_manifest

    known = draft_manifest(Config(manifest["name"], manifest["title"]), {})
    draft = {key: manifest[key] for key in known}
    origin = manifest["provenance"]
    draft["provenance"] = {key: value for key, value in origin.items() if key not in _ADDED}
    return draft


def _source(folder: Path) -> tuple[dict[str, Any], Path]:
    """Draft and FP16 network of a kept network or a package."""
    try:
        if (folder / "manifest.json").is_file():
            manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
            return _draft_of(manifest), folder / "fp16"
        return json.loads((folder / DRAFT).read_text(encoding="utf-8")), folder
    except FileNotFoundError as error:
        raise NotFound(f"expected a kept network or a package in {folder}") from error
    except (ValueError, KeyError) as error:
        raise CorruptFile(f"{folder.name} describes no network: {error!r}") from error


def restore(source: Path, out: Path, root: Path) -> Path:
    """Make a run folder of a kept network or a package, as ``crossvalidate`` leaves one.

    Returns
    -------
    pathlib.Path
        ``OUT/foldN``, or ``OUT/all`` where no fold was held out. A finished one is left alone.

    Raises
    ------
    NotFound
        When `source` is neither, or lacks its network.
    CorruptFile
        When its description cannot be read.
    """
    from training import data
    from training.config import FOLDS

    draft, networks = _source(source)
    for name in NETWORK:
        if not (networks / name).is_file():
            raise NotFound(f"{source.name} has no {name}")
    trained_on = tuple(draft["provenance"]["trained_on_folds"])
    held_out = tuple(fold for fold in FOLDS if fold not in trained_on)
    run = out / ("".join(f"fold{fold}" for fold in held_out) or "all")
    stamp = run / "finished.json"
    if stamp.is_file():
        return run
    for folder in ("export", "networks/fp16"):
        (run / folder).mkdir(parents=True, exist_ok=True)
    lists = data.case_lists(root, trained_on, held_out)
    data.write_case_lists(run / "export" / "cases.json", lists, root)
    write_json(run / "export" / DRAFT, draft)
    for name in NETWORK:
        shutil.copyfile(networks / name, run / "networks" / "fp16" / name)
    step(f"{run.name}: to FP32", "optimize", "widen", str(run))
    step(f"{run.name}: to INT8", "optimize", "quantize", str(run), "--data", str(root))
    write_json(stamp, {"restored_from": source.name, "fold": held_out[0] if held_out else None})
    return run


def _keep(arguments: argparse.Namespace) -> int:
    for run in arguments.runs:
        print(keep(run, arguments.into))
    return 0


def _restore(arguments: argparse.Namespace) -> int:
    root = data_root(arguments.data).resolve()
    for source in arguments.sources:
        print(restore(source, arguments.out.resolve(), root))
    return 0


def add_verbs(verbs: argparse._SubParsersAction) -> None:
    """Add ``keep`` and ``restore``."""
    text = "keep of finished runs what restore makes runs of again: FP16 network and draft"
    verb = verbs.add_parser(
        "keep",
        help=text,
        description=text,
        epilog="example: python -m training keep runs/third/fold1 --into training/networks/third",
    )
    verb.add_argument("runs", metavar="RUN", nargs="+", type=Path, help="a finished run's folder")
    verb.add_argument("--into", type=Path, required=True, help="a folder for each run goes here")
    verb.set_defaults(run=_keep)
    text = "make run folders of kept networks and packages, to evaluate without training"
    verb = verbs.add_parser(
        "restore",
        help=text,
        description=text,
        epilog="example: python -m training restore training/networks/third/* "
        "appliance/models/third --data DATA --out runs/third",
    )
    verb.add_argument(
        "sources", metavar="FOLDER", nargs="+", type=Path, help="a kept network or a package"
    )
    verb.add_argument("--data", help="data root (default: NEURALSCAN_DATA)")
    verb.add_argument("--out", type=Path, required=True, help="the runs' folder")
    verb.set_defaults(run=_restore)
