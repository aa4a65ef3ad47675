"""``python -m training synthesize``: a GAN for more training slices, and whether they are any good.

Four steps in processes of their own: train the GAN and draw a stock; look for copies of patients
and write what is left; train a classifier with and without it; write the reports. Each resumes or
is skipped when it is done.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import logging
import sys
from dataclasses import replace
from pathlib import Path

from appliance.core.errors import BadRequest
from appliance.doctor import cpu
from training import data, processes
from training.candidates import CANDIDATES
from training.config import Augmentation
from training.gan_plan import Plan
from training.protocol import Protocol
from training.synthesize_figures import synthesis
from training.synthesize_report import html, markdown

logger = logging.getLogger(__name__)
FEWEST, SHARE = 400, 0.30
_SPARE = 1.4
"""Pictures drawn for each one wanted: some are dropped."""


def ablation_settings(plan: Plan, epochs: int, seeds: int, classifier: str) -> dict:
    """What `training.synthesize_ablation` reads."""
    plain = replace(Augmentation(), paint=0.0, artefact=0.0, heal=0.0)
    protocol = Protocol(
        input=plan.size,
        epochs=epochs,
        seed=plan.seed,
        augmentation=plain,
        train_folds=plan.train_folds,
        score_folds=plan.held_out_folds,
    )
    return {
        "protocol": protocol.to_json(),
        "classifier": classifier,
        "seeds": [plan.seed + place for place in range(seeds)],
    }


def wanted(root: Path, plan: Plan, count: int | None) -> int:
    """How many synthetic slices: as asked, or 30 % of the training slices, 400 at least."""
    if count is not None:
        return count
    cases = data.tumour_cases(root) + data.healthy_cases(root)
    chosen, _ = data.parts(cases, plan.train_folds, plan.held_out_folds)
    return max(FEWEST, round(SHARE * len(chosen)))


def hold(out: Path, plan: Plan) -> None:
    """Write the plan into the folder, or find the same one there; more steps are welcome.

    Raises
    ------
    BadRequest
        When the folder holds a GAN of another plan.
    """
    path = out / "plan.json"
    if path.is_file():
        old = Plan.from_json(json.loads(path.read_text()))
        if replace(old, steps=plan.steps) != plan or old.steps > plan.steps:
            raise BadRequest(
                f"{out.name} holds a GAN of another plan (size, seed, backend or more steps); "
                "choose another --out, or the same options as before"
            )
    processes.write_json(path, plan.to_json())


def _stock_is_there(out: Path, plan: Plan, drawn: int) -> bool:
    path = out / "gan.json"
    if not (path.is_file() and (out / "stock.npz").is_file()):
        return False
    record = json.loads(path.read_text())
    return (record["steps"], record["drawn"]) == (plan.steps, drawn)


def _check_is_there(out: Path, count: int) -> bool:
    path = out / "check.json"
    if not path.is_file():
        return False
    record = json.loads(path.read_text())
    stock = hashlib.sha256((out / "stock.npz").read_bytes()).hexdigest()
    return (record["stock"], record["wanted"]) == (stock, count)


def synthesize(out: Path, root: Path, plan: Plan, count: int, settings: dict) -> dict:
    """All four steps.

    Returns
    -------
    dict
        The document that ``OUT/synthesis.json`` holds; ``.html`` and ``.md`` stand beside it.
    """
    hold(out, plan)
    drawn = round(_SPARE * count) + 8
    if not _stock_is_there(out, plan, drawn):
        processes.step("1/3 training the GAN", "training.gan_train", out, root, drawn)
    if not _check_is_there(out, count):
        processes.step("2/3 looking for copies", "training.synthesize_check", out, root, count)
    processes.write_json(out / "ablation.json", settings)
    processes.step("3/3 with and without", "training.synthesize_ablation", out, root)
    document = synthesis(out)
    processes.write_json(out / "synthesis.json", document)
    (out / "synthesis.md").write_text(markdown(document), encoding="utf-8")
    (out / "synthesis.html").write_text(html(document, out), encoding="utf-8")
    return document


def run(arguments: argparse.Namespace) -> int:
    """The verb; 4 when so many pictures were copies that too few are left."""
    from appliance.provenance import data_root

    if min(arguments.seeds, arguments.ablation_epochs, arguments.count or 1) < 1:
        raise BadRequest("--seeds, --ablation-epochs and --count are 1 or more")
    root, out = data_root(arguments.data).resolve(), Path(arguments.out).resolve()
    plan = Plan(
        size=arguments.size,
        steps=arguments.steps,
        every=arguments.every,
        seed=arguments.seed,
        backend=_backend(arguments.backend),
    )
    count = wanted(root, plan, arguments.count)
    settings = ablation_settings(
        plan, arguments.ablation_epochs, arguments.seeds, arguments.classifier
    )
    kept = synthesize(out, root, plan, count, settings)["check"]["kept"]
    print(out / "synthesis.html")
    if kept < count:
        print(f"error: {kept} of {count} slices are left without the copies", file=sys.stderr)
        return 4
    return 0


def _backend(asked: str) -> str:
    """The backend's name; auto is bfloat16 where the CPU multiplies in it (1.5 times as fast)."""
    if asked != "auto":
        return asked
    isa = cpu()["isa"] or {}
    return "bf16" if isa.get("AVX512-BF16") or isa.get("AMX-BF16") else "f32"


def add_verb(verbs: argparse._SubParsersAction) -> None:
    """Add ``synthesize`` to the parser."""
    from training.device import BACKENDS

    text = "train a GAN, drop copies of patients, and measure whether synthetic slices help"
    verb = verbs.add_parser(
        "synthesize",
        help=text,
        description=text,
        epilog="example: python -m training synthesize --data DATA --out runs/synthesize",
    )
    verb.add_argument("--data", help="data root (default: NEURALSCAN_DATA)")
    verb.add_argument("--out", default="runs/synthesize", help="folder for everything made")
    verb.add_argument("--steps", type=int, default=Plan.steps, help="of the GAN (%(default)s)")
    verb.add_argument("--every", type=int, default=Plan.every, help="steps between sample sheets")
    verb.add_argument("--size", type=int, default=Plan.size, help="side in pixels (%(default)s)")
    verb.add_argument(
        "--count", type=int, help="synthetic slices to keep (default: 30 %% of the training slices)"
    )
    verb.add_argument("--ablation-epochs", type=int, default=8, help="of each classifier (8)")
    verb.add_argument("--seeds", type=int, default=3, help="classifiers trained for each arm (3)")
    verb.add_argument(
        "--classifier",
        choices=[candidate.name for candidate in CANDIDATES],
        default="resnet",
        help="network of the ablation (%(default)s)",
    )
    verb.add_argument(
        "--backend",
        choices=["auto", *BACKENDS],
        default="auto",
        help="of the GAN; auto is bf16 on a CPU that has it, f32 otherwise",
    )
    verb.add_argument("--seed", type=int, default=7, help="of everything random (7)")
    verb.set_defaults(run=run)
