"""Who sees which slices: calibration, steering of the accuracy control, judging; never shared."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from appliance.core.errors import CorruptFile, NotFound
from optimize.cases import Case

EVERY = 4
"""One group in so many steers the accuracy control; the others judge."""


def split(cases: Sequence[Case]) -> tuple[list[Case], list[Case]]:
    """Held-out slices by whole groups: those that steer, those that judge.

    Within each label, groups are ordered by a digest of their name and every fourth one steers,
    so the split is the same on every machine and does not change with the order of the list. A
    group that has several labels goes by its first one.

    Raises
    ------
    NotFound
        When there are too few groups to have both.
    """
    labels: dict[str, str] = {}
    for case in cases:
        labels.setdefault(case.group, case.label)
    steers = set()
    for label in sorted(set(labels.values())):
        groups = sorted((g for g in labels if labels[g] == label), key=_order)
        steers |= set(groups[::EVERY]) if len(groups) > 1 else set()
    steering = [case for case in cases if case.group in steers]
    judging = [case for case in cases if case.group not in steers]
    if not steering or not judging:
        raise NotFound(
            f"the held-out fold has {len(labels)} groups of slices, too few to steer with some "
            "and judge on the others"
        )
    return steering, judging


def _order(group: str) -> bytes:
    return hashlib.blake2b(group.encode()).digest()


def demand_apart(calibration: Sequence[Case], held_out: Sequence[Case]) -> None:
    """Calibration shares no image, no group and no fold with the slices it is judged on.

    Raises
    ------
    CorruptFile
        When the run's own lists overlap.
    """
    for what, of in (
        ("images", lambda case: case.image),
        ("images (by checksum)", lambda case: case.sha256 or str(case.image)),
        ("groups", lambda case: (case.source, case.group)),
        ("folds", lambda case: case.fold),
    ):
        if shared := {of(case) for case in calibration} & {of(case) for case in held_out}:
            raise CorruptFile(
                f"calibration and held-out lists share {len(shared)} {what}, for example "
                f"{sorted(map(str, shared))[0]}: export the run again"
            )
