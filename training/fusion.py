"""The verb ``fusion``: the methods of `appliance.fusion` side by side on the CT/MR pairs."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

SCHEMA = "neuralscan/fusion-table/1"
NOTE = (
    "Implementations of these figures differ between papers (bins, borders, scaling, which pairs "
    "and which slices): compare rows of this table with each other, not with a row of another one. "
    "The pairs are taken as they lie in the data set, registered by its makers. Slices of one "
    "patient resemble each other, so the spread is that of slices, not of patients."
)
_TITLES = {
    "entropy": "Entropy, bit",
    "mutual_information": "Mutual information, bit",
    "qabf": "Q^AB/F",
    "ssim": "SSIM",
    "vif": "VIF",
    "spatial_frequency": "Spatial frequency",
    "standard_deviation": "Standard deviation",
}


def add_verb(verbs: Any) -> None:
    """Add ``fusion`` to the parser."""
    verb = verbs.add_parser(
        "fusion",
        help="compare the methods of `neuralscan fuse` on the CT/MR pairs",
        description="Fuse every CT/MR pair of the data root by every method and tabulate the usual "
        "figures, mean and standard deviation. Five minutes on two cores. "
        "Example: python -m training fusion --data DIR --out runs/fusion",
    )
    verb.add_argument("--data", type=Path, help="data root; default: NEURALSCAN_DATA")
    verb.add_argument("--out", type=Path, required=True, help="folder for fusion.json, fusion.html")
    verb.add_argument("--pairs", type=int, help="take so many pairs, evenly spaced; default: all")
    verb.add_argument(
        "--refusals",
        type=int,
        metavar="N",
        help="no table: put N right pairs, N moved and N wrong ones through `neuralscan fuse` and "
        "count its refusals; refusals.json, resumed",
    )
    verb.add_argument("--seed", type=int, default=0, help="of --refusals (default 0)")
    verb.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Measure, write, print the table. With ``--refusals`` another protocol."""
    from appliance.provenance import data_root
    from training import fusion_refusals
    from training.processes import write_json

    if arguments.refusals:
        return fusion_refusals.run(arguments)
    pairs = atlas_pairs(data_root(arguments.data))
    if arguments.pairs:
        chosen = np.linspace(0, len(pairs) - 1, min(arguments.pairs, len(pairs)))
        pairs = [pairs[round(float(place))] for place in chosen]
    rows = measure(pairs)
    document = tabulated(rows)
    arguments.out.mkdir(parents=True, exist_ok=True)
    write_json(arguments.out / "fusion.json", {**document, "rows": rows})
    (arguments.out / "fusion.html").write_text(as_page(document), encoding="utf-8")
    print(as_markdown(document))
    return 0


def atlas_pairs(root: Path) -> list[tuple[str, Path, Path]]:
    """Name, CT and MR of each pair of a data root.

    Raises
    ------
    NotFound
        When there is none.
    """
    from appliance.core.errors import NotFound

    folder = root / "ct_mr"
    names = sorted(path.name for path in (folder / "CT").glob("*.png"))
    found = [(name, folder / "CT" / name, folder / "MR" / name) for name in names]
    found = [pair for pair in found if pair[2].is_file()]
    if not found:
        raise NotFound(f"expected pairs CT/NAME.png and MR/NAME.png below {folder}, found none")
    return found


def measure(
    pairs: Sequence[tuple[str, Path, Path]], show: Callable[..., Any] | None = None
) -> list[dict[str, Any]]:
    """The figures of each pair under each method: ``{"pair", "patient", "method", figures…}``."""
    from tqdm import tqdm

    from appliance.core.types import Volume
    from appliance.fusion.methods import METHODS, fuse_volumes
    from appliance.fusion.metrics import of_volume

    rows: list[dict[str, Any]] = []
    for name, *paths in (show or tqdm)(pairs, desc="fusion", disable=None, delay=2):
        pictures = [cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) for path in paths]
        one, other = (Volume(p[None].astype(np.float32) / 255) for p in pictures)
        for method in METHODS:
            figures = of_volume(one, other, fuse_volumes(one, other, method))
            stem = Path(name).stem
            rows.append({"pair": stem, "patient": stem[:-3], "method": method, **figures})
    return rows


def tabulated(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Mean and standard deviation of each figure for each method."""
    figures = [name for name in rows[0] if name not in ("pair", "patient", "method")]
    table = {}
    for method in dict.fromkeys(row["method"] for row in rows):
        own = [row for row in rows if row["method"] == method]
        table[method] = {
            name: {
                "mean": float(np.mean([row[name] for row in own])),
                "sd": float(np.std([row[name] for row in own], ddof=1)) if len(own) > 1 else 0.0,
            }
            for name in figures
        }
    return {
        "schema": SCHEMA,
        "pairs": len({row["pair"] for row in rows}),
        "patients": len({row["patient"] for row in rows}),
        "note": NOTE,
        "methods": table,
    }


def _lines(document: Mapping[str, Any]) -> tuple[list[str], list[list[str]]]:
    figures = list(next(iter(document["methods"].values())))
    header = ["Method", *(_TITLES.get(name, name) for name in figures)]
    lines = [
        [method, *(f"{own[name]['mean']:.3f} ± {own[name]['sd']:.3f}" for name in figures)]
        for method, own in document["methods"].items()
    ]
    return header, lines


def as_markdown(document: Mapping[str, Any]) -> str:
    """The table as text."""
    from appliance.wording import markdown_table

    return markdown_table(*_lines(document))


def as_page(document: Mapping[str, Any]) -> str:
    """The table as a self-contained page, without any picture of a patient."""
    from training import fusion_printed
    from training.page import page, prose, table

    about = f"{document['pairs']} pairs of {document['patients']} patients; mean ± sd over pairs."
    printed = prose(fusion_printed.SOURCE, fusion_printed.NOTE)
    return page(
        "Fusion of CT and MR",
        [
            ("Figures", prose(about, NOTE) + table(*_lines(document))),
            ("Beside figures that were printed", printed + table(*fusion_printed.beside(document))),
        ],
    )
