"""What `prepare` found in the development data and a look confirmed: slices kept from training.

A network is not trained on people who look like one of its held-out fold, nor on the one run with
a mirrored copy among the other sources, nor on CT slices among those without tumour. All of them
stay in the sets that are scored. Names that a data root does not have do nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from training.data import Case

# Figshare runs of different folds that show one person, as the census pairs them.
SAME_PERSON = (
    (373, 379),
    (423, 448),
    (404, 424),
    (459, 469),
    (341, 343),
    (359, 408),
    (455, 508),
    (439, 445),
    (352, 354),
    (341, 354),
)
# Slice 2540 of this run stands, mirrored, among the other sources.
COPIED_ELSEWHERE = (427,)
NOT_MR = ("train02628.jpg", "train02763.jpg", "train02780.jpg", "train02802.jpg", "train02812.jpg")


def _run(number: int) -> str:
    return f"figshare-{number}"


def trainable(cases: Iterable[Case], held_out: Sequence[Case]) -> list[Case]:
    """The cases a network may learn from when `held_out` is what it is scored on.

    Examples
    --------
    >>> from pathlib import Path
    >>> from training.data import Case
    >>> def case(run, fold):
    ...     return Case(Path("1.jpg"), None, "glioma", fold, f"figshare-{run}", "figshare")
    >>> kept = trainable([case(373, 3), case(374, 1), case(427, 1)], [case(379, 2)])
    >>> [c.group for c in kept]
    ['figshare-374']
    """
    scored = {case.group for case in held_out}
    pairs = {(_run(a), _run(b)) for a, b in SAME_PERSON}
    linked = {a for a, b in pairs if b in scored} | {b for a, b in pairs if a in scored}
    dropped = linked | {_run(number) for number in COPIED_ELSEWHERE}
    return [
        case
        for case in cases
        if case.group not in dropped
        and not (case.source == "no_tumor" and case.image.name in NOT_MR)
    ]
