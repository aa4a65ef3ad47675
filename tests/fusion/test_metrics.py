"""The figures of fused pictures, held against what is known without them."""

import numpy as np
import pytest

from appliance.core.types import Volume
from appliance.fusion.edge_transfer import edge_transfer
from appliance.fusion.fidelity import visual_fidelity
from appliance.fusion.metrics import (
    entropy,
    mutual_information,
    of_picture,
    of_volume,
    spatial_frequency,
    structural_similarity,
)
from tests.heads import head, turned

HEAD = head().astype(float)
OTHER = turned(head()).astype(float)


def noisy(picture: np.ndarray, amount: float) -> np.ndarray:
    return np.clip(picture + np.random.default_rng(0).normal(0, amount, picture.shape), 0, 255)


def test_entropy_of_a_uniform_and_of_a_two_valued_picture():
    rng = np.random.default_rng(0)
    assert entropy(rng.permutation(np.arange(65536) % 256).reshape(256, 256)) == pytest.approx(8.0)
    halves = np.zeros((8, 8))
    halves[:4] = 255
    assert entropy(halves) == pytest.approx(1.0)


def test_mutual_information_is_symmetric_and_its_own_entropy_at_most():
    assert mutual_information(HEAD, OTHER) == pytest.approx(mutual_information(OTHER, HEAD))
    assert mutual_information(HEAD, HEAD) == pytest.approx(entropy(HEAD))
    assert mutual_information(HEAD, OTHER) < entropy(HEAD)
    assert mutual_information(HEAD, 255 - HEAD) == pytest.approx(entropy(HEAD))
    wide = np.random.default_rng(1).integers(0, 2, (2, 512, 512)) * 255
    assert mutual_information(*wide) == pytest.approx(0.0, abs=1e-3)


def test_edges_of_a_picture_with_itself_arrive_and_in_a_flat_one_they_do_not():
    most = 0.9994 / (1 + np.exp(-7.5)) * 0.9879 / (1 + np.exp(-4.4))
    assert edge_transfer(HEAD, HEAD, HEAD) == pytest.approx(most, abs=1e-6)
    assert edge_transfer(HEAD, HEAD, np.full_like(HEAD, 90)) < 0.02
    assert edge_transfer(np.zeros((9, 9)), np.zeros((9, 9)), np.zeros((9, 9))) == 0.0


def test_edge_transfer_knows_no_order_of_the_sources_and_no_mirror():
    fused = np.maximum(HEAD, OTHER)
    value = edge_transfer(HEAD, OTHER, fused)
    assert value == pytest.approx(edge_transfer(OTHER, HEAD, fused))
    flipped = (np.ascontiguousarray(p[:, ::-1]) for p in (HEAD, OTHER, fused))
    assert value == pytest.approx(edge_transfer(*flipped), abs=0.01)
    assert edge_transfer(HEAD, OTHER, noisy(fused, 20)) < value


def test_spatial_frequency_of_a_chessboard_and_of_a_ramp():
    board = np.indices((64, 64)).sum(0) % 2 * 255.0
    assert spatial_frequency(board) == pytest.approx(255 * np.sqrt(2))
    ramp = np.tile(np.arange(64.0), (64, 1))
    assert spatial_frequency(ramp) == pytest.approx(1.0)


@pytest.mark.parametrize("figure", [structural_similarity, visual_fidelity])
def test_likeness_is_one_for_the_same_and_falls_with_noise(figure):
    assert figure(HEAD, HEAD) == pytest.approx(1.0, abs=1e-6)
    values = [figure(HEAD, noisy(HEAD, amount)) for amount in (0, 5, 20, 60)]
    assert values == sorted(values, reverse=True)
    assert values[-1] < 0.6


def test_ssim_is_symmetric_and_vif_rewards_contrast():
    assert structural_similarity(HEAD, OTHER) == pytest.approx(structural_similarity(OTHER, HEAD))
    assert visual_fidelity(0.5 * HEAD, HEAD) > 1.0 > visual_fidelity(HEAD, 0.5 * HEAD)


def test_a_volume_counts_only_slices_that_show_something():
    one = Volume(np.stack([HEAD, np.zeros_like(HEAD)]).astype(np.float32) / 255)
    found = of_volume(one, one, one)
    alone = of_picture(HEAD, HEAD, HEAD)
    assert found == pytest.approx(alone, rel=1e-4)
    empty = Volume(np.zeros((2, 8, 8), np.float32))
    assert of_volume(empty, empty, empty) == {}
