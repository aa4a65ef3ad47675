"""Folds belong to groups: the only way from a list of slices to two parts of it.

No function here takes positions of slices. A fold is asked for by its number, a group has one
fold, and `Split` reads both of its parts off the same table, so that the two sides of a split
cannot share a patient, a run of neighbouring slices, or a cluster of look-alikes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

if TYPE_CHECKING:
    from training.data import Case


def fold_of_groups(cases: Iterable[Case]) -> dict[str, int]:
    """The fold of every group.

    Raises
    ------
    ValueError
        When a group lies in two folds: any split between them would tear it.
    """
    folds: dict[str, set[int]] = defaultdict(set)
    for case in cases:
        folds[case.group].add(case.fold)
    torn = sorted(group for group, found in folds.items() if len(found) > 1)
    if torn:
        raise ValueError(f"groups in both parts, a group has one fold: {torn[:5]}")
    return {group: found.pop() for group, found in folds.items()}


@dataclass(frozen=True)
class Split:
    """Two parts of a list of slices, told apart by the fold of the group alone.

    Attributes
    ----------
    folds : tuple of int
        Folds of the first part, 1 or more each (0 is never trained on).
    apart_from : tuple of int
        Folds of the second part, none of them in `folds`.

    Raises
    ------
    ValueError
        When the folds overlap, repeat or hold 0, or when a group lies in two folds.
    """

    cases: tuple[Case, ...]
    folds: tuple[int, ...]
    apart_from: tuple[int, ...] = ()
    _table: Mapping[str, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        asked = (*self.folds, *self.apart_from)
        if 0 in self.folds or len(set(asked)) != len(asked):
            raise ValueError(f"folds {self.folds} against {self.apart_from} are no honest split")
        object.__setattr__(self, "_table", fold_of_groups(self.cases))

    @property
    def chosen(self) -> list[Case]:
        """Slices of the groups in `folds`."""
        return [case for case in self.cases if self._table[case.group] in self.folds]

    @property
    def apart(self) -> list[Case]:
        """Slices of the groups in `apart_from`."""
        return [case for case in self.cases if self._table[case.group] in self.apart_from]


def joined_groups(groups: Sequence[str], pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Groups that pairs hold together, each under the first name of its cluster.

    Parameters
    ----------
    groups : sequence of str
        Every group, in the order that decides on the name.
    pairs : iterable of (group, group)

    Examples
    --------
    >>> joined_groups(["a", "b", "c", "d"], [("b", "d")])
    {'a': 'a', 'b': 'b', 'c': 'c', 'd': 'b'}
    """
    names = list(dict.fromkeys(groups))
    index = {name: number for number, name in enumerate(names)}
    edges = np.array([(index[a], index[b]) for a, b in pairs], int).reshape(-1, 2)
    links = coo_matrix((np.ones(len(edges)), edges.T), (len(names), len(names)))
    labels = connected_components(links, directed=False)[1]
    first: dict[int, str] = {}
    for name, label in zip(names, labels, strict=True):
        first.setdefault(int(label), name)
    return {name: first[int(label)] for name, label in zip(names, labels, strict=True)}


def assign_folds(
    counts: Mapping[str, Mapping[str, int]], folds: int = 4, seed: int = 0
) -> dict[str, int]:
    """A fold, 1 to `folds`, for each group, balanced by class.

    The largest groups are placed first, each where the classes end up most even; equals are
    taken in an order that the seed decides.

    Parameters
    ----------
    counts : mapping of group to (mapping of class to number of slices)

    Raises
    ------
    ValueError
        When there are fewer groups than folds.

    Examples
    --------
    >>> sorted(assign_folds({g: {"x": 2} for g in "abcd"}, folds=2).values())
    [1, 1, 2, 2]
    """
    if len(counts) < folds:
        raise ValueError(f"{len(counts)} groups cannot fill {folds} folds")
    classes = sorted({name for count in counts.values() for name in count})
    groups = sorted(counts)
    table = np.array([[counts[group].get(name, 0) for name in classes] for group in groups], float)
    table /= table.sum(0)
    shuffled = np.random.default_rng(seed).permutation(len(groups))
    order = shuffled[np.argsort(-table[shuffled].sum(1), kind="stable")]
    filled = np.zeros((folds, len(classes)))
    chosen = {}
    for position in order:
        # Adding x to a fold raises the sum of squares by 2·filled·x + x²: the emptiest fold wins.
        best = int(np.argmin(filled @ table[position]))
        if not table[position].sum():
            raise ValueError(f"group {groups[position]} has no slices")
        filled[best] += table[position]
        chosen[groups[position]] = best + 1
    return chosen
