"""Registering, refusing, fusing: the sentence on generated heads."""

import numpy as np
import pytest

from appliance.core.types import Series, Volume
from appliance.fusion.fuse import FUSED, REFUSED, fuse
from appliance.fusion.images import CT_WINDOW, unit, whole
from appliance.registration.register import PIXEL, Registration
from tests.heads import SIZE, as_series, head, head_pair


def registration(verdict: str, *reasons: str) -> Registration:
    return Registration(verdict, reasons, PIXEL, np.eye(3), "rigid")


def test_a_pair_is_registered_and_fused_on_the_grid_of_fixed():
    fixed, moving = head_pair()
    shares: list[float] = []
    found = fuse(fixed, moving, "laplacian", shares.append)
    assert (found.verdict, found.reasons, found.warnings) == (FUSED, (), ())
    assert found.volume.shape == (1, SIZE, SIZE)
    assert found.volume.array.dtype == np.uint8
    assert {"entropy", "mutual_information", "qabf", "ssim", "vif"} <= set(found.metrics)
    assert found.metrics["qabf"] > 0.5
    assert 0 <= min(shares) < 0.5 < max(shares) <= 1


def test_nothing_is_fused_after_a_failed_registration():
    fixed, moving = head_pair()
    noise = np.random.default_rng(0).integers(0, 255, (SIZE, SIZE)).astype(np.uint8)
    for wrong in (np.zeros((SIZE, SIZE), np.uint8), noise):
        found = fuse(fixed, as_series(wrong, "wrong.png"))
        assert (found.verdict, found.volume, dict(found.metrics)) == (REFUSED, None, {})
        assert found.reasons
    found = fuse(fixed, moving, registration=registration("failed", "the mirror image fits"))
    assert found.volume is None
    assert "the mirror image fits" in found.reasons[0]


def test_a_doubtful_registration_fuses_with_a_warning():
    found = fuse(*head_pair(), registration=registration("doubtful", "weak"))
    assert found.verdict == FUSED
    assert "weak" in found.warnings[0]


def test_a_volume_keeps_the_geometry_of_fixed_and_16_bits():
    affine = np.diag([4.0, 1.0, 1.0, 1.0])
    ct = Series(
        Volume(np.stack([head().astype(np.int16) * 4] * 3), affine), "nifti", "c", "1", "CT"
    )
    mr = Series(
        Volume(np.stack([head().astype(np.uint16) * 9] * 3), affine), "nifti", "m", "2", "MR"
    )
    known = Registration("good", (), "lps_mm", np.eye(4), "rigid")
    found = fuse(ct, mr, "weighted", registration=known)
    assert found.volume.affine is affine
    assert found.volume.array.dtype == np.uint16
    assert found.volume.array.max() > 60000


def test_a_ct_is_windowed_in_hounsfield_units_and_a_picture_is_left_alone():
    low, high = CT_WINDOW[0] - CT_WINDOW[1] / 2, CT_WINDOW[0] + CT_WINDOW[1] / 2
    values = np.array([[[-2000, low, CT_WINDOW[0], high, 3000]]], np.float32)
    found = unit(Series(Volume(values), "dicom", "ct", "", "CT"))
    assert found.array.ravel().tolist() == [0.0, 0.0, 0.5, 1.0, 1.0]
    picture = as_series(head(), "a")
    assert np.array_equal(whole(unit(picture), 8).array, picture.volume.array)


def test_what_lies_outside_the_moving_image_adds_nothing():
    fixed, moving = head_pair()
    shift = np.array([[1.0, 0, 60], [0, 1, 0], [0, 0, 1]])
    away = Registration("good", (), PIXEL, shift, "rigid")
    found = fuse(fixed, moving, "weighted", registration=away)
    empty = np.s_[0, 70:]
    assert np.abs(found.volume.array[empty] - fixed.volume.array[empty] / 2.0).max() <= 1.0


@pytest.mark.parametrize("method", ["", "magic"])
def test_an_unknown_method_is_said_before_any_work(method):
    from appliance.core.errors import BadRequest

    with pytest.raises(BadRequest):
        fuse(*head_pair(), method, lambda share: pytest.fail("work was done"))
