"""The verbs ``keep`` and ``restore``: a run's network without the hours that made it.

What is kept of a run is its FP16 network and the draft of its manifest, some 8 MB. With the data
root a run folder is made of it again that `optimize` and ``evaluate`` read: case lists, FP32 (the
FP16 weights, widened), FP16, INT8. TensorFlow's side (SavedModel, checkpoints) is not.
"""

from __future__ import annotations

import argparse
import json
import logging
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from appliance.core.errors import BadRequest, ChecksumMismatch, CorruptFile, InputError, NotFound
from appliance.provenance import data_root
from training import data
from training.config import FOLDS, Config
from training.digests import digest
from training.draft import draft_manifest
from training.processes import step, write_json

logger = logging.getLogger(__name__)
DRAFT, NETWORK, KEPT = "draft.json", ("model.xml", "model.bin"), "kept.json"
_RESTORED = "restored.json"
_ADDED = ("refusal_limits_from", "packaged_with")
"""What packaging says of a network's origin and training does not."""


def _read(path: Path) -> dict[str, Any]:
    """A JSON object.

    Raises
    ------
    NotFound, CorruptFile
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise NotFound(f"expected a kept network or a package, found no {path}") from error
    except ValueError as error:
        raise CorruptFile(f"{path} is no JSON: {error}") from error
    if not isinstance(document, dict):
        raise CorruptFile(f"{path} holds no object")
    return document


def keep(run: Path, into: Path) -> Path:
    """Copy what `restore` needs into ``INTO/NAME``, with checksums and the digest of the case list.

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
    BadRequest
        When the folder holds the network of another recipe.
    """
    run = run.resolve()
    half = run / "networks" / "fp16"
    parts = [run / "export" / DRAFT, *(half / name for name in NETWORK)]
    lists = run / "export" / "cases.json"
    for part in (*parts, lists):
        if not part.is_file():
            raise NotFound(f"{run.name} has no {part.name}: train and convert it first")
    folder = into / run.name
    if (folder / DRAFT).is_file():
        recipe, other = _read(parts[0])["name"], _read(folder / DRAFT).get("name")
        if recipe != other:
            raise BadRequest(f"{folder} holds a network of {other}, not of {recipe}")
    folder.mkdir(parents=True, exist_ok=True)
    # The description goes first and comes back last: without it the folder is no kept network.
    (folder / KEPT).unlink(missing_ok=True)
    for part in parts:
        shutil.copyfile(part, folder / part.name)
    described = {
        "cases": data.lists_digest(_read(lists)),
        "files": {part.name: digest(folder / part.name) for part in parts},
    }
    write_json(folder / KEPT, described)
    return folder


@dataclass(frozen=True)
class _Source:
    """A kept network or a package.

    Attributes
    ----------
    networks : mapping of precision to folder
        ``fp16`` and, from a package, ``int8``.
    cases : str, optional
        Digest of the case list it was trained with; older packages have none.
    """

    name: str
    draft: Mapping[str, Any]
    networks: Mapping[str, Path]
    digest: str
    cases: str | None = None

    @property
    def trained_on(self) -> tuple[int, ...]:
        try:
            folds = tuple(self.draft["provenance"]["trained_on_folds"])
        except (KeyError, TypeError) as error:
            raise CorruptFile(f"{self.name} does not say which folds it has seen") from error
        if not folds or not set(folds) <= set(FOLDS):
            raise CorruptFile(f"{self.name} was trained on folds {folds}, known: {FOLDS}")
        return folds

    @property
    def held_out(self) -> tuple[int, ...]:
        return tuple(fold for fold in FOLDS if fold not in self.trained_on)


def _kept(folder: Path) -> _Source:
    described = _read(folder / KEPT)
    files = described.get("files")
    if not isinstance(files, dict) or set(files) != {DRAFT, *NETWORK}:
        raise CorruptFile(f"{folder.name}/{KEPT} does not name the files")
    for name, sha256 in files.items():
        if not (folder / name).is_file():
            raise NotFound(f"{folder.name} has no {name}")
        if digest(folder / name) != sha256:
            raise ChecksumMismatch(f"{folder.name}/{name} was changed since it was kept")
    return _Source(
        folder.name,
        _read(folder / DRAFT),
        {"fp16": folder},
        digest(folder / KEPT),
        described.get("cases"),
    )


def _package(folder: Path) -> _Source:
    """A package's networks, checked, and its manifest without what packaging added."""
    from appliance.package import open_package

    package = open_package(folder)
    package.verify()
    manifest = package.manifest.document
    known = draft_manifest(Config(manifest["name"], manifest["title"]), {})
    draft = {key: manifest[key] for key in known if key in manifest}
    origin = {k: v for k, v in manifest["provenance"].items() if k not in _ADDED}
    found = _Source(
        folder.name,
        draft | {"provenance": origin},
        {"fp16": folder / "fp16", "int8": folder},
        package.sha256,
        origin.get("cases_sha256"),
    )
    origin["calibrated_on_folds"] = list(found.held_out)
    return found


def restore(folder: Path, out: Path, root: Path) -> Path:
    """Make a run folder of a kept network or a package, as ``crossvalidate`` leaves one.

    A package keeps its INT8 network; otherwise `optimize quantize` makes one.

    Returns
    -------
    pathlib.Path
        ``OUT/foldN``, or ``OUT/all`` where no fold was held out. What was restored from the same
        files before is left alone.

    Raises
    ------
    NotFound, CorruptFile, ChecksumMismatch
        When `folder` holds neither, or not what it held.
    BadRequest
        When the run's folder holds something else.
    InputError
        When the data root gives another case list than the network was trained with.
    """
    packaged = (folder / "manifest.json").is_file()
    source = _package(folder) if packaged else _kept(folder)
    held_out = source.held_out
    run = out / ("-".join(f"fold{fold}" for fold in held_out) or "all")
    stamp = {"restored_from": source.name, "sha256": source.digest}
    if run.is_dir() and any(run.iterdir()):
        there = run / _RESTORED
        if not there.is_file() or _read(there) != stamp:
            raise BadRequest(f"{run} holds another run; choose another --out")
        if (run / "finished.json").is_file():
            return run
    lists = data.case_lists(root, source.trained_on, held_out)
    rows = data.rows_of(lists, root)
    if source.cases is None:
        logger.warning("%s does not say which slices it was trained on; taken as these", folder)
    elif source.cases != data.lists_digest(rows):
        raise InputError(
            f"{source.name} was trained with another case list than {root} gives: slices it is "
            "judged on might be slices it has seen"
        )
    for part in ("export", *(f"networks/{precision}" for precision in source.networks)):
        (run / part).mkdir(parents=True, exist_ok=True)
    write_json(run / _RESTORED, stamp)
    data.write_case_lists(run / "export" / "cases.json", rows)
    write_json(run / "export" / DRAFT, source.draft)
    for precision, networks in source.networks.items():
        for name in NETWORK:
            shutil.copyfile(networks / name, run / "networks" / precision / name)
    step(f"{run.name}: to FP32", "optimize", "widen", str(run))
    if "int8" not in source.networks:
        step(f"{run.name}: to INT8", "optimize", "quantize", str(run), "--data", str(root))
    write_json(run / "finished.json", {"config": source.draft["name"], "folds": list(held_out)})
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
    text = "keep of trained runs what restore makes runs of again: FP16 network and draft"
    verb = verbs.add_parser(
        "keep",
        help=text,
        description=text,
        epilog="example: python -m training keep runs/third/fold1 --into training/networks/third",
    )
    verb.add_argument("runs", metavar="RUN", nargs="+", type=Path, help="a run, converted")
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
