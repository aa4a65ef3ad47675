"""What ``prepare`` found, as one document and as Markdown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from appliance.wording import markdown_table
from training.census import COPY, SAME_HEAD, Census
from training.data import Case
from training.likeness import BITS, CANDIDATE

_SHOWN = 20


def document(
    cases: Sequence[Case], census: Census, checksums: str, accepted: set[frozenset[str]]
) -> dict[str, Any]:
    """Counts, settings and pairs; ``errors`` are copies on both sides of a split."""
    folds = sorted({case.fold for case in cases})
    table = Counter((case.source, case.label, case.fold) for case in cases)
    kinds = sorted({(case.source, case.label) for case in cases})
    groups = {fold: len({c.group for c in cases if c.fold == fold}) for fold in folds}
    return {
        "schema": "neuralscan/census/1",
        "checksums": checksums,
        "slices": len(cases),
        "groups": len({case.group for case in cases}),
        "folds": folds,
        "table": [
            {
                "source": source,
                "label": label,
                "slices": [table[source, label, fold] for fold in folds],
            }
            for source, label in kinds
        ],
        "groups_by_fold": [groups[fold] for fold in folds],
        "settings": {
            "hash_bits": BITS,
            "candidate_share": CANDIDATE,
            "copy": COPY,
            "same_head": SAME_HEAD,
        },
        "compared": {
            "slices": census.slices,
            "candidates": census.compared,
            "left_out": census.left_out,
            "highest_below_threshold_between_sets": round(census.strangers, 3),
        },
        "within_groups": census.within,
        "counts": census.counts(),
        "errors": [
            [pair.a, pair.b]
            for pair in census.pairs
            if pair.parted and frozenset((pair.a, pair.b)) not in accepted
        ],
        "pairs": [pair.row() for pair in census.pairs],
    }


def _pairs(found: Mapping[str, Any], kind: str) -> str:
    pairs = [pair for pair in found["pairs"] if pair["kind"] == kind]
    order = {"across folds": 0, "across sets": 1, "same fold": 2}
    pairs.sort(key=lambda pair: (order[pair["relation"]], -pair["correlation"]))
    if not pairs:
        return "None.\n"
    rows = [
        (p["relation"], p["a"], p["fold_a"], p["b"], p["fold_b"], p["orientation"])
        + (f"{p['correlation']:.2f}",)
        for p in pairs[:_SHOWN]
    ]
    header = ("relation", "slice", "fold", "slice", "fold", "orientation", "correlation")
    more = f"\n{len(pairs) - _SHOWN} more in census.csv.\n" if len(pairs) > _SHOWN else ""
    return f"{markdown_table(header, rows)}\n{more}"


def markdown(found: Mapping[str, Any]) -> str:
    """The summary a person reads."""
    compared, settings, within = found["compared"], found["settings"], found["within_groups"]
    folds = [f"fold {fold}" if fold else "kept aside" for fold in found["folds"]]
    rows = [(row["source"], row["label"], *row["slices"]) for row in found["table"]]
    rows.append(("", "groups", *found["groups_by_fold"]))
    counts = [(kind, *row.values()) for kind, row in found["counts"].items()]
    relations = next(iter(found["counts"].values()))
    chance = compared["highest_below_threshold_between_sets"]
    strangers = (
        f"\nThe highest value below that between two sets, where strangers are left: {chance:.2f}."
        if chance
        else ""
    )
    return f"""# Prepared data

Checksums: {found["checksums"]}.

{found["slices"]} slices in {found["groups"]} groups. A fold belongs to a group; no function splits
a list of slices in any other way.

{markdown_table(("set", "label", *folds), rows)}

## Census

{compared["slices"]} slices were compared with each other in eight orientations: hashes of
{settings["hash_bits"]} bits and small pictures chose {compared["candidates"]} pairs, a correlation
of the detail inside the head judged them. From {settings["copy"]} on it is the same slice (copy),
from {settings["same_head"]} on probably another slice of the same person (same head).{strangers}
{compared["left_out"]} pictures of sets without labels could not be compared.

{markdown_table(("pairs of different groups", *relations), counts)}

Inside groups, as expected: {within.get("copy", 0)} pairs as alike as copies and
{within.get("same head", 0)} as alike as slices of one head.

Errors: {len(found["errors"])} copies on both sides of a split that nobody accepted.

### Copies

{_pairs(found, "copy")}
### Same head

No error: judge them by eye. `linked` in cases.csv joins the groups of one set.

{_pairs(found, "same head")}"""
