"""A package's network as an OpenVINO Model Server repository.

::

    DIR/
    ├── config.json          what the server is started with (--config_path)
    └── NAME/
        ├── 1/model.xml, model.bin
        └── 2/…              a newer network; the server takes the highest number

The server watches both. A version therefore appears in one step, and config.json is replaced in
one step.

References
----------
OpenVINO Model Server, documentation: model repository; model configuration options.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from appliance.atomic import clear_parts, put_file, sync_folder, write_part
from appliance.core.errors import BadRequest
from appliance.installed import plain_name
from appliance.ir import Ir
from appliance.outputs import writing
from appliance.package import Package

CONFIG = "config.json"


def _versions(folder: Path) -> dict[int, Path]:
    found = folder.iterdir() if folder.is_dir() else ()
    return {int(path.name): path for path in found if path.name.isdecimal()}


def _same(folder: Path, network: Ir) -> bool:
    try:
        there = [(folder / f"model.{kind}").read_bytes() for kind in ("xml", "bin")]
    except OSError:
        return False
    return there == [network.xml, network.weights]


def export(package: Package, out: Path, precision: str = "INT8", device: str = "CPU") -> Path:
    """Add a package's network to a repository, as the next version of its name.

    What is there already in its latest version is not added again.

    Returns
    -------
    Path
        The version's folder.

    Raises
    ------
    BadRequest
        When the folder holds something else, or cannot be written.
    ChecksumMismatch
        When the package was changed.
    Unavailable
        When the disk is full.
    """
    network, name = package.network(precision), plain_name(package.name, "name")
    config = _config(out)
    with writing(out, "choose another DIR", "the repository"):
        (out / name).mkdir(parents=True, exist_ok=True)
        versions = _versions(out / name)
        latest = max(versions, default=0)
        target = versions.get(latest)
        if target is None or not _same(target, network):
            target = out / name / str(latest + 1)
            files = {"model.xml": network.xml, "model.bin": network.weights}
            clear_parts(out, f"{name}-version")
            part = write_part(out, f"{name}-version", files)
            try:
                part.replace(target)
            except BaseException:
                shutil.rmtree(part, ignore_errors=True)
                raise
            sync_folder(target.parent)
        entries = [e for e in config["model_config_list"] if e["config"].get("name") != name]
        entries.append({"config": _entry(name, device)})
        document = {**config, "model_config_list": entries}
        put_file(out / CONFIG, (json.dumps(document, indent=1) + "\n").encode())
    return target


def _entry(name: str, device: str) -> dict[str, Any]:
    return {
        "name": name,
        "base_path": name,  # relative to config.json
        "target_device": device,
        "plugin_config": {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"},
    }


def _config(out: Path) -> dict[str, Any]:
    """The configuration that is there; other models in it are kept."""
    path = out / CONFIG
    if not path.exists():
        return {"model_config_list": []}
    try:
        document = json.loads(path.read_bytes())
        for entry in document["model_config_list"]:
            entry["config"]["name"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadRequest(
            f"{path} is no configuration of a model server ({error}); choose another DIR"
        ) from error
    return document
