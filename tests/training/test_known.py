"""What must not be learnt from is left out, and still scored."""

from pathlib import Path

from training.data import Case, parts
from training.known import NOT_MR, trainable


def tumour(run: int, fold: int) -> Case:
    return Case(Path("1.jpg"), Path("1.png"), "glioma", fold, f"figshare-{run}", "figshare")


def healthy(name: str, fold: int) -> Case:
    return Case(Path(name), None, "no_tumor", fold, f"no_tumor-{name}", "no_tumor")


def test_a_person_of_the_held_out_fold_is_not_trained_on():
    cases = [tumour(352, 3), tumour(354, 2), tumour(341, 1), tumour(7, 1)]
    training, held_out = parts(cases, (1, 3), (2,))
    assert [c.group for c in training] == ["figshare-7"]
    assert [c.group for c in held_out] == ["figshare-354"]


def test_without_a_held_out_fold_the_linked_people_are_kept():
    assert len(trainable([tumour(352, 3), tumour(354, 2)], [])) == 2


def test_the_copied_run_and_ct_are_never_trained_on_but_scored():
    cases = [tumour(427, 1), healthy(NOT_MR[0], 1), healthy("other.jpg", 1)]
    training, _ = parts(cases, (1,), (2,))
    assert [c.image.name for c in training] == ["other.jpg"]
    assert len(parts(cases, (2,), (1,))[1]) == 3


def test_on_the_development_data(data_root):
    from training.data import healthy_cases, split, tumour_cases

    cases = tumour_cases(data_root) + healthy_cases(data_root)
    lost = []
    for fold in (1, 2, 3, 4):
        rest = tuple(f for f in (1, 2, 3, 4) if f != fold)
        training, held_out = parts(cases, rest, (fold,))
        lost.append(len(split(cases, rest, apart_from=(fold,))) - len(training))
        assert held_out == split(cases, (fold,), apart_from=rest)
    assert all(0 < number < 150 for number in lost), lost
