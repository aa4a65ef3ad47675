"""Which network is judged on which fold, and where its thresholds come from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from appliance.core.errors import InputError, NotFound
from appliance.core.types import LABELS
from appliance.core.verdict import Rule
from appliance.registry import Package
from optimize.answers import Answers, pooled
from optimize.build import answers_of, estimators_of, package_of, rows_of
from optimize.calibrate import fit_rule
from optimize.cases import Case, all_cases, read_cases
from optimize.runs import FOLDS, Run, Runs


@dataclass(frozen=True)
class Part:
    """One network and the fold it is judged on.

    Attributes
    ----------
    seen : bool
        The network was trained on this fold: its figures are in-sample figures.
    """

    run: Run
    fold: int
    seen: bool = False


def plan(runs: Runs, folds: Sequence[int] | None = None, in_sample: bool = False) -> list[Part]:
    """The parts of an evaluation, by fold.

    Parameters
    ----------
    folds : sequence of int, optional
        Folds to judge on; by default all that a network has not seen.
    in_sample : bool
        Allow folds that a network was trained on.

    Raises
    ------
    InputError
        When a network was trained on a fold it would be judged on, without `in_sample`.
    NotFound
        When there is no network for a fold.
    """
    alone = None if len(runs.networks) != 1 else runs.networks[0]
    if folds is None:
        folds = sorted(runs.folds) or FOLDS
    parts = []
    for fold in folds:
        run = runs.folds.get(fold, alone)
        if run is None:
            raise NotFound(
                f"there is no network for fold {fold}: expected {runs.folder}/fold{fold}"
            )
        seen = fold in run.trained_on
        if seen and not in_sample:
            raise InputError(
                f"{run.name} was trained on fold {fold} (trained_on_folds {list(run.trained_on)}): "
                "its figures there would say nothing about new patients. Judge a fold it has not "
                "seen, or give --in-sample to see them, labelled so"
            )
        parts.append(Part(run, fold, seen))
    return parts


def threshold_sources(part: Part, parts: Sequence[Part]) -> list[Part]:
    """Parts whose answers set the thresholds of `part`: the others, or itself when it is alone."""
    others = [p for p in parts if p.fold != part.fold and not p.seen]
    return others or [part]


@dataclass(frozen=True)
class Judged:
    """A part with its slices, its calibrated package and what was said to it.

    Attributes
    ----------
    sources : tuple of int
        Folds whose out-of-fold answers set the thresholds.
    rows : mapping of precision to rows of `optimize.evaluate.score`
    """

    part: Part
    cases: list[Case]
    answers: Answers
    rule: Rule
    sources: tuple[int, ...]
    package: Package
    rows: dict[str, list[dict]]

    @property
    def name(self) -> str:
        return f"fold{self.part.fold}"

    @property
    def thresholds_in_sample(self) -> bool:
        return self.part.fold in self.sources


def cases_by_fold(runs: Runs, root: Path) -> dict[int, list[Case]]:
    """The slices of folds 1 to 4 that the lists of the runs name."""
    exports = [run.export for run in runs.networks]
    cases = [case for case in all_cases(exports, root) if case.fold in FOLDS]
    return {fold: [case for case in cases if case.fold == fold] for fold in FOLDS}


def _package_folder(part: Part, parts: Sequence[Part]) -> Path:
    """``package``; with the fold in its name where one network is judged on several."""
    several = sum(p.run.folder == part.run.folder for p in parts) > 1
    name = f"package-fold{part.fold}" if several else "package"
    return part.run.folder / (f"{name}-in-sample" if part.seen else name)


def judge_all(parts: Sequence[Part], cases: dict[int, list[Case]], root: Path) -> list[Judged]:
    """Answers, thresholds, package and scores of every part; kept in the runs' folders.

    Raises
    ------
    NotFound
        When a fold has no slices in the lists of the runs.
    """
    for part in parts:
        if not cases[part.fold]:
            raise NotFound(f"the case lists of the runs name no slice of fold {part.fold}")
    answers = {p.fold: answers_of(p.run, cases[p.fold], f"fold{p.fold}") for p in parts}
    judged = []
    for part in parts:
        sources = threshold_sources(part, parts)
        rule = fit_rule(pooled([answers[p.fold] for p in sources]))
        training = read_cases(part.run.export, root, "training")
        folds = tuple(p.fold for p in sources)
        package = package_of(
            part.run, rule, estimators_of(part.run, training), _package_folder(part, parts), folds
        )
        kept = part.run.folder / "kept"
        what = f"fold{part.fold}" + ("-in-sample" if part.seen else "")
        rows = {p: rows_of(package, cases[part.fold], kept, what, p) for p in ("INT8", "FP16")}
        judged.append(
            Judged(part, cases[part.fold], answers[part.fold], rule, folds, package, rows)
        )
    return judged


def describe(judged: Sequence[Judged]) -> list[dict]:
    """The protocol as it was carried out, one entry for each fold."""
    return [
        {
            "fold": j.part.fold,
            "network": j.part.run.name,
            "trained_on_folds": list(j.part.run.trained_on),
            "in_sample": j.part.seen,
            "thresholds_from_folds": list(j.sources),
            "in_sample_thresholds": j.thresholds_in_sample,
            "slices": len(j.cases),
            "by_class": {k: sum(case.label == k for case in j.cases) for k in LABELS},
            "digest": j.part.run.digest,
            "package_sha256": j.package.sha256,
            "verdict": j.rule.to_json(),
        }
        for j in judged
    ]
