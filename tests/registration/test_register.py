"""Known transforms are found again; what cannot be compared says so."""

import numpy as np
import pytest

from appliance.core.errors import GeometryError
from appliance.core.transforms import about, corners, rotation, target_errors
from appliance.core.types import Series, Volume
from appliance.phantom import make, make_person, slice_of
from appliance.phantom.paint import Paint
from appliance.registration.likeness import resampled
from appliance.registration.register import register

TRUTH = about((63.5, 63.5), 1.06 * rotation(11.0), (6.0, -8.0))


def flat(array: np.ndarray) -> Series:
    return Series(Volume(array[None]), "image", "slice.png", "")


def slice_in(contrast: str, seed: int = 3) -> np.ndarray:
    person = make_person("glioma", seed, Paint.of(contrast))
    return slice_of(person, size=128, pixel_mm=1.8).volume.array[0].astype(np.float32)


@pytest.fixture(scope="module")
def t1c() -> np.ndarray:
    return slice_in("t1c")


def errors(found, truth: np.ndarray) -> float:
    return float(target_errors(found.matrix, truth, corners((20, 30), (108, 98))).mean())


def test_a_moved_copy_is_found_to_a_third_of_a_pixel(t1c):
    moved = resampled(t1c, t1c.shape, np.linalg.inv(TRUTH))
    seen = []
    found = register(flat(t1c), flat(moved), progress=seen.append)
    assert errors(found, TRUTH) < 0.3
    assert (found.verdict, found.reasons, found.space) == ("good", (), "pixel")
    assert seen == sorted(seen)
    assert seen[-1] == 1.0


def test_another_contrast_is_found_to_two_pixels(t1c):
    t2 = slice_in("t2")
    found = register(flat(t1c), flat(resampled(t2, t2.shape, np.linalg.inv(TRUTH))))
    assert errors(found, TRUTH) < 2.0


@pytest.mark.parametrize("kind", ["blank", "noise", "mirrored"])
def test_a_broken_pair_is_not_good(t1c, kind):
    rng = np.random.default_rng(0)
    moving = {
        "blank": np.zeros_like(t1c),
        "noise": rng.random(t1c.shape).astype(np.float32),
        "mirrored": np.ascontiguousarray(t1c[:, ::-1]),
    }[kind]
    found = register(flat(t1c), flat(moving))
    assert found.verdict != "good"
    assert found.reasons
    assert np.isfinite(found.matrix).all()
    if kind == "blank":
        assert found.verdict == "failed"
        assert (found.matrix == np.eye(3)).all()


def test_a_picture_and_a_volume_are_refused(t1c):
    volume = Series(Volume(np.zeros((4, 8, 8)), np.eye(4)), "nifti", "v.nii", "")
    with pytest.raises(GeometryError, match="one of each"):
        register(flat(t1c), volume)


def test_cancel_stops_the_work(t1c):
    class Stop(Exception):
        pass

    def check() -> None:
        raise Stop

    with pytest.raises(Stop):
        register(flat(t1c), flat(t1c), check=check)


def test_volumes_of_two_contrasts_meet_within_a_millimetre():
    truth = about((0, 0, 0), rotation(7.0, (1, 0.3, 0.5)), (5, -6, 4))
    scans = []
    for contrast, oblique in (("t1c", 0.0), ("t2", 5.0)):
        person = make_person("none", 4, Paint.of(contrast))
        head = make(
            shape=(36, 88, 88), spacing_mm=(4.5, 2.6, 2.6), oblique_deg=oblique, person=person
        )
        scans.append(head.volume)
    moving = Volume(scans[1].array, truth @ scans[1].affine)
    one, other = (Series(v, "nifti", "head.nii", "") for v in (scans[0], moving))
    found = register(one, other)
    assert found.space == "lps_mm"
    assert found.matrix.shape == (4, 4)
    points = corners((-70, -90, -60), (70, 90, 70))
    assert target_errors(found.matrix, truth, points).mean() < 1.0
