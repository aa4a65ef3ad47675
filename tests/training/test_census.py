"""The census finds planted copies, and says which of them a split must not hold."""

from pathlib import Path

import cv2
import pytest

from appliance.core.errors import InputError
from tests.strangers import stranger
from training import census
from training.data import Case
from training.likeness import Alike


def write(root: Path, name: str, picture) -> Path:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), picture)
    return path


@pytest.fixture
def cases(tmp_path):
    """Person 1 copied across folds (mirrored), 2 across sets, 3 inside its group, 4 alone."""

    def case(name: str, person: int, fold: int, group: str, source: str, mirrored: bool = False):
        picture = stranger(person)[:, ::-1] if mirrored else stranger(person)
        path = write(tmp_path, f"{source}/{name}.png", picture)
        return Case(path, None, "no_tumor", fold, group, source)

    return [
        case("a", 1, 1, "g1", "x"),
        case("b", 1, 2, "g2", "x", mirrored=True),
        case("c", 2, 1, "g3", "x"),
        case("d", 2, 0, "g4", "y"),
        case("e", 3, 3, "g5", "x"),
        case("f", 3, 3, "g5", "x"),
        case("g", 4, 4, "g6", "x"),
    ]


@pytest.fixture
def taken(cases, tmp_path):
    return census.judge(census.compare(cases), cases, tmp_path)


def test_what_was_planted_is_found_and_nothing_else(taken):
    found = {(p.a, p.b, p.kind, p.relation, p.orientation) for p in taken.pairs}
    assert found == {
        ("x/a.png", "x/b.png", "copy", "across folds", "mirrored"),
        ("x/c.png", "y/d.png", "copy", "across sets", "as is"),
    }
    assert taken.within == {"copy": 1}
    assert taken.counts()["copy"] == {"across folds": 1, "across sets": 1, "same fold": 0}


def test_copies_on_two_sides_are_parted_and_link_groups_of_one_set(taken):
    assert all(pair.parted for pair in taken.pairs)
    assert taken.links() == [("g1", "g2")]


def test_other_folds_make_another_judgement_of_the_same_comparison(cases, tmp_path):
    compared = census.compare(cases)
    together = [
        Case(c.image, None, c.label, 1, "all" if c.source == "x" else c.group, c.source)
        for c in cases
    ]
    pairs = census.judge(compared, together, tmp_path).pairs
    assert [pair.relation for pair in pairs] == ["across sets"]
    assert not pairs[0].parted


def test_small_overlaps_tell_only_copies():
    def one(correlation: float, overlap: int) -> str:
        return census.kind(Alike(0, 1, 0, 0.1, correlation, overlap))

    assert [one(0.7, 2000), one(0.8, 2000), one(0.95, 2000)] == ["", "", "copy"]
    assert [one(0.5, 6000), one(0.6, 6000), one(0.8, 6000)] == ["", "same head", "copy"]


def test_a_labelled_slice_that_cannot_be_read_is_named_a_bystander_is_left_out(cases, tmp_path):
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"nothing")
    with pytest.raises(InputError, match=r"broken\.png"):
        census.compare([*cases[:2], Case(broken, None, "glioma", 1, "g", "x")])
    assert census.compare([*cases[:2], Case(broken, None, "", 0, "", "ct_mr/CT")]).left_out == 1


def test_accepted_pairs_are_read_from_an_earlier_census(taken, tmp_path):
    census.write_csv(tmp_path / "census.csv", taken)
    known = census.read_accepted(tmp_path / "census.csv")
    assert known == {frozenset((pair.a, pair.b)) for pair in taken.pairs}
    (tmp_path / "other.csv").write_text("x,y\n1,2\n")
    with pytest.raises(InputError, match="columns a and b"):
        census.read_accepted(tmp_path / "other.csv")
