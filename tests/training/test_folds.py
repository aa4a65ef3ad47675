"""No way of asking tears a group: folds are all that can be asked for."""

import inspect
from collections import Counter
from pathlib import Path

import pytest

from training import folds
from training.data import Case
from training.folds import Split, assign_folds, fold_of_groups, joined_groups


def case(group: str, fold: int, number: int = 0) -> Case:
    return Case(Path(f"{group}{number}.png"), None, "no_tumor", fold, group, "no_tumor")


WHOLE = [case("a", 1), case("a", 1, 1), case("b", 2), case("c", 3), case("d", 0)]
TORN = [*WHOLE, case("a", 2, 2)]


def test_both_parts_hold_whole_groups():
    split = Split(tuple(WHOLE), (1, 3), (2,))
    assert [c.group for c in split.chosen] == ["a", "a", "c"]
    assert [c.group for c in split.apart] == ["b"]
    assert not {c.group for c in split.chosen} & {c.group for c in split.apart}


@pytest.mark.parametrize(
    ("wanted", "apart"), [((1,), (2,)), ((1,), ()), ((3,), ()), ((2,), (1, 3)), ((1, 2), (3,))]
)
def test_a_torn_group_is_an_error_whatever_is_asked(wanted, apart):
    with pytest.raises(ValueError, match="groups in both parts"):
        Split(tuple(TORN), wanted, apart)


@pytest.mark.parametrize(("wanted", "apart"), [((0,), ()), ((1, 1), ()), ((1,), (1,))])
def test_folds_that_are_no_split(wanted, apart):
    with pytest.raises(ValueError, match="no honest split"):
        Split(tuple(WHOLE), wanted, apart)


def test_no_public_function_takes_positions_of_slices():
    words = ("index", "indices", "position", "rows", "order", "mask", "test_size", "shuffle")
    for name, found in inspect.getmembers(folds, inspect.isroutine):
        if not name.startswith("_") and found.__module__ == folds.__name__:
            assert not set(inspect.signature(found).parameters) & set(words), name
    assert set(inspect.signature(Split).parameters) == {"cases", "folds", "apart_from"}


def test_the_parts_cannot_be_replaced_afterwards():
    split = Split(tuple(WHOLE), (1,), (2,))
    for name in ("cases", "folds", "chosen"):
        with pytest.raises(AttributeError):
            setattr(split, name, ())


def test_made_folds_never_tear_and_are_even_by_class():
    counts = {f"p{n}": Counter({"glioma": n % 5 + 1, "pituitary": n % 3}) for n in range(60)}
    chosen = assign_folds(counts, 4, seed=3)
    assert set(chosen) == set(counts)
    for name in ("glioma", "pituitary"):
        totals = [sum(counts[g][name] for g, f in chosen.items() if f == k) for k in (1, 2, 3, 4)]
        assert max(totals) - min(totals) <= 0.1 * sum(totals)
    cases = [case(g, chosen[g], n) for g in counts for n in range(3)]
    assert fold_of_groups(cases) == chosen


def test_the_seed_decides_and_repeats():
    counts = {f"p{n}": {"x": 1} for n in range(40)}
    assert assign_folds(counts, seed=1) == assign_folds(counts, seed=1)
    assert assign_folds(counts, seed=1) != assign_folds(counts, seed=2)


def test_too_few_groups():
    with pytest.raises(ValueError, match="cannot fill"):
        assign_folds({"a": {"x": 9}}, 4)


def test_chains_of_pairs_make_one_group():
    assert set(joined_groups("abcd", [("a", "c"), ("c", "d")]).values()) == {"a", "b"}
