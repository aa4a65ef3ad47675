"""Does `neuralscan fuse` refuse what does not belong together? CT/MR pairs, right and wrong ones.

Every pair goes through the command itself, from two files to its exit code: 3 is a refusal.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

SCHEMA = "neuralscan/fusion-refusals/1"
AS_GIVEN, EMPTY = "right, as they lie", "empty"
_EMPTY_EVERY, _EMPTY_AT = 6, 3
"""Of six wrong pairs the fourth, which would be a second one of another patient."""
FUSED, REFUSED = 0, 3
NOTE = (
    "Right pairs are the data set's own, and the same with the MR moved by up to 20 degrees, 20 "
    "pixels and a tenth in size. Wrong ones: the MR of another patient at the same height, its "
    "mirror image, a slice ten or more away, noise, an empty picture. Six patients; nothing is "
    "fitted on them, but the method was developed with an eye on them."
)


def run(arguments: argparse.Namespace) -> int:
    """Fuse or be refused, count, write; prints the figures."""
    from appliance.provenance import data_root
    from training.processes import write_json

    arguments.out.mkdir(parents=True, exist_ok=True)
    root = data_root(arguments.data)
    rows = measured(root, arguments.refusals, arguments.seed, arguments.out)
    document = counted(rows, arguments.seed)
    write_json(arguments.out / "refusals.json", document)
    print(json.dumps(document, indent=1))
    return 0


def pairs(root: Path, count: int, seed: int) -> Iterator[tuple[str, str, np.ndarray, np.ndarray]]:
    """Kind, patient, CT and MR of `count` right pairs as they lie, as many moved, as many wrong.

    Of the wrong ones every sixth has an empty MR; the other kinds take turns.
    """
    from training.fusion import atlas_pairs
    from training.registration_pairs import of_atlas

    known = atlas_pairs(root)
    for number in range(count):
        stem, *paths = known[round(number * (len(known) - 1) / max(count - 1, 1))]
        ct, mr = (cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) for path in paths)
        yield AS_GIVEN, stem[:2], ct, mr
        for which in (2 * number, 2 * number + 1):
            made = of_atlas(root, which, seed)
            moving, kind = made.moving, made.kind
            if which % 2 and number % _EMPTY_EVERY == _EMPTY_AT:
                moving, kind = np.zeros_like(moving), EMPTY
            yield kind, made.group, _bytes(made.fixed), _bytes(moving)


def _bytes(picture: np.ndarray) -> np.ndarray:
    """As an 8-bit picture; what runs from 0 to 1 is stretched."""
    top = float(picture.max())
    scale = 255.0 if 0 < top <= 2.0 else 1.0
    return np.clip(np.rint(picture * scale), 0, 255).astype(np.uint8)


def measured(root: Path, count: int, seed: int, folder: Path) -> list[dict[str, Any]]:
    """One row for each pair: its kind and the exit code; resumed from ``refusals.jsonl``."""
    from tqdm import tqdm

    kept = folder / "refusals.jsonl"
    lines = kept.read_text(encoding="utf-8").splitlines() if kept.is_file() else []
    rows = [row for row in map(json.loads, lines) if row["asked"] == [count, seed]]
    with kept.open("a", encoding="utf-8") as stream:
        every = enumerate(tqdm(pairs(root, count, seed), total=3 * count, disable=None, delay=2))
        for number, (kind, patient, ct, mr) in every:
            if number < len(rows):
                continue
            row = {"asked": [count, seed], "kind": kind, "patient": patient, **fused(ct, mr)}
            stream.write(json.dumps(row) + "\n")
            stream.flush()
            rows.append(row)
    return rows


def fused(ct: np.ndarray, mr: np.ndarray) -> dict[str, Any]:
    """The exit code of ``neuralscan fuse`` on two pictures, and what the registration said."""
    from appliance.cli import main

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for file, array in (("ct.png", ct), ("mr.png", mr)):
            cv2.imwrite(str(folder / file), array)
        said = io.StringIO()
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            files = [str(folder / file) for file in ("ct.png", "mr.png")]
            code = main(["fuse", *files, "--out", str(folder / "out")])
        document = folder / "out" / "registration.json"
        verdict = json.loads(document.read_text())["verdict"] if document.is_file() else None
    return {"code": code, "registration": verdict}


def counted(rows: Sequence[Mapping[str, Any]], seed: int) -> dict[str, Any]:
    """How many of each kind were refused, and of all wrong and all right ones together."""
    from training.followup_repeats import share
    from training.registration_pairs import RIGHT

    def refused(some: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        return share([row["code"] == REFUSED for row in some])

    right = [row for row in rows if row["kind"] in (RIGHT, AS_GIVEN)]
    wrong = [row for row in rows if row not in right]
    kinds = dict.fromkeys(row["kind"] for row in rows)
    return {
        "schema": SCHEMA,
        "seed": seed,
        "note": NOTE,
        "wrong_refused": refused(wrong),
        "right_refused": refused(right),
        "refused": {kind: refused([r for r in rows if r["kind"] == kind]) for kind in kinds},
        "other_exit_codes": sorted({row["code"] for row in rows} - {FUSED, REFUSED}),
    }
