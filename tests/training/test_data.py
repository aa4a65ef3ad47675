"""Splitting by anything but the group is impossible."""

import hashlib
from pathlib import Path

import pytest

from training.data import Case, split


def case(group: str, fold: int) -> Case:
    return Case(Path("x.png"), None, "no_tumor", fold, group, "no_tumor")


CASES = [case("a", 1), case("a", 1), case("b", 2), case("c", 3), case("d", 0)]


def test_whole_groups_of_the_asked_folds():
    assert [c.group for c in split(CASES, (1, 2), apart_from=(3,))] == ["a", "a", "b"]


@pytest.mark.parametrize(("folds", "apart"), [((1, 1), ()), ((0,), ()), ((1, 2), (2, 3))])
def test_dishonest_splits_are_errors(folds, apart):
    with pytest.raises(ValueError, match="no honest split"):
        split(CASES, folds, apart_from=apart)


def test_a_group_in_both_parts_is_an_error():
    with pytest.raises(ValueError, match="groups in both"):
        split([*CASES, case("a", 2)], (1,), apart_from=(2,))


def test_the_real_folds_share_no_group(data_root):
    from training.data import healthy_cases, tumour_cases

    cases = tumour_cases(data_root) + healthy_cases(data_root)
    for fold in (1, 2, 3, 4):
        others = tuple(f for f in (1, 2, 3, 4) if f != fold)
        assert split(cases, (fold,), apart_from=others)


def test_a_row_of_a_case_list_has_paths_below_the_root_and_a_checksum(tmp_path):
    image = tmp_path / "figshare" / "1.jpg"
    image.parent.mkdir()
    image.write_bytes(b"pixels")
    of_tumour = Case(image, image.with_name("m.png"), "glioma", 2, "figshare-1", "figshare", "ax")
    assert of_tumour.to_json(tmp_path) == {
        "image": "figshare/1.jpg",
        "sha256": hashlib.sha256(b"pixels").hexdigest(),
        "mask": "figshare/m.png",
        "label": "glioma",
        "fold": 2,
        "group": "figshare-1",
        "source": "figshare",
    }
    assert Case(image, None, "no_tumor", 0, "g", "s").to_json(tmp_path)["mask"] is None
    with pytest.raises(ValueError):
        of_tumour.to_json(tmp_path / "figshare" / "elsewhere")
