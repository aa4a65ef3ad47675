"""No slice calibrates, steers and judges; what overlaps is refused."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import pytest

from appliance.core.errors import CorruptFile, NotFound
from appliance.core.types import LABELS
from optimize.cases import Case
from optimize.search.parts import EVERY, demand_apart, split


def _case(number: int, group: str, label: str = "glioma", fold: int = 4) -> Case:
    return Case(Path(f"{number}.png"), None, label, fold, group, "made", sha256=f"{number:064d}")


def _many() -> list[Case]:
    return [
        _case(100 * index + number, f"{label}-{number // 3}", label)
        for index, label in enumerate(LABELS)
        for number in range(24)
    ]


def test_groups_stay_whole_and_every_label_steers_and_judges():
    steering, judging = split(_many())
    assert not {case.group for case in steering} & {case.group for case in judging}
    assert {case.label for case in steering} == {case.label for case in judging} == set(LABELS)
    assert len(steering) * EVERY == len(steering) + len(judging) == len(_many())


def test_the_order_of_the_list_does_not_matter():
    cases = _many()
    mixed = random.Random(1).sample(cases, len(cases))
    assert {c.image for c in split(mixed)[0]} == {c.image for c in split(cases)[0]}


def test_too_few_groups_are_refused():
    with pytest.raises(NotFound, match="too few"):
        split([_case(1, "one"), _case(2, "one")])


@pytest.mark.parametrize("what", ["images", "checksum", "groups", "folds"])
def test_calibration_that_overlaps_is_refused(what):
    held_out = [_case(1, "a"), _case(2, "b")]
    apart = _case(9, "z", fold=1)
    demand_apart([apart], held_out)
    shared = {
        "images": replace(apart, image=Path("1.png")),
        "checksum": replace(apart, sha256=held_out[0].sha256),
        "groups": replace(apart, group="b"),
        "folds": replace(apart, fold=4),
    }[what]
    with pytest.raises(CorruptFile, match=what):
        demand_apart([apart, shared], held_out)
