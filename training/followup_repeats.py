"""Does `neuralscan track` keep its word? Generated heads scanned twice, from file to verdict.

Unlike the fit of the band nothing is taken as known here: both scans are written as files, read,
analysed, registered and compared as the command does it.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

SCHEMA = "neuralscan/followup-repeats/1"
SOURCES = ("stack", "picture")
_CALLED = ("larger", "smaller", "new", "gone")
_QUARTER = 25.0
_SURE = 1.96


def run(arguments: argparse.Namespace) -> int:
    """Measure, count, write; prints the figures."""
    from training.processes import write_json

    arguments.out.mkdir(parents=True, exist_ok=True)
    rows = measured(arguments)
    document = counted(rows)
    write_json(arguments.out / "repeats.json", document)
    print(json.dumps(document, indent=1))
    return 0


def measured(arguments: argparse.Namespace) -> list[dict[str, Any]]:
    """One row for each pair, unchanged and changed by turns; resumed from ``repeats.jsonl``."""
    from appliance.pipeline import Analyzer
    from training.followup import resumed

    @cache
    def analyzer() -> Analyzer:
        return Analyzer("CPU", arguments.models)

    def row(source: str, number: int) -> dict[str, Any]:
        return measure(analyzer(), source, number, arguments.seed)

    wanted = [(s, n) for n in range(2 * arguments.repeats) for s in SOURCES]
    return resumed(arguments.out / "repeats.jsonl", wanted, arguments.seed, row)


def measure(analyzer: Any, source: str, number: int, seed: int) -> dict[str, Any]:
    """A pair as ``neuralscan track`` compares it, files and registration included."""
    from appliance.followup.compare import How, compare
    from appliance.followup.reader import outliner_of, read_exam
    from training import followup_heads
    from training.followup import row_of

    made = followup_heads.pair(source, number, seed)
    with tempfile.TemporaryDirectory() as folder:
        series = [stored(one, Path(folder)) for one in (made.prior, made.current)]
    exams = [read_exam(analyzer, one) for one in series]
    found = compare(*exams, How(outliner_of(analyzer)))
    return row_of(analyzer, made, exams, found, source=source, number=number, seed=seed)


def stored(series: Any, folder: Path) -> Any:
    """A series written as a file, a picture or a NIfTI volume, and read again."""
    import cv2

    from appliance import ingest, nifti

    if series.volume.affine is None:
        path = folder / f"{series.name}.png"
        cv2.imwrite(str(path), series.volume.array[0])
    else:
        path = nifti.write(series.volume, folder / f"{series.name}.nii.gz")
    return ingest.read_path(path).series[0]


def counted(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What was said of unchanged and of changed heads, for each source."""
    return {
        "schema": SCHEMA,
        "package": rows[0]["package"],
        "seed": rows[0]["seed"],
        "sources": {
            source: _of_source([row for row in rows if row["source"] == source])
            for source in dict.fromkeys(row["source"] for row in rows)
        },
    }


def _of_source(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    still = [row for row in rows if row["truth"] == 0.0]
    moved = [row for row in rows if row["truth"] != 0.0]
    much = [row for row in moved if abs(_percent(row["truth"])) >= _QUARTER]
    return {
        "unchanged": {
            **_compared(still),
            "called_changed": share([row["verdict"] in _CALLED for row in still]),
        },
        "changed": {
            **_compared(moved),
            "called_the_wrong_way": share([_wrong(row) for row in moved]),
        },
        "changed_by_a_quarter": {
            "n": len(much),
            "called_so": share([row["verdict"] == _way(row) for row in much]),
        },
        "registration": dict(Counter(str(row["registration"]) for row in rows)),
    }


def _compared(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """How many were compared, the width of the band, and whether it held the true change."""
    from appliance.followup.band import in_percent, shipped

    held, widths = [], []
    for row in rows:
        if row["parts"] is not None:
            half = shipped().of(row["source"] != "stack").half_width(**row["parts"])
            change, band = in_percent(row["parts"]["change"], half)
            held.append(abs(change - _percent(row["truth"])) <= band)
            widths.append(band)
    return {
        "n": len(rows),
        "not_comparable": sum(row["verdict"] == "not_comparable" for row in rows),
        "nothing_outlined_in_both": sum(
            row["parts"] is None and row["verdict"] != "not_comparable" for row in rows
        ),
        "truth_in_band": share(held),
        "median_band_percent": round(float(np.median(widths)), 1) if widths else None,
    }


def _percent(truth: float) -> float:
    return 100.0 * float(np.expm1(truth))


def _way(row: Mapping[str, Any]) -> str:
    return "larger" if row["truth"] > 0 else "smaller"


def _wrong(row: Mapping[str, Any]) -> bool:
    """Whether a change was called that is none of this kind."""
    return row["verdict"] in _CALLED and row["verdict"] != _way(row)


def share(said: Sequence[bool]) -> dict[str, Any]:
    """How many of how many, as a share with its 95 % interval.

    References
    ----------
    Wilson, "Probable inference, the law of succession, and statistical inference", JASA 1927.

    Examples
    --------
    >>> share([True] * 97 + [False] * 3)
    {'count': 97, 'n': 100, 'share': 0.97, 'interval': [0.9155, 0.9897]}
    >>> share([])
    {'count': 0, 'n': 0, 'share': None, 'interval': None}
    """
    count, n = int(np.sum(said)) if said else 0, len(said)
    if not n:
        return {"count": 0, "n": 0, "share": None, "interval": None}
    p, z2 = count / n, _SURE**2
    middle = (p + z2 / (2 * n)) / (1 + z2 / n)
    half = _SURE * float(np.sqrt(p * (1 - p) / n + z2 / (4 * n * n))) / (1 + z2 / n)
    low, high = max(0.0, middle - half), min(1.0, middle + half)
    interval = [round(low, 4), round(high, 4)]
    return {"count": count, "n": n, "share": round(p, 4), "interval": interval}
