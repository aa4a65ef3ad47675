"""The search: every candidate built and judged once, kept, then all timed in turns.

A candidate lies under ``OUT/candidates/NAME-DIGEST``, its figures and the times under
``OUT/kept``. The digests hold the FP32 network, the recipe, the prepared slices, the code and the
libraries: a search that was killed goes on where it was, and one that is asked again after a
change makes anew what the change concerns.
"""

from __future__ import annotations

import gc
import hashlib
import importlib.metadata
import json
import logging
import shutil
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from appliance import doctor
from appliance.atomic import clear_parts, put_file, put_folder
from appliance.core.errors import ModelError
from appliance.core.parity import failures
from appliance.outputs import writing
from appliance.runtime import versions
from optimize.cases import Case
from optimize.kept import code_digest, digest, kept_file, kept_json
from optimize.search import choice
from optimize.search.build import build
from optimize.search.measure import Candidate, against, in_turns, used
from optimize.search.plan import Plan
from optimize.search.recipes import REFERENCE, Recipe

logger = logging.getLogger(__name__)
SCHEMA = "neuralscan/search/1"
ROUNDS = 40
_BUILDERS = tuple(f"optimize.search.{part}" for part in ("build", "layers", "sparsity", "bound"))
_READERS = ("optimize.search.measure", "optimize.parity", "appliance.core.parity")


def _bytes_of(arrays: Iterable[np.ndarray]) -> str:
    found = hashlib.blake2b(digest_size=16)
    for array in arrays:
        found.update(np.ascontiguousarray(array).tobytes())
    return found.hexdigest()


def _listed(cases: Sequence[Case]) -> list[list[str]]:
    return [[case.image.name, case.sha256, str(case.mask and case.mask.name)] for case in cases]


class Search:
    """One search, its results kept below a folder.

    Parameters
    ----------
    out : Path
        Made when it is not there.
    """

    def __init__(self, plan: Plan, recipes: Sequence[Recipe], out: Path) -> None:
        self.plan, self.recipes, self.out = plan, recipes, out
        network = plan.run.network("FP32")
        self._origin = [
            digest(network, network.with_suffix(".bin")),
            dict(plan.run.draft.get("quantization", {})),
            importlib.metadata.version("nncf"),
            code_digest(alone=("optimize.quantize", *_BUILDERS)),
        ]
        self._steers = [_listed(plan.steering), asdict(plan.rule), asdict(plan.bounds)]
        self._judges = [
            _listed(plan.judging),
            _bytes_of(plan.judge.arrays),
            asdict(plan.rule),
            doctor.cpu()["name"],
            code_digest(alone=(*_READERS, "appliance.core.verdict", "appliance.core.metrics")),
        ]

    def key(self, recipe: Recipe) -> str:
        """Digest of everything that decides what a recipe makes."""
        parts = [*self._origin, recipe.to_json()["steps"]]
        if recipe.slices:
            parts.append(_bytes_of(self.plan.arrays[: recipe.slices]))
        if any("control" in settings for _, settings in recipe.steps):
            parts.append(self._steers)
        return digest(*parts)

    def built(self, recipe: Recipe) -> tuple[Path, dict[str, Any]]:
        """The candidate's folder, made when it is not there, and what building it found."""
        home = self.out / "candidates"
        home.mkdir(parents=True, exist_ok=True)
        folder = home / f"{recipe.name}-{self.key(recipe)}"
        if not (folder / "built.json").is_file():
            clear_parts(home, recipe.name)
            part = Path(tempfile.mkdtemp(prefix=f".{recipe.name}-", dir=home))
            try:
                found = build(recipe, self.plan.means, part)
                (part / "built.json").write_text(json.dumps(found))
                part.chmod(0o755)
                put_folder(part, folder)
            finally:
                shutil.rmtree(part, ignore_errors=True)
        return folder, json.loads((folder / "built.json").read_text())

    def network(self, recipe: Recipe, hint: str) -> Candidate:
        path = self.built(recipe)[0] / "model.xml"
        return Candidate(path, self.plan.run.draft["outputs"], hint, recipe.compiled)

    def row(self, recipe: Recipe) -> dict[str, Any]:
        """A candidate built and judged; a failure is a row too, and is tried again next time."""
        about = {"name": recipe.name, "family": recipe.family, "says": recipe.says}
        try:
            found = self.built(recipe)[1]
            path = kept_file(
                self.out / "kept",
                f"figures-{recipe.name}",
                "json",
                self.key(recipe),
                dict(recipe.compiled),
                *self._judges,
            )
            figures = kept_json(
                path,
                lambda: self.plan.judge.figures(self.network(recipe, "THROUGHPUT"), recipe.name),
            )
        except (OSError, MemoryError):
            raise
        except Exception as error:  # NNCF and OpenVINO raise what they like
            if recipe.name == REFERENCE:
                raise ModelError(f"the FP32 network cannot be judged: {error}") from error
            reason = " ".join(f"{type(error).__name__}: {error}".split())
            logger.warning("%s failed: %s", recipe.name, reason)
            return {**about, "status": "failed", "reason": reason[:300]}
        missed = failures(figures, self.plan.bounds)
        return {
            **about,
            **found,
            **figures,
            "used": used(figures, self.plan.bounds),
            "failures": missed,
            "status": "missed" if missed else "kept",
        }

    def times(self, recipes: Sequence[Recipe], rounds: int, again: bool) -> dict[str, Any]:
        """Times of all candidates in turns, with the machine and the load they were taken on."""
        keys = [[r.name, self.key(r), dict(r.compiled)] for r in recipes]
        cpu = doctor.cpu()["name"]
        path = kept_file(self.out / "kept", "times", "json", keys, rounds, cpu, *self._judges[1:2])
        if again:
            path.unlink(missing_ok=True)
        return kept_json(path, lambda: self._timed(recipes, rounds))

    def _timed(self, recipes: Sequence[Recipe], rounds: int) -> dict[str, Any]:
        load = _load()
        bar = tqdm(recipes, desc="compile", disable=None)
        networks = {recipe.name: self.network(recipe, "LATENCY") for recipe in bar}
        arrays = self.plan.judge.arrays
        found = in_turns(networks, arrays[:: max(1, len(arrays) // 64)], rounds)
        return {
            "rounds": rounds,
            "ms": found,
            "load": [load, _load()],
            "utc": datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
        }


def _load() -> float | None:
    """Processes that wanted a core during the last minute; None where the system does not say."""
    try:
        return float(Path("/proc/loadavg").read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return None


def search(
    plan: Plan,
    recipes: Sequence[Recipe],
    out: Path,
    rounds: int = ROUNDS,
    again: bool = False,
) -> dict[str, Any]:
    """Build, judge and time every candidate; write ``OUT/search.json``.

    Parameters
    ----------
    rounds : int
        Of the timing.
    again : bool
        Take the times anew although there are some.

    Returns
    -------
    dict
        The document of ``search.json``.

    Raises
    ------
    BadRequest, Unavailable
        When `out` cannot be written.
    ModelError
        When the FP32 network itself cannot be judged.
    """
    with writing(out, what="the search"):
        out.mkdir(parents=True, exist_ok=True)
        made = Search(plan, recipes, out)
        rows = []
        for recipe in tqdm(recipes, desc="candidates", disable=None):
            rows.append(made.row(recipe))
            gc.collect()
        lasting = [r for r, row in zip(recipes, rows, strict=True) if choice.judged(row)]
        times = made.times(lasting, rounds, again)
        for row in rows:
            if row["name"] in times["ms"]:
                row["ms"] = float(np.median(times["ms"][row["name"]]))
                row["time"] = against(times["ms"], row["name"], REFERENCE)
        document = {
            "schema": SCHEMA,
            "run": plan.run.name,
            "parts": plan.about(),
            "bounds": asdict(plan.bounds),
            "rule": asdict(plan.rule),
            "host": {**doctor.cpu(), "cores": doctor.usable_cores()},
            "versions": {**versions(), "nncf": importlib.metadata.version("nncf")},
            "timed": {key: times[key] for key in ("rounds", "load", "utc")},
            "candidates": rows,
            "choice": choice.choose(rows, times["ms"]),
        }
        put_file(out / "search.json", json.dumps(document, indent=1).encode())
    return document
