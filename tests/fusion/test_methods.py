"""The methods of fusion: what each must keep, whatever its recipe."""

import cv2
import numpy as np
import pytest

from appliance.core.errors import BadRequest, GeometryError
from appliance.core.types import Volume
from appliance.fusion.gradient_energy import energy_layer, joint_bilateral
from appliance.fusion.guided import guided_filter
from appliance.fusion.methods import METHODS, fuse_volumes
from appliance.fusion.metrics import of_picture
from appliance.fusion.multiscale import collapse, pyramid
from tests.heads import head

NAMES = list(METHODS)
HEAD = head().astype(np.float32) / 255


def blurred(left: bool) -> np.ndarray:
    """The head, out of focus on one side."""
    soft = cv2.GaussianBlur(HEAD, (0, 0), 3.0)
    out = HEAD.copy()
    half = np.s_[:, :64] if left else np.s_[:, 64:]
    out[half] = soft[half]
    return out


def fused(one: np.ndarray, other: np.ndarray, method: str) -> np.ndarray:
    return fuse_volumes(Volume(one[None]), Volume(other[None]), method).array[0]


@pytest.mark.parametrize("method", NAMES)
def test_a_picture_fused_with_itself_is_itself(method):
    assert np.abs(fused(HEAD, HEAD, method) - HEAD).max() < 1e-4


@pytest.mark.parametrize("method", [n for n in NAMES if n not in ("weighted", "pca")])
def test_what_is_sharp_in_either_is_sharp_in_the_fused_one(method):
    one, other = blurred(True), blurred(False)
    core = np.s_[16:-16, 16:-16]
    error = np.abs(fused(one, other, method) - HEAD)[core].mean()
    assert error < 0.5 * np.abs(0.5 * (one + other) - HEAD)[core].mean()


@pytest.mark.parametrize("method", NAMES)
@pytest.mark.parametrize("shape", [(33, 47), (128, 96), (20, 16)])
def test_any_size_gives_that_size_and_stays_in_range(method, shape):
    rng = np.random.default_rng(0)
    one, other = rng.random((2, *shape), np.float32)
    found = fused(one, other, method)
    assert found.shape == shape
    assert found.dtype == np.float32
    assert 0 <= found.min() <= found.max() <= 1


@pytest.mark.parametrize("method", NAMES)
def test_a_volume_is_fused_slice_by_slice_with_progress(method):
    rng = np.random.default_rng(0)
    affine = np.diag([3.0, 1, 1, 1])
    one, other = (Volume(rng.random((3, 24, 20), np.float32), affine) for _ in range(2))
    one.array[1] = other.array[1] = 0
    shares: list[float] = []
    found = fuse_volumes(one, other, method, shares.append)
    assert found.affine is affine
    assert not found.array[1].any()
    assert found.array[0].any()
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


def test_the_better_methods_carry_more_edges_than_the_mean():
    ct = np.zeros((128, 128), np.float32)
    cv2.circle(ct, (64, 64), 55, 1.0, 5)
    mr = HEAD * (cv2.circle(np.zeros((128, 128), np.float32), (64, 64), 50, 1.0, -1))
    scores = {m: of_picture(ct * 255, mr * 255, fused(ct, mr, m) * 255)["qabf"] for m in NAMES}
    for name in ("gradient-energy", "guided", "laplacian", "wavelet"):
        assert scores[name] > scores["weighted"] + 0.1, scores


def test_the_pyramid_comes_back_whole():
    picture = np.random.default_rng(0).random((37, 50), np.float32)
    assert np.allclose(collapse(pyramid(picture, 3)), picture, atol=1e-5)


def test_a_guided_filter_keeps_the_guide_s_edge_and_smooths_what_is_flat():
    step = np.zeros((60, 60))
    step[:, 30:] = 1
    rough = step + np.random.default_rng(0).normal(0, 0.05, step.shape)
    smooth = guided_filter(step, rough, 5, 1e-3)
    assert np.abs(smooth - step)[10:-10, 10:-10].max() < 0.05
    assert smooth[10:50, 40:50].std() < 0.02


def test_the_joint_bilateral_filter_agrees_with_its_definition():
    rng = np.random.default_rng(0)
    picture, guide = rng.random((2, 21, 21)).astype(np.float32)
    guide = cv2.GaussianBlur(guide, (0, 0), 2.0)
    found = joint_bilateral(picture, guide, 2.0, 0.05)
    rows, columns = np.indices(picture.shape)
    for row, column in ((10, 10), (8, 12)):
        space = np.exp(-((rows - row) ** 2 + (columns - column) ** 2) / (2 * 2.0**2))
        weight = space * np.exp(-((guide - guide[row, column]) ** 2) / (2 * 0.05**2))
        assert found[row, column] == pytest.approx(
            (weight * picture).sum() / weight.sum(), abs=0.02
        )


def test_the_energy_layer_drops_a_speck_and_keeps_an_edge():
    picture = np.zeros((64, 64), np.float32)
    picture[:, 32:] = 0.8
    picture[32, 10] = 1.0
    layer = energy_layer(picture)
    assert layer[32, 10] < 0.1
    assert abs(layer[20, 28] - 0.0) < 0.15
    assert abs(layer[20, 36] - 0.8) < 0.15


def test_unknown_methods_and_other_grids_are_refused():
    volume = Volume(HEAD[None])
    with pytest.raises(BadRequest, match="laplacian"):
        fuse_volumes(volume, volume, "magic")
    with pytest.raises(GeometryError):
        fuse_volumes(volume, Volume(HEAD[None, :64]))
