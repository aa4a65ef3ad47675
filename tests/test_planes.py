"""appliance.planes: three planes of a volume, whatever way its grid lies in the patient."""

from __future__ import annotations

from itertools import permutations, product

import numpy as np
import pytest

from appliance import planes
from appliance.core.errors import BadRequest, NotFound
from appliance.core.geometry import viewing
from appliance.core.types import Report, Series, Volume
from appliance.render import Pictures
from tests.serving import API, app, bright, client, nifti, pixels, settings, upload

__all__ = ["app", "bright", "client", "settings"]

SPACING = {0: 3.0, 1: 2.0, 2: 1.5}
"""Millimetres to Superior, Posterior and Left."""
SHAPE = (4, 5, 6)


def lying(axes: tuple[int, ...], flips: tuple[bool, ...], slant: float = 0.0) -> Volume:
    """A volume ``(z, y, x)`` that counts its voxels, stored with axes exchanged and reversed."""
    array = np.arange(np.prod(SHAPE), dtype=np.int16).reshape(SHAPE)
    affine = np.zeros((4, 4))
    affine[:, 3] = 7, 8, 9, 1
    for axis, world in enumerate((2, 1, 0)):
        affine[world, axis] = SPACING[axis]
    affine[0, 1] = slant * SPACING[1]
    array = array.transpose(axes)
    affine = affine[:, [*axes, 3]]
    for axis, flip in enumerate(flips):
        if flip:
            affine[:, 3] += affine[:, axis] * (array.shape[axis] - 1)
            affine[:, axis] *= -1
            array = np.flip(array, axis)
    return Volume(array, affine)


WAYS = [(a, f) for a in permutations(range(3)) for f in product((False, True), repeat=3)]


@pytest.mark.parametrize("slant", [0.0, 0.3], ids=["straight", "oblique"])
def test_every_way_a_grid_can_lie_shows_the_same_planes(slant):
    truth = np.arange(np.prod(SHAPE)).reshape(SHAPE)
    for axes, flips in WAYS:
        volume = lying(axes, flips, slant)
        assert (planes.cut(volume, "axial", 1) == truth[1]).all()
        assert (planes.cut(volume, "coronal", 3) == truth[::-1, 3]).all()
        assert (planes.cut(volume, "sagittal", 4) == truth[::-1, :, 4]).all()
        told = planes.describe(volume.shape, volume.affine)
        assert told["shape"] == list(SHAPE)
        assert told["spacing_mm"] == pytest.approx([3.0, 2.0 * np.hypot(1, slant), 1.5])
        assert told["affine"] == lying((0, 1, 2), (False,) * 3, slant).affine.tolist()


def test_a_place_of_the_viewing_grid_is_found_on_the_planes():
    for axes, flips in WAYS:
        volume = lying(axes, flips)
        told = planes.describe(volume.shape, volume.affine)
        seen = viewing(volume).apply(volume.array)
        place = (1, 2, 3)
        point = [
            told["shape"][n] - 1 - place[axis] if flip else place[axis]
            for n, (axis, flip) in enumerate(zip(told["axes"], told["flips"], strict=True))
        ]
        assert planes.cut(volume, "axial", point[0])[point[1], point[2]] == seen[place]


def test_overlays_of_a_plane_lie_on_its_picture():
    for axes, flips in WAYS[::5]:
        volume = lying(axes, flips)
        mask = (volume.array == 1 * 30 + 2 * 6 + 3).astype(np.uint8)
        (at,) = np.argwhere(mask)
        box = (*at.tolist(), *(at + 1).tolist())
        series = Series(volume, "nifti", "a", "0")
        lesions = [{"box": box, "view_box": box}]
        report = Report({"verdict": "tumor", "lesions": lesions}, Volume(mask, volume.affine))
        drawn = Pictures.of(series, report)
        for plane, index, place in (
            ("axial", 1, [2, 3]),
            ("coronal", 2, [2, 3]),
            ("sagittal", 3, [2, 2]),
        ):
            found = np.argwhere(pixels(drawn.layer("label_map", index, plane)))
            assert found.tolist() == [place], plane
            expected = [(place[0], place[1], place[0] + 1, place[1] + 1)]
            assert planes.boxes(volume, [box], plane, index) == expected
            assert planes.boxes(volume, [box], plane, index - 1) == []
            assert drawn.slice(index, "all", plane=plane) != drawn.slice(index, plane=plane)


def test_what_has_no_planes():
    flat = Volume(np.zeros((1, 4, 4)), np.eye(4))
    assert planes.describe(flat.shape, flat.affine) is None
    assert planes.describe((3, 4, 4), None) is None
    volume = lying((0, 1, 2), (False,) * 3)
    with pytest.raises(NotFound, match="geometry"):
        planes.cut(Volume(volume.array), "axial", 0)
    with pytest.raises(BadRequest, match="axial, coronal, sagittal"):
        planes.cut(volume, "oblique", 0)
    for plane, count in zip(planes.PLANES, SHAPE, strict=True):
        planes.cut(volume, plane, count - 1)
        with pytest.raises(NotFound, match=f"0 to {count - 1}"):
            planes.cut(volume, plane, count)


def test_the_routes(client):
    study = upload(client, ("head.nii", nifti()))
    (series,) = study["series"]
    uids = study["study_instance_uid"], series["series_instance_uid"]
    slices = f"{API}/studies/{uids[0]}/series/{uids[1]}/slices"
    assert series["planes"]["shape"] == [5, 40, 60]
    coronal = pixels(client.get(f"{slices}/12.png?plane=coronal&level=127.5&window=255").data)
    sagittal = pixels(client.get(f"{slices}/20.png?plane=sagittal&level=127.5&window=255").data)
    whole = np.stack(
        [pixels(client.get(f"{slices}/{i}.png?level=127.5&window=255").data) for i in range(5)]
    )
    assert (coronal == whole[::-1, 12]).all()
    assert (sagittal == whole[::-1, :, 20]).all()
    assert client.get(f"{slices}/5.png?plane=axial").status_code == 404
    assert client.get(f"{slices}/0.png?plane=top").status_code == 400
    assert client.get(f"{slices}/0/mask.png?plane=axial").status_code == 404
    flat = upload(client)
    assert flat["series"][0]["planes"] is None
    place = f"{API}/studies/{flat['study_instance_uid']}/series"
    place += f"/{flat['series'][0]['series_instance_uid']}/slices/0.png?plane=axial"
    assert client.get(place).status_code == 404
