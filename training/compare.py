"""``python -m training compare``: several architectures under one protocol and budget.

Every network is trained, converted and quantised in processes of its own, one after the other;
then all of them are scored and timed together. What is done is not done again: a killed
comparison goes on from the last whole epoch of the network it was at.
"""

from __future__ import annotations

import argparse
import json
import logging
from pathlib import Path

from appliance.core.errors import BadRequest
from training import processes
from training.candidates import CANDIDATES, SCALES, Candidate, choose
from training.compare_figures import comparison
from training.compare_report import html, markdown
from training.protocol import Protocol, parse_budget

logger = logging.getLogger(__name__)


def compare(out: Path, root: Path, candidates: tuple[Candidate, ...], protocol: Protocol) -> Path:
    """Train what is not trained, measure everything, write the three reports.

    Returns
    -------
    Path
        ``OUT/comparison.html``; ``.json`` and ``.md`` beside it.

    Raises
    ------
    BadRequest
        When `out` holds networks of another protocol.
    """
    hold(out, protocol)
    names = [candidate.name for candidate in candidates]
    for number, candidate in enumerate(candidates, 1):
        make(out, root, candidate, f"{number}/{len(names)} {candidate.label(protocol.scale)}")
    processes.step("scoring and timing", "training.compare_measure", out, root, *names)
    document = comparison(out, names)
    processes.write_json(out / "comparison.json", document)
    (out / "comparison.md").write_text(markdown(document), encoding="utf-8")
    (out / "comparison.html").write_text(html(document), encoding="utf-8")
    return out / "comparison.html"


def hold(out: Path, protocol: Protocol) -> None:
    """Write the protocol into the folder, or find the same one there."""
    path = out / "protocol.json"
    if path.is_file() and Protocol.from_json(json.loads(path.read_text())) != protocol:
        raise BadRequest(
            f"{out.name} holds networks that were trained under another protocol (budget, input, "
            "scale, seed or code); choose another --out, or the same options as before"
        )
    processes.write_json(path, protocol.to_json())


def trained(out: Path, root: Path, candidate: Candidate, title: str) -> Path:
    """Train and convert one candidate, skipping what is done; returns its folder."""
    folder = out / candidate.name
    if not (folder / "run.json").is_file():
        arguments = (out, candidate.name, root)
        processes.step(f"{title}: training", "training.compare_train", *arguments)
    converted = folder / "networks" / "converted.json"
    if not converted.is_file():
        processes.step(f"{title}: to OpenVINO", "optimize", "convert", folder)
        processes.write_json(converted, {"networks": ["fp32", "fp16"]})
    return folder


def make(out: Path, root: Path, candidate: Candidate, title: str) -> None:
    """Train, convert and quantise one candidate, skipping what is done."""
    folder = trained(out, root, candidate, title)
    quantised = folder / "networks" / "done.json"
    if not quantised.is_file():
        processes.step(f"{title}: to INT8", "optimize", "quantize", folder, "--data", root)
        processes.write_json(quantised, {"networks": ["fp32", "int8"]})


def run(arguments: argparse.Namespace) -> int:
    """The verb."""
    from appliance.provenance import data_root

    protocol = Protocol(
        input=arguments.input,
        scale=arguments.scale,
        seed=arguments.seed,
        steps=arguments.steps,
        **parse_budget(arguments.budget),
    )
    root = data_root(arguments.data).resolve()
    print(compare(Path(arguments.out).resolve(), root, choose(arguments.models), protocol))
    return 0


def add_verb(verbs: argparse._SubParsersAction) -> None:
    """Add ``compare`` to the parser."""
    text = "train several architectures under one protocol; accuracy, size and INT8 latency of each"
    verb = verbs.add_parser(
        "compare",
        help=text,
        description=text,
        epilog="example: python -m training compare --data DATA --out runs/compare --budget 18",
    )
    verb.add_argument("--data", help="data root (default: NEURALSCAN_DATA)")
    verb.add_argument("--out", default="runs/compare", help="folder for networks and reports")
    verb.add_argument(
        "--budget",
        default="18",
        help="for each network: epochs (18) or minutes of training (10m); default 18",
    )
    verb.add_argument(
        "--models",
        help=f"comma-separated, out of {', '.join(c.name for c in CANDIDATES)} (default: all)",
    )
    verb.add_argument("--input", type=int, default=128, help="side of the input, pixels (128)")
    verb.add_argument(
        "--scale",
        choices=SCALES,
        default="reduced",
        help="reduced widths fit the default budget, published ones take days on two cores",
    )
    verb.add_argument("--steps", type=int, help="steps of an epoch (default: every slice once)")
    verb.add_argument("--seed", type=int, default=7, help="of everything random (7)")
    verb.set_defaults(run=run)
