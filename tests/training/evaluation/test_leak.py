"""A split by image remembers; a split by group cannot."""

import numpy as np

from training.evaluation.leak import PARTS, _beside, parts_by_group, parts_by_image


def test_groups_stay_whole_and_parts_are_even():
    groups = [f"g{i // 7}" for i in range(700)]
    parts = parts_by_group(groups)
    for group in set(groups):
        assert len({p for g, p in zip(groups, parts, strict=True) if g == group}) == 1
    counts = np.bincount(parts)
    assert len(counts) == PARTS
    assert counts.max() - counts.min() <= 7
    assert np.bincount(parts_by_image(701)).max() <= 141


def test_memory_is_shown_as_memory():
    """Labels that only a group's own slices can tell: the leaky split knows them, nobody else."""
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(60), 8)
    labels = rng.integers(0, 4, 60)[groups]
    features = rng.normal(size=(60, 24))[groups] + rng.normal(0, 0.05, (480, 24))
    found = _beside([features], [labels], [[str(g) for g in groups]], resamples=200)
    assert found["leaky_image_level"]["value"] > 0.95
    assert found["honest_by_group"]["value"] < 0.45
