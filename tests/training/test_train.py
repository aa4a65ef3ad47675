"""The rate of a run, and which slices its epochs see."""

from dataclasses import replace

import numpy as np
import pytest

from appliance.core.errors import NotFound
from appliance.core.preprocess import Preprocessing
from tests.small_network import build_small
from tests.small_root import write_small_root
from training.config import Config
from training.figures import READINGS, WEIGHTS, figures, load

pytest.importorskip("tensorflow")


def test_the_rate_warms_up_falls_and_settles():
    from training.train import Rate

    config = Config("x", "X", epochs=10, settling=2, learning_rate=1e-3, settling_rate=2e-4)
    rate = Rate(config, steps=20, settling_steps=25)

    def at(*steps):
        return [float(rate(step)) for step in steps]

    assert at(0, 40) == pytest.approx([5e-5, 1e-3], rel=0.01)
    assert at(40) > at(100) > at(160) > at(199)
    assert at(199)[0] < 1.5e-4
    assert at(200, 225, 250) == pytest.approx([2e-4, 1.01e-4, 2e-6], rel=0.02)
    assert at(240)[0] < at(210)[0] < 2e-4
    plain = Rate(replace(config, settling=0), steps=20, settling_steps=20)
    assert [float(plain(s)) for s in (0, 40, 199)] == at(0, 40, 199)


def test_held_out_slices_are_looked_at_now_and_then_and_at_the_end():
    def looks(**changes):
        config = Config("x", "X", epochs=6, **changes)
        return [epoch for epoch in range(1, 8) if config.looks_after(epoch)]

    assert looks() == [4, 6]
    assert looks(settling=1, look_every=3) == [3, 6, 7]
    assert looks(patience=2) == [1, 2, 3, 4, 5, 6, 7]


def test_generated_heads_are_seen_in_the_settling_alone(tmp_path):
    from training.heads import SOURCE
    from training.train import read_slices

    root = write_small_root(tmp_path)
    config = replace(
        Config("x", "X", heads=3), preprocessing=replace(Config("x", "X").preprocessing, size=64)
    )
    for settling, expected in ((1, [0, 3]), (0, [3, 3])):
        stages, _ = read_slices(replace(config, settling=settling), root)
        found = [sum(case.source == SOURCE for case in stage.cases) for stage in stages]
        assert found == expected
        assert len(stages[1].arrays) - len(stages[0].arrays) == expected[1] - expected[0]


def test_half_the_way_back(tmp_path):
    from tensorflow import keras

    from training.train import meet

    network = keras.Sequential([keras.layers.Dense(2, input_shape=(3,))])
    before = [np.full(w.shape, 1.0) for w in network.get_weights()]
    network.set_weights(before)
    network.save_weights(str(tmp_path / "before.weights.h5"))
    network.set_weights([np.full(w.shape, 4.0) for w in before])
    meet(network, tmp_path / "before.weights.h5")
    assert all((w == 2.5).all() for w in network.get_weights())


def test_batches_name_the_plane_where_the_case_list_does(tmp_path):
    from training import data
    from training.loader import plain_batches

    root = write_small_root(tmp_path)
    config = Config("x", "X", preprocessing=Preprocessing(size=64), mask_side=64)
    slices = data.load(data.tumour_cases(root) + data.healthy_cases(root), config.preprocessing)
    batches = list(plain_batches(slices, config))
    label, plane = (np.concatenate([batch[at].numpy() for batch in batches]) for at in (2, 3))
    assert set(plane[label == 3]) == {data.PLANES.index("ax")}
    assert set(plane[label != 3]) == {-1}


def test_a_run_resumes_where_it_stopped_and_keeps_what_it_says(tmp_path, monkeypatch):
    from training import train

    monkeypatch.setattr(train, "build_for", build_small)
    monkeypatch.setattr(train, "load_imagenet", lambda *_: 0)
    root, run = write_small_root(tmp_path / "root"), tmp_path / "run"
    config = Config(
        "x", "X", preprocessing=Preprocessing(size=64), mask_side=32, epochs=1, batch=4
    )  # fmt: skip
    first = train.train(config, root, run, {})
    resumed = train.train(replace(config, settling=2, heads=4), root, run, {})
    assert [entry["epoch"] for entry in first["epochs"]] == [1]
    assert [entry["epoch"] for entry in resumed["epochs"]] == [1, 2, 3]
    assert resumed["epochs"][0] == first["epochs"][0]
    assert ["validation" in entry for entry in resumed["epochs"]] == [True, False, True]
    found = load(run / READINGS)
    assert set(found) == set(resumed["kept"]) == {"validation", "other_sources"}
    for name, readings in found.items():
        assert figures(readings) == pytest.approx(resumed["kept"][name])
    assert (run / WEIGHTS).is_file()


def test_a_run_whose_teacher_is_missing_does_not_start(tmp_path):
    from training.train import train

    config = Config("x", "X", teachers=("third",))
    with pytest.raises(NotFound, match="holds no finished run"):
        train(config, tmp_path / "no data", tmp_path / "run", {})
    assert not (tmp_path / "run").exists()
