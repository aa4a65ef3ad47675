"""Run folders: one trained network, or a cross-validated run of several, and what each has seen."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from appliance.core.errors import NotFound
from appliance.core.preprocess import Preprocessing
from optimize.kept import digest

logger = logging.getLogger(__name__)
FOLDS = (1, 2, 3, 4)
"""The folds a data root has for development; other numbers are kept aside."""


@dataclass(frozen=True)
class Run:
    """One trained, converted and quantised network.

    Attributes
    ----------
    draft : mapping
        ``export/draft.json``: what training knows of the package.
    """

    folder: Path
    draft: Mapping[str, Any]

    @property
    def name(self) -> str:
        return self.folder.resolve().name

    @property
    def export(self) -> Path:
        return self.folder / "export"

    @property
    def networks(self) -> Path:
        return self.folder / "networks"

    @property
    def spec(self) -> Preprocessing:
        return Preprocessing.from_json(self.draft["preprocessing"])

    @property
    def trained_on(self) -> tuple[int, ...]:
        return tuple(self.draft["provenance"]["trained_on_folds"])

    @property
    def held_out(self) -> tuple[int, ...]:
        """Folds the network has not seen."""
        return tuple(fold for fold in FOLDS if fold not in self.trained_on)

    def network(self, precision: str) -> Path:
        """``model.xml`` of a precision (``INT8``, ``FP16``, ``FP32``)."""
        return self.networks / precision.lower() / "model.xml"

    def has(self, precision: str) -> bool:
        return self.network(precision).is_file()

    @cached_property
    def digest(self) -> str:
        """Of the INT8 network and the draft: what the figures of this run are about."""
        network = self.network("INT8")
        return digest(network, network.with_suffix(".bin"), dict(self.draft))


def open_run(folder: Path) -> Run:
    """A run folder with an export and INT8 and FP16 networks.

    Raises
    ------
    NotFound
        When a part is missing; says which command makes it.
    """
    path = folder / "export" / "draft.json"
    if not path.is_file():
        raise NotFound(f"{folder.name} has no export: run `python -m training train` first")
    run = Run(folder, json.loads(path.read_text(encoding="utf-8")))
    for precision, verb in (("FP16", "convert"), ("INT8", "quantize")):
        if not run.has(precision):
            raise NotFound(
                f"{folder.name} has no {precision} network: run `python -m optimize {verb}` first"
            )
    return run


@dataclass(frozen=True)
class Runs:
    """What a folder holds.

    Attributes
    ----------
    folds : mapping
        Held-out fold to its network. A single run stands under each fold it has not seen.
    whole : Run or None
        The network trained on all folds.
    leaky : Run or None
        A network trained on an image-level split, to show what that does to the figures.
    unfinished : tuple of str
        Folders that lack an export or a network: a cross-validation that is still running.
    """

    folder: Path
    folds: Mapping[int, Run]
    whole: Run | None = None
    leaky: Run | None = None
    unfinished: tuple[str, ...] = ()

    @property
    def networks(self) -> list[Run]:
        """The different networks, whole one last, leaky one left out."""
        found = {run.folder: run for run in self.folds.values()}
        if self.whole is not None:
            found.setdefault(self.whole.folder, self.whole)
        return list(found.values())


def find_runs(folder: Path) -> Runs:
    """The runs of a folder: itself, or its ``fold1`` to ``fold4``, ``all`` and ``leaky``.

    Raises
    ------
    NotFound
        When there is none that is finished.
    """
    if (folder / "export").is_dir():
        run = open_run(folder)
        if run.held_out:
            return Runs(folder, dict.fromkeys(run.held_out, run))
        return Runs(folder, {}, whole=run)
    names = [*(f"fold{fold}" for fold in FOLDS), "all", "leaky"]
    found: dict[str, Run] = {}
    unfinished = []
    for name in names:
        if (folder / name).is_dir():
            try:
                found[name] = open_run(folder / name)
            except NotFound as error:
                unfinished.append(name)
                logger.warning("%s is left out: %s", name, error)
    if not found.keys() - {"leaky"}:
        raise NotFound(
            f"expected a run folder (with export/) or finished folders fold1 to fold4 in {folder}; "
            "run `python -m training train` or `crossvalidate` first"
        )
    return Runs(
        folder,
        {fold: found[f"fold{fold}"] for fold in FOLDS if f"fold{fold}" in found},
        found.get("all"),
        found.get("leaky"),
        tuple(unfinished),
    )
