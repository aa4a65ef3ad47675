"""Distillation: what a pupil is told, and which teachers are refused."""

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from appliance.core.errors import BadRequest, NotFound
from appliance.core.preprocess import Preprocessing
from tests.small_network import build_small
from training.config import Config
from training.figures import WEIGHTS

tf = pytest.importorskip("tensorflow")
from training import teachers  # noqa: E402
from training.step import make_step  # noqa: E402

PUPIL = Config(
    "pupil", "P", preprocessing=Preprocessing(size=64), mask_side=32, teachers=("wise",), taught=1.0
)
WISE = replace(PUPIL, name="wise", teachers=(), seed=1)


def sure_of(label, drawn):
    """A network that always gives one answer."""
    logits = 20.0 * tf.one_hot([label, label], 4)
    mask = tf.fill((2, 8, 8, 1), 20.0 if drawn else -20.0)
    return lambda image, training: {"logits": logits, "mask": mask}


def test_the_target_is_for_a_part_what_the_teachers_say():
    mask = np.zeros((2, 8, 8, 1), np.float32)
    mask[0, 2:4, 2:4] = 1.0
    classes = tf.one_hot([0, 3], 4)
    targets = teachers.blend([sure_of(0, True), sure_of(1, False)], 0.5)
    drawn, named = (part.numpy() for part in targets(None, tf.constant(mask), classes))
    assert named == pytest.approx(np.array([[0.75, 0.25, 0, 0], [0.25, 0.25, 0, 0.5]]), abs=1e-4)
    assert drawn[0] == pytest.approx(0.5 * mask[0] + 0.25, abs=1e-4)
    assert not drawn[1].any()  # a healthy slice
    alone = teachers.blend([], 0.5)(None, tf.constant(mask), classes)
    assert (alone[0].numpy() == mask).all()
    assert alone[1] is classes


@pytest.fixture
def beside(tmp_path, monkeypatch):
    """The folder of the runs, with the finished one of `WISE`."""
    monkeypatch.setattr(teachers, "load_config", {"wise": WISE}.__getitem__)
    monkeypatch.setattr(teachers, "build_for", build_small)
    run = tmp_path / "wise"
    run.mkdir()
    build_small(WISE).save_weights(str(run / WEIGHTS))
    (run / "history.json").write_text(json.dumps({"config": {"train_folds": [1, 2, 3]}}))
    return SimpleNamespace(folder=tmp_path, run=run)


def test_a_teacher_answers_as_its_run_did(beside):
    (found,) = teachers.find_teachers(PUPIL, beside.folder)
    same = build_small(WISE)
    same.load_weights(str(beside.run / WEIGHTS))
    image = np.random.default_rng(1).random((2, 64, 64, 1), np.float32)
    assert np.array_equal(found(image)["logits"], same(image)["logits"])
    assert teachers.find_teachers(replace(PUPIL, teachers=()), beside.folder) == []


def test_a_teacher_that_saw_the_held_out_fold_is_refused(beside):
    with pytest.raises(BadRequest, match=r"folds \[3\], which pupil holds out"):
        teachers.find_teachers(replace(PUPIL, validation_folds=(3,)), beside.folder)


def test_a_teacher_of_another_size_is_refused(beside):
    with pytest.raises(BadRequest, match="other sizes than pupil"):
        teachers.find_teachers(replace(PUPIL, mask_side=64), beside.folder)


def test_an_unfinished_teacher_is_refused(beside):
    (beside.run / WEIGHTS).unlink()
    with pytest.raises(NotFound, match="holds no finished run"):
        teachers.find_teachers(PUPIL, beside.folder)


def test_a_pupil_comes_to_say_what_its_teacher_says(beside):
    tf.keras.utils.set_random_seed(1)
    model, average = build_small(PUPIL), build_small(PUPIL)
    config = replace(PUPIL, label_smoothing=0.0, mask_weight=0.0, presence_weight=0.0)
    wise = lambda image, training: {  # noqa: E731
        "logits": tf.tile([[0.0, 4.0, 0.0, 0.0]], (len(image), 1)),
        "mask": tf.zeros((len(image), 32, 32, 1)),
    }
    step = make_step(model, average, tf.keras.optimizers.Adam(0.05), config, None, [wise])
    image = tf.random.stateless_uniform((4, 64, 64, 1), (1, 2))
    label, plane = tf.zeros(4, tf.int64), tf.fill(4, tf.constant(-1, tf.int64))
    for _ in range(60):
        step(image, tf.zeros((4, 32, 32, 1)), label, plane, tf.constant(0.0))
    assert (np.argmax(model(image, training=True)["logits"], 1) == 1).all()
