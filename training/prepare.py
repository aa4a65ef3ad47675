"""The verb ``prepare``: verify a data root, look for people who appear twice, list the cases."""

from __future__ import annotations

import argparse
import csv
import json
import shutil
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from appliance.core.errors import BadRequest, InputError, NotFound
from appliance.provenance import data_root

if TYPE_CHECKING:
    from training.census import Census, Compared
    from training.data import Case

COLUMNS = (
    "source",
    "image",
    "mask",
    "label",
    "plane",
    "fold",
    "group",
    "linked",
    "sha256",
    "mask_sha256",
)
"""Of ``cases.csv``. ``linked`` joins groups of one set that the census holds for one person."""
_DIGESTS = "digests.csv"


def verify(root: Path, out: Path, accept_changes: bool = False) -> tuple[dict[str, str], str]:
    """Digest of every file of the root, and in words what they were held against.

    Raises
    ------
    InputError
        When a file differs from the root's ``SHA256SUMS``, or, where it has none, from the
        digests of the previous run and the changes are not accepted.
    """
    from training import digests

    found = digests.digests(root)
    listed = root / digests.CHECKSUMS
    if listed.is_file():
        changes = digests.compare(digests.read_checksums(listed), found)
        if changes:
            raise InputError(f"files differ from {digests.CHECKSUMS}: {changes.words()}")
        return found, f"as {digests.CHECKSUMS} says; {changes.words()}"
    before = digests.read_list(out / _DIGESTS)
    if before is None:
        return found, f"no checksum list; digests of {len(found)} files taken for the next time"
    changes = digests.compare(before, found)
    if changes and not accept_changes:
        raise InputError(
            f"files differ from the previous run: {changes.words()}; restore them, or call again "
            "with --accept-changes"
        )
    return found, f"against the previous run: {changes.words()}"


def labelled(root: Path) -> list[Case]:
    """Every labelled slice of a root; sets that are absent are left out.

    Raises
    ------
    NotFound
        When there is none.
    InputError
        When a listed picture is missing or a group lies in two folds.
    """
    from training import data
    from training.folds import fold_of_groups

    sets = (
        ("figshare/labels.csv", data.tumour_cases),
        ("no_tumor.csv", data.healthy_cases),
        ("other_sources/labels.csv", data.other_source_cases),
    )
    cases = [case for table, read in sets if (root / table).is_file() for case in read(root)]
    if not cases:
        raise NotFound(
            f"expected {', '.join(table for table, _ in sets)} or .mat files under {root.name}/; "
            "see training/README.md"
        )
    files = [path for case in cases for path in (case.image, case.mask) if path is not None]
    if missing := [path.name for path in files if not path.is_file()]:
        raise InputError(f"{len(missing)} listed pictures are missing, first {missing[0]}")
    try:
        fold_of_groups(cases)
    except ValueError as error:
        raise InputError(f"the folds of the case lists tear groups apart: {error}") from error
    return cases


def convert(folder: Path, root: Path, folds: int, seed: int) -> Compared:
    """Write a data root from published ``.mat`` files; the other sets are copied along.

    The group is the patient; patients who look like one person are one group. Folds are made of
    groups, balanced by class.

    Raises
    ------
    CorruptFile, InputError
        When a file is unreadable, or there are fewer patients than folds.
    """
    from tqdm import tqdm

    from training import census, mat
    from training.data import Case
    from training.folds import assign_folds, joined_groups

    files = mat.mat_files(folder)
    bar = tqdm(files, "slices", disable=None)
    rows = mat.write_pictures((mat.read_mat(path) for path in bar), root / "figshare")
    _copy_other_sets(folder, root)
    number = mat.numbered([row["patient"] for row in rows])
    images = [root / "figshare" / row["image"] for row in rows]
    first = [
        Case(image, None, row["label"], 1, number[row["patient"]], "figshare")
        for image, row in zip(images, rows, strict=True)
    ]
    others = [case for case in _rest(root) if case.source != "figshare"]
    compared = census.compare([*first, *others, *census.bystanders(root)])
    pairs = [(a.group, b.group) for a, b in compared.pairs() if a.source == b.source == "figshare"]
    group = joined_groups(sorted(set(number.values()), key=int), pairs)
    counts: dict[str, Counter] = defaultdict(Counter)
    for row in rows:
        row["run"] = group[number[row.pop("patient")]]
        counts[row["run"]][row["label"]] += 1
    try:
        chosen = assign_folds(counts, folds, seed)
    except ValueError as error:
        raise InputError(f"folds cannot be made of the patients: {error}") from error
    index = mat.author_folds(folder)
    _write_labels(
        root / "figshare" / "labels.csv",
        [
            row | {"fold": chosen[row["run"]], "author_fold": index.get(row["id"], "")}
            for row in rows
        ],
    )
    return compared


def _rest(root: Path) -> list[Case]:
    """The slices of the sets that came as pictures; none is no error here."""
    try:
        return labelled(root)
    except NotFound:
        return []


def _copy_other_sets(folder: Path, root: Path) -> None:
    for name in ("no_tumor", "other_sources", "ct_mr", "figshare/second_reader_masks"):
        if (folder / name).is_dir():
            shutil.copytree(folder / name, root / name, dirs_exist_ok=True)
    if (folder / "no_tumor.csv").is_file():
        shutil.copy(folder / "no_tumor.csv", root / "no_tumor.csv")


def _write_labels(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    columns = ("id", "image", "mask", "label", "fold", "author_fold", "run", "tumor_px", "box_xyxy")
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def _write_cases(path: Path, cases: Iterable[Case], root: Path, census: Census) -> None:
    from training.digests import digest
    from training.folds import joined_groups

    cases = list(cases)
    linked = joined_groups([case.group for case in cases], census.links())
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, COLUMNS, lineterminator="\n")
        writer.writeheader()
        for case in cases:
            mask = case.mask
            writer.writerow(
                {
                    "source": case.source,
                    "image": case.image.relative_to(root).as_posix(),
                    "mask": "" if mask is None else mask.relative_to(root).as_posix(),
                    "label": case.label,
                    "plane": case.plane,
                    "fold": case.fold,
                    "group": case.group,
                    "linked": linked[case.group],
                    "sha256": digest(case.image),
                    "mask_sha256": "" if mask is None else digest(mask),
                }
            )


def prepare(
    root: Path,
    out: Path,
    accepted: Path | None = None,
    accept_changes: bool = False,
    folds: int = 4,
    seed: int = 0,
) -> dict[str, Any]:
    """Verify, convert where needed, take the census, write the lists into `out`.

    Returns
    -------
    dict
        The document of ``census.json``; ``errors`` are the copies that nobody accepted.

    Raises
    ------
    BadRequest
        When `out` lies in the data root.
    InputError, NotFound
        When files changed, are unreadable or absent.
    """
    from training import census, digests, mat
    from training.prepare_report import document, markdown

    if out.resolve().is_relative_to(root.resolve()):
        raise BadRequest("expected --out outside of the data root, which is left as it is")
    known = census.read_accepted(accepted) if accepted else set()
    out.mkdir(parents=True, exist_ok=True)
    found, checksums = verify(root, out, accept_changes)
    published = not (root / "figshare" / "labels.csv").is_file() and bool(mat.mat_files(root))
    compared = None
    if published:
        compared = convert(root, out / "root", folds, seed)
        digests.write_checksums(out / "root")
        root = out / "root"
    cases = labelled(root)
    everything = [*cases, *census.bystanders(root)]
    compared = compared or census.compare(everything)
    taken = census.judge(compared, everything, root)
    result = document(cases, taken, checksums, known)
    _write_cases(out / "cases.csv", cases, root, taken)
    census.write_csv(out / "census.csv", taken)
    digests.write_list(out / _DIGESTS, found)
    (out / "census.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    (out / "summary.md").write_text(markdown(result), encoding="utf-8")
    return result


def _run(arguments: argparse.Namespace) -> int:
    result = prepare(
        data_root(arguments.data),
        arguments.out,
        arguments.accept,
        arguments.accept_changes,
        arguments.folds,
        arguments.seed,
    )
    short = {key: result[key] for key in ("checksums", "slices", "groups", "counts")}
    print(json.dumps(short))
    if result["errors"]:
        raise InputError(
            f"{len(result['errors'])} copies lie on both sides of a split, first "
            f"{' and '.join(result['errors'][0])}; see {arguments.out / 'summary.md'}. Remove or "
            "join them, or accept what you have judged: --accept census.csv"
        )
    return 0


def add_verb(verbs: argparse._SubParsersAction) -> None:
    """Add ``prepare``."""
    text = (
        "verify the checksums of a data root, look for slices that appear twice (mirrored and "
        "turned copies too), and write the case list with groups and digests; the published "
        "figshare .mat files become a data root in OUT/root"
    )
    verb = verbs.add_parser(
        "prepare",
        help="verify a data root, take a census of duplicates, list the cases",
        description=text,
        epilog="example: python -m training prepare --data DATA --out runs/prepared",
    )
    verb.add_argument("--data", help="data root or folder of .mat files (default: NEURALSCAN_DATA)")
    verb.add_argument("--out", type=Path, required=True, help="folder for lists and summary")
    verb.add_argument(
        "--accept",
        type=Path,
        metavar="CSV",
        help="census.csv of pairs that were judged: they are reported, but are no error",
    )
    verb.add_argument(
        "--accept-changes",
        action="store_true",
        help="where the root carries no SHA256SUMS: go on although files differ from last time",
    )
    verb.add_argument("--folds", type=int, default=4, help="folds to make of .mat files (4)")
    verb.add_argument("--seed", type=int, default=0, help="seed of those folds (0)")
    verb.set_defaults(run=_run)
