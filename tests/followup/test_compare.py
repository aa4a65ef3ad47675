"""Known changes lie in their band; nothing is claimed inside it; reasons are given."""

import json

import numpy as np
import pytest

from appliance.core.transforms import about
from appliance.core.types import Refusal
from appliance.followup.compare import compare
from appliance.followup.exam import refused
from tests.followup.truths import STACK, exam, how, known, series

THICK = (3.0, 2.0, 2.0)


def stack(radius: float, **changes):
    given = {"shape": STACK, "spacing": THICK, **changes}
    return exam(series((radius,) if radius else (), **given))


@pytest.mark.parametrize(
    ("before", "now", "verdict"), [(10.0, 13.0, "larger"), (13.0, 10.0, "smaller")]
)
def test_a_ball_that_grew_or_shrank_by_a_known_volume(before, now, verdict):
    found = compare(stack(before), stack(now, seed=1), how())
    (change,) = found.changes
    truth = 100.0 * ((now / before) ** 3 - 1.0)
    assert found.verdict == change.verdict == verdict
    assert change.measure == "volume_ml"
    assert change.current_value == pytest.approx(4.19e-3 * now**3, rel=0.1)
    assert abs(change.percent - truth) <= change.band_percent
    assert abs(change.percent) > change.band_percent


def test_nothing_is_claimed_where_only_noise_spacing_and_place_changed():
    words = []
    for seed in range(8):
        rng = np.random.default_rng(seed)
        spacing = tuple(np.array(THICK) * rng.uniform((0.8, 0.9, 0.9), (1.3, 1.2, 1.2)))
        shift = tuple(rng.uniform(-2, 2, 2))
        later = stack(11.0, spacing=spacing, seed=seed + 1, noise=60.0, shift=shift)
        words.append(compare(stack(11.0), later, how()).verdict)
    assert words == ["within_error"] * 8


def test_pictures_are_compared_in_pixels_of_the_later_one():
    """The earlier picture shows everything at half the size."""
    small = exam(series((6.0,), (1, 96, 96)))
    large = exam(series((12.0,), (1, 192, 192), seed=2))

    def registered(fixed, moving, **_):
        half = about((0, 0), np.eye(2) * (0.5 if fixed is large.series else 2.0), (0, 0))
        return known(half)(fixed, moving)

    (change,) = compare(small, large, how(register=registered)).changes
    assert change.measure == "area_px"
    assert change.prior_value == pytest.approx(4 * np.pi * 36, rel=0.1)
    assert change.verdict == "within_error"


def test_a_new_lesion_and_one_that_is_gone():
    one, two = exam(series((12.0,))), exam(series((12.0, 8.0), seed=1))
    found = compare(one, two, how())
    assert found.verdict == "new"
    assert sorted(c.verdict for c in found.changes) == ["new", "within_error"]
    (new,) = (c for c in found.changes if c.verdict == "new")
    assert (new.prior, new.prior_value, new.percent) == ((), 0.0, None)
    back = compare(two, one, how())
    assert back.verdict == "smaller"
    (gone,) = (c for c in back.changes if c.verdict == "gone")
    assert (gone.current, gone.current_value, gone.percent) == ((), 0.0, -100.0)
    nothing = exam(series(()), "no_tumor")
    assert compare(one, nothing, how()).verdict == "gone"
    assert compare(nothing, nothing, how()).verdict == "within_error"


def test_what_repeated_readings_doubt_is_not_new():
    """A spot at the threshold: seen in the one reading, not in most others."""
    faint = series((12.0,), noise=0.0)
    array = faint.volume.array.copy()
    array[0, 80:86, 50:56] = 0.51 * 1300 + 700
    faint = exam(type(faint)(faint.volume.with_array(array), "image", "faint", "f"))
    found = compare(exam(series((12.0,), seed=1)), faint, how())
    (spot,) = (c for c in found.changes if not c.prior)
    assert spot.verdict == "within_error"
    assert "repeated readings" in spot.reason
    assert spot.band_percent is None or spot.band_percent < 1900.0


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"modality": "CT"}, "modality differs"),
        ({"sequence": "T2"}, "sequence differs"),
        ({"spacing": (7.0, 2.0, 2.0)}, "more than twice"),
        ({"spacing": None}, "without geometry"),
        ({"shape": (1, 64, 64), "spacing": (3.0, 2.0, 2.0)}, "single picture"),
    ],
)
def test_what_cannot_be_compared_says_why(changes, reason):
    prior = stack(11.0, modality="MR", sequence="T1c")
    current = stack(11.0, **{"modality": "MR", "sequence": "T1c", **changes})
    found = compare(prior, current, how())
    assert found.verdict == "not_comparable"
    assert reason in found.reasons[0]
    assert found.changes == ()


def test_a_failed_registration_and_a_refused_study_are_not_comparable():
    one, two = exam(series((12.0,))), exam(series((14.0,), seed=1))
    failed = compare(one, two, how(register=known(verdict="failed")))
    assert failed.verdict == "not_comparable"
    assert "told so" in failed.reasons[0]
    out = refused(two.series, Refusal("out_of_distribution", "unlike any head"))
    assert "unlike any head" in compare(one, out, how()).reasons[0]
    doubtful = compare(one, two, how(register=known(verdict="doubtful")))
    assert doubtful.verdict == "larger"
    assert "doubtful" in doubtful.warnings[0]


def test_pictures_whose_sizes_disagree_there_and_back_are_not_comparable():
    one, two = exam(series((12.0,))), exam(series((14.0,), seed=1))
    unequal = about((0, 0), np.eye(2) * 1.1, (0, 0))
    found = compare(one, two, how(register=known(unequal)))
    assert found.verdict == "not_comparable"
    assert "way back" in found.reasons[0]


def test_a_lesion_at_the_edge_of_the_stack_is_not_comparable():
    cut = stack(11.0, shape=(6, 64, 64))
    found = compare(cut, stack(11.0, seed=1), how())
    assert found.verdict == "not_comparable"
    assert "edge" in found.changes[0].reason


def test_cancel_stops_the_work_and_progress_grows():
    shares = []
    one, two = exam(series((12.0,))), exam(series((14.0,), seed=1))
    compare(one, two, how(), shares.append)
    assert shares == sorted(shares)
    assert shares[-1] == 1.0

    class Stop(Exception):
        pass

    def stop(share):
        if share > 0.6:
            raise Stop

    with pytest.raises(Stop):
        compare(one, two, how(), stop)


def test_the_parts_of_a_band_can_be_written():
    found = compare(exam(series((12.0,))), exam(series((14.0,), seed=1)), how())
    assert json.dumps(dict(found.changes[0].parts), allow_nan=False)
