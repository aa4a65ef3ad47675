"""Augmentation keeps picture and mask together, and paints what it says it paints."""

from dataclasses import fields, replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from appliance.core.intensity import from_unit, to_unit
from appliance.core.preprocess import Preprocessing, prepare, prepare_mask
from appliance.core.probe import probe_picture
from appliance.core.types import LABELS
from training import heads
from training.augment import augment
from training.config import Augmentation
from training.data import Case, Slices
from training.painting import Painter

SPEC = Preprocessing(size=128)
HEALTHY = LABELS.index("no_tumor")


@pytest.fixture(scope="module")
def slices() -> Slices:
    arrays, masks, labels, cases = [], [], [], []
    for number in range(8):
        lesion = number < 4
        picture = probe_picture(lesion)
        prepared = prepare(picture, SPEC)
        truth = (picture > 170) if lesion else np.zeros(picture.shape, bool)
        arrays.append(prepared.array)
        masks.append(np.rint(prepare_mask(truth.astype(np.uint8), prepared, 128) * 255))
        labels.append(number % 3 if lesion else HEALTHY)
        cases.append(Case(Path("x"), None, LABELS[labels[-1]], 1, str(number), "t"))
    return Slices(
        tuple(cases), np.stack(arrays), np.stack(masks).astype(np.uint8), np.array(labels)
    )


@pytest.fixture(scope="module")
def painter(slices) -> Painter:
    return Painter(slices)


def test_unit_range_round_trip(slices):
    assert np.abs(from_unit(to_unit(slices.arrays)) - slices.arrays).max() < 1e-6


def test_the_same_generator_gives_the_same_example(slices, painter):
    one = augment(slices, 0, Augmentation(), painter, np.random.default_rng(4))
    two = augment(slices, 0, Augmentation(), painter, np.random.default_rng(4))
    assert (one[0] == two[0]).all()
    assert (one[1] == two[1]).all()
    assert one[2] == two[2]


@pytest.mark.parametrize("seed", range(12))
def test_ranges_shapes_and_label_against_mask(slices, painter, seed):
    rng = np.random.default_rng(seed)
    for index in range(8):
        array, mask, label = augment(slices, index, Augmentation(), painter, rng)
        assert array.shape == (128, 128, 1)
        assert array.dtype == np.float32
        assert array.min() >= -1
        assert array.max() < 1
        assert mask.min() >= 0
        assert mask.max() <= 1
        if label == HEALTHY:
            assert mask.max() == 0
        if index < 4:
            assert label == slices.labels[index]


def test_a_painted_tumour_is_where_the_mask_says(slices, painter):
    rng = np.random.default_rng(0)
    before = to_unit(slices.arrays[5, ..., 0])
    painted = [p for p in (painter.paint(before, 5, rng) for _ in range(20)) if p is not None]
    assert painted
    for picture, mask, label in painted:
        assert label != HEALTHY
        changed = np.abs(picture - before)
        near = mask > 0.5
        assert changed[near].mean() > 10 * changed[mask == 0].mean()
        assert picture[near].mean() > before[near].mean() + 0.1


def test_an_artefact_leaves_label_and_lesion_alone(slices, painter):
    rng = np.random.default_rng(1)
    before = to_unit(slices.arrays[0, ..., 0])
    mask = slices.masks[0].astype(np.float32) / 255
    for _ in range(20):
        after = painter.artefact(before, mask, rng)
        assert np.abs(after - before)[mask > 0].max() < 0.05


def test_healing_covers_the_tumour_and_little_else(slices, painter):
    rng = np.random.default_rng(5)
    before = to_unit(slices.arrays[1, ..., 0])
    mask = slices.masks[1].astype(np.float32) / 255
    healed = [h for h in (painter.heal(before, mask, 1, rng) for _ in range(10)) if h is not None]
    assert healed
    for after in healed:
        assert after[mask > 0.5].mean() < before[mask > 0.5].mean() - 0.1
        far = cv2.dilate((mask > 0).astype(np.uint8), np.ones((41, 41), np.uint8)) == 0
        assert np.abs(after - before)[far].max() < 1e-3


def test_a_healed_slice_is_labelled_healthy(slices, painter):
    off = {field.name: 0 for field in fields(Augmentation)}
    always = Augmentation(**{**off, "heal": 1.0})
    labels = [augment(slices, 1, always, painter, np.random.default_rng(s))[2] for s in range(10)]
    assert HEALTHY in labels
    gliomas = [augment(slices, 0, always, painter, np.random.default_rng(s))[2] for s in range(5)]
    assert set(gliomas) == {int(slices.labels[0])}  # its border is not its outline: never healed


def test_without_augmentation_nothing_happens(slices, painter):
    off = Augmentation(**{field.name: 0 for field in fields(Augmentation)})
    for index in range(8):
        array, _, _ = augment(slices, index, off, painter, np.random.default_rng(9))
        same = np.abs(array - slices.arrays[index]).max() < 1e-5
        mirrored = np.abs(array[:, ::-1] - slices.arrays[index]).max() < 1e-5
        assert same or mirrored


def test_how_often_generated_heads_are_painted_is_a_setting_of_its_own(slices, painter):
    cases = tuple(replace(case, source=heads.SOURCE) for case in slices.cases)
    spec = Augmentation(paint=0.0, paint_heads=1.0)
    painted = [
        [
            augment(part, index, spec, painter, np.random.default_rng(index))[2] != HEALTHY
            for index in range(4, 8)
        ]
        for part in (slices, replace(slices, cases=cases))
    ]
    assert not any(painted[0])
    assert any(painted[1])
