"""The verbs ``parity``, ``opinion``, ``sign``, ``export-ovms``; they import when they run."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from appliance.core.errors import BadRequest, ProbeFailed


def _open(folder: Path | None) -> Any:
    """A package by its folder, or the one that is served; signatures checked as settings say."""
    from appliance.registry import find_package, open_package
    from appliance.settings import Settings

    sources = Settings.load().sources
    return find_package(sources=sources) if folder is None else open_package(folder, sources.trust)


def _parity(arguments: argparse.Namespace) -> int:
    from appliance.core.parity import table
    from appliance.provenance import data_root
    from optimize import parity
    from optimize.runs import open_run

    run, root = open_run(arguments.run), data_root(arguments.data)
    cases = parity.slices_of(run, root)
    rule, outliers = _rule(arguments.package, run, cases)
    if arguments.slices:
        cases = cases[:: max(1, len(cases) // arguments.slices)]
    on = arguments.device.split(",") if arguments.device else None
    rows = parity.measure(run, cases, rule, outliers, on=on, keras=arguments.keras)
    print(json.dumps(rows, indent=1) if arguments.json else table(rows))
    missed = [text for row in rows for text in row["failures"]]
    if missed:
        raise ProbeFailed(f"the parity gate failed: {'; '.join(missed)}")
    return 0


def _rule(package: Path | None, run: Any, cases: Any) -> tuple[Any, Any]:
    """The verdict rule and, where a package is given, its refusal estimators by precision."""
    from appliance.onedal import OutlierDetector
    from optimize.build import answers_of
    from optimize.calibrate import fit_rule

    if package is None:
        return fit_rule(answers_of(run, cases, "held-out")), None
    opened = _open(package)
    files = {"INT8": "ood.npz", "FP16": "fp16/ood.npz"}
    names = {p: n if n in opened.manifest.files else "ood.npz" for p, n in files.items()}
    found = {p: OutlierDetector.from_bytes(opened.read(n)) for p, n in names.items()}
    return opened.manifest.verdict, found


def _opinion(arguments: argparse.Namespace) -> int:
    from appliance.provenance import data_root
    from optimize.opinion import add_opinion

    package = _open(arguments.package)
    answer = add_opinion(arguments.run, data_root(arguments.data), package, arguments.out)
    print(json.dumps(answer, indent=1))
    return 0


def _sign(arguments: argparse.Namespace) -> int:
    from optimize.sign import sign_package

    print(sign_package(arguments.package, arguments.key))
    return 0


def _export_ovms(arguments: argparse.Namespace) -> int:
    from optimize.ovms import export

    if arguments.out.exists() and not arguments.out.is_dir():
        raise BadRequest(f"{arguments.out} is a file; expected a folder, or a name for a new one")
    package = _open(arguments.package)
    print(export(package, arguments.out, arguments.precision, arguments.device))
    return 0


def add_verbs(verbs: Any) -> None:
    """Add them to the parser of ``python -m optimize``."""
    parity = verbs.add_parser(
        "parity",
        help="compare Keras, FP32, FP16 and INT8 on the same slices; exit 4 when a bound is missed",
        epilog="example: python -m optimize parity runs/third --data DATA --package "
        "appliance/models/third",
    )
    parity.add_argument("run", type=Path, help="folder of a training run, with its networks")
    parity.add_argument("--data", help="data root (default: NEURALSCAN_DATA)")
    parity.add_argument(
        "--package", type=Path, help="take rule and refusal estimator from this package"
    )
    parity.add_argument("--device", help="devices, separated by commas (default: all there are)")
    parity.add_argument("--slices", type=int, help="about so many slices (default: all)")
    parity.add_argument(
        "--keras", action="store_true", help="ask Keras about every slice, in its own process"
    )
    parity.add_argument("--json", action="store_true", help="print the rows as JSON")
    parity.set_defaults(do=_parity)

    opinion = verbs.add_parser(
        "opinion",
        help="fit the second opinion by cross-validation and add it to a package",
        description="Measures radiomic features of the outlines, compares oneDAL's algorithms by "
        "fold and with stock scikit-learn, and writes the package again with the best one.",
        epilog="example: python -m optimize opinion runs/third --data DATA --package "
        "appliance/models/third",
    )
    opinion.add_argument("run", type=Path, help="the training run the package was made from")
    opinion.add_argument("--data", help="data root (default: NEURALSCAN_DATA)")
    opinion.add_argument("--package", type=Path, help="package folder (default: the served one)")
    opinion.add_argument("--out", type=Path, help="folder of the new package (default: in place)")
    opinion.set_defaults(do=_opinion)

    sign = verbs.add_parser(
        "sign",
        help="sign a package with a private key of `neuralscan models keygen`",
        epilog="example: python -m optimize sign runs/third/package --key keys/clinic.key",
    )
    sign.add_argument("package", type=Path, help="package folder")
    sign.add_argument("--key", type=Path, required=True, help="private key, mode 0600")
    sign.set_defaults(do=_sign)

    ovms = verbs.add_parser(
        "export-ovms",
        help="write a package's network as an OpenVINO Model Server repository",
        epilog="example: python -m optimize export-ovms ovms --package appliance/models/third",
    )
    ovms.add_argument("out", metavar="DIR", type=Path, help="repository; versions are added to it")
    ovms.add_argument("--package", type=Path, help="package folder (default: the served one)")
    ovms.add_argument("--precision", choices=("INT8", "FP16"), default="INT8")
    ovms.add_argument("--device", default="CPU", help="target device of the server (CPU)")
    ovms.set_defaults(do=_export_ovms)
