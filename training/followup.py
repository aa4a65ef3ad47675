"""The verb ``followup``: fit the error band of `neuralscan track`, and say whether it holds."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

SOURCES = ("picture", "stack", "neighbours")
"""Generated pictures and stacks; neighbouring real slices, which experts outlined."""
_QUANTILE = 0.95
_HOLDS = {"picture": 0.95, "stack": 0.95, "neighbours": 0.9}
"""Share of the fitted pairs whose true change must lie in the band; fewer where the truth is what
experts drew, of whom two groups agree at a median Dice of 0.90."""
_FITTED_ON = {"picture": ("picture", "neighbours"), "stack": ("stack",)}
"""Real slices are read less steadily than generated ones: the band of pictures holds both."""
_GRID = {
    "repeat": (1.0, 1.25, 1.5, 1.75, 2.0, 2.5, 3.0, 4.0),
    "floor": (0.05, 0.07, 0.1, 0.14, 0.2),
    "edge": (0.25, 0.5, 1.0, 1.5),
    "share": (0.2, 0.3, 0.4, 0.5),
}
"""Never less than was seen: repeated reading counts at least as it is."""


def add_verb(verbs: Any) -> None:
    """Add ``followup`` to the parser."""
    verb = verbs.add_parser(
        "followup",
        help="fit and judge the error band of `neuralscan track`",
        description="Scan generated heads twice, unchanged or with a lesion grown by a known "
        "share; take neighbouring real slices as two visits; measure all with the shipped network, "
        "fit the band on half of the pairs and judge it on the other half. "
        "Example: python -m training followup --data DIR --out runs/followup",
    )
    verb.add_argument("--data", type=Path, help="data root; default: NEURALSCAN_DATA")
    verb.add_argument("--out", type=Path, required=True, help="rows.jsonl, limits.json; resumed")
    verb.add_argument("--pairs", type=int, default=200, help="pairs of each source (default 200)")
    verb.add_argument(
        "--repeats",
        type=int,
        metavar="N",
        help="do not fit: put N unchanged and N changed generated heads of each kind through all "
        "that `track` does, and count what it says; repeats.json, resumed",
    )
    verb.add_argument("--seed", type=int, default=0)
    verb.add_argument("--models", type=Path, action="append", default=[], help="packages' folder")
    verb.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Measure, fit, judge, write; prints the limits. With ``--repeats`` another protocol."""
    from appliance.provenance import data_root
    from training import followup_repeats
    from training.processes import write_json

    if arguments.repeats:
        return followup_repeats.run(arguments)
    arguments.data = data_root(arguments.data)
    arguments.out.mkdir(parents=True, exist_ok=True)
    rows = measured(arguments)
    document = fit(rows)
    write_json(arguments.out / "limits.json", document)
    print(json.dumps(document, indent=1))
    return 0


def measured(arguments: argparse.Namespace) -> list[dict[str, Any]]:
    """One row for each pair of each source."""
    from appliance.pipeline import Analyzer

    analyzer = Analyzer("CPU", arguments.models)
    wanted = [(s, n) for n in range(arguments.pairs) for s in SOURCES]

    def row(source: str, number: int) -> dict[str, Any]:
        return measure(analyzer, source, number, arguments.seed, arguments.data)

    return resumed(arguments.out / "rows.jsonl", wanted, arguments.seed, row)


def resumed(
    kept: Path,
    wanted: Sequence[tuple[str, int]],
    seed: int,
    measure_one: Callable[[str, int], dict[str, Any]],
) -> list[dict[str, Any]]:
    """The rows of all wanted sources and numbers; those of an interrupted call are read again."""
    from tqdm import tqdm

    lines = kept.read_text(encoding="utf-8").splitlines() if kept.is_file() else []
    rows = [row for row in map(json.loads, lines) if row["seed"] == seed]
    found = {(row["source"], row["number"]): row for row in rows}
    left = [task for task in wanted if task not in found]
    with kept.open("a", encoding="utf-8") as stream:
        for source, number in tqdm(left, desc="followup", disable=None):
            row = found[source, number] = measure_one(source, number)
            stream.write(json.dumps(row) + "\n")
            stream.flush()
    return [found[task] for task in wanted]


def measure(analyzer: Any, source: str, number: int, seed: int, root: Path) -> dict[str, Any]:
    """A pair measured as ``neuralscan track`` would, but for a registration that is known.

    Two stacks of one generated head share their millimetres, neighbouring slices their pixels.
    """
    from appliance.followup.compare import How, compare
    from appliance.followup.reader import outliner_of, read_exam
    from appliance.registration.register import LPS_MM, PIXEL, Registration, register
    from training import followup_heads, followup_neighbours

    space, size = (LPS_MM, 4) if source == "stack" else (PIXEL, 3)
    known = Registration("good", (), space, np.eye(size), "known")
    if source == "neighbours":
        names = followup_neighbours.pairs(root, number + 1, seed)[number]
        made = followup_neighbours.pair(root, names)
    else:
        made = followup_heads.pair(source, number, seed)
    exams = [read_exam(analyzer, series) for series in (made.prior, made.current)]
    how = How(
        outliner_of(analyzer),
        register=register if source == "picture" else lambda *a, **k: known,
    )
    found = compare(*exams, how)
    return row_of(analyzer, made, exams, found, source=source, number=number, seed=seed)


def row_of(
    analyzer: Any, made: Any, exams: Sequence[Any], found: Any, **named: Any
) -> dict[str, Any]:
    """What was said of a pair, beside its truth."""
    total = found.total
    main = next((c for c in found.changes if c.parts), None)
    return {
        **named,
        "kind": made.kind,
        "package": analyzer.package.name,
        "truth": made.change,
        "verdict": found.verdict,
        "reasons": list(found.reasons),
        "registration": found.registration and found.registration.verdict,
        "lesions": [len(exam.sizes()) for exam in exams],
        "words": [change.verdict for change in found.changes],
        "parts": None if main is None else dict(main.parts),
        "total": None if total is None else dict(total.parts),
    }


def fit(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The document of the band: weights from every other couple of pairs, judged on the rest."""
    from appliance.followup.band import SCHEMA

    document: dict[str, Any] = {
        "schema": SCHEMA,
        "quantile": _QUANTILE,
        "package": rows[0]["package"],
        "measured": {},
    }
    for name, sources in _FITTED_ON.items():
        used = {s: [r for r in rows if r["source"] == s and r["parts"]] for s in sources}
        halves = [
            {s: [r for r in used[s] if (r["number"] // 2) % 2 == side] for s in sources}
            for side in (0, 1)
        ]
        weights = narrowest(halves[0])
        document[name] = asdict(weights)
        for source in sources:
            document["measured"][source] = {
                "pairs": sum(row["source"] == source for row in rows),
                "without_a_comparison": sum(
                    row["source"] == source and not row["parts"] for row in rows
                ),
                "fitted": judged(halves[0][source], weights),
                "judged": judged(halves[1][source], weights),
            }
    return document


def narrowest(groups: Mapping[str, Sequence[dict[str, Any]]]) -> Any:
    """The weights with the narrowest band among those that hold enough pairs of each group."""
    from appliance.followup.band import Weights

    found = []
    for values in product(*_GRID.values()):
        weights = Weights(*values)
        seen = {name: _held(rows, weights) for name, rows in groups.items() if rows}
        lacking = sum(_lacking(groups[s], held, _HOLDS[s]) for s, (held, _) in seen.items())
        found.append((lacking, sum(width for _, width in seen.values()), values))
    return Weights(*min(found)[2])


def _lacking(rows: Sequence[dict[str, Any]], held: np.ndarray, wanted: float) -> float:
    """How much too few truths lie in their band: of all pairs, and of the unchanged ones."""
    still = np.array([row["truth"] == 0.0 for row in rows])
    parts = [held, held[still]] if still.any() else [held]
    return sum(max(wanted - float(part.mean()), 0.0) for part in parts)


def _bands(rows: Sequence[dict[str, Any]], weights: Any) -> tuple[np.ndarray, ...]:
    """True changes, measured ones and bands, per cent."""
    from appliance.followup.band import in_percent

    names = rows[0]["parts"]
    parts = {name: np.array([row["parts"][name] for row in rows]) for name in names}
    truth = 100.0 * np.expm1([row["truth"] for row in rows])
    return truth, *in_percent(parts["change"], weights.half_width(**parts))


def _held(rows: Sequence[dict[str, Any]], weights: Any) -> tuple[np.ndarray, float]:
    """Which true changes lie in their band, and the median width of the band."""
    truth, change, band = _bands(rows, weights)
    return np.abs(change - truth) <= band, float(np.median(band))


def judged(rows: Sequence[dict[str, Any]], weights: Any) -> dict[str, Any]:
    """How often the band holds the truth, its width, and what is said where nothing changed."""
    held, width = _held(rows, weights)
    truth, change, band = _bands(rows, weights)
    called = np.abs(change) > band
    still, moved = truth == 0.0, np.abs(truth) >= 25.0
    return {
        "n": len(rows),
        "truth_in_band": round(float(held.mean()), 4),
        "median_band_percent": round(width, 1),
        "unchanged": int(still.sum()),
        "unchanged_called_changed": _share(called[still]),
        "changed_by_a_quarter": int(moved.sum()),
        "changed_by_a_quarter_called_so": _share(called[moved]),
    }


def _share(called: np.ndarray) -> float | None:
    return round(float(called.mean()), 4) if called.size else None
