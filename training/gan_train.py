"""Trains the GAN on the training folds and draws a stock of pictures.

A step of ``python -m training synthesize``, in a process of its own::

    python -m training.gan_train OUT DATA COUNT

reads ``OUT/plan.json``; goes on from the last checkpoint; ends with ``OUT/stock.npz``, which holds
`COUNT` pictures that nobody has checked yet.
"""

from __future__ import annotations

import io
import json
import logging
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from appliance.atomic import put_file
from appliance.core.types import LABELS
from training import data
from training.device import start
from training.gan_plan import Plan, shares, sheet, to_bytes
from training.processes import worker, write_json

logger = logging.getLogger(__name__)
_SHEET_COLUMNS = 8
_MEAN_OVER = 50


def real_slices(root: Path, plan: Plan) -> data.Slices:
    """The training folds, prepared; nothing of the held-out folds or the other sources."""
    cases = data.tumour_cases(root) + data.healthy_cases(root)
    chosen, _ = data.parts(cases, plan.train_folds, plan.held_out_folds)
    return data.load(chosen, plan.preprocessing, "training slices")


def batches(slices: data.Slices, plan: Plan, step: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Real pictures from step `step` on, endlessly; each epoch in a new order, half mirrored."""
    per_epoch = max(1, len(slices.labels) // plan.batch)
    while True:
        epoch, place = divmod(step, per_epoch)
        rng = np.random.default_rng((plan.seed, epoch))
        order = rng.permutation(len(slices.labels))
        mirrored = rng.random(len(order)) < 0.5
        for _ in range(place, per_epoch):
            chosen = order[place * plan.batch : (place + 1) * plan.batch]
            pictures = slices.arrays[chosen]
            turned = mirrored[chosen][:, None, None, None]
            yield np.where(turned, pictures[:, :, ::-1], pictures), slices.labels[chosen]
            place += 1
            step += 1


class Game:
    """Both networks, their optimisers, the generator's average, and their checkpoints."""

    def __init__(self, out: Path, plan: Plan) -> None:
        import tensorflow as tf
        from tensorflow import keras

        from training import gan

        self.out, self.plan, self.tf, self.gan = out, plan, tf, gan
        self.generator, self.average = gan.generator(plan.size), gan.generator(plan.size)
        self.average.set_weights(self.generator.get_weights())
        self.discriminator = gan.discriminator(plan.size)
        self.forger = keras.optimizers.Adam(plan.generator_rate, beta_1=0.0, beta_2=0.9)
        self.judge = keras.optimizers.Adam(plan.discriminator_rate, beta_1=0.0, beta_2=0.9)
        self.forger.build(self.generator.trainable_variables)
        self.judge.build(self.discriminator.trainable_variables)
        self.done = tf.Variable(0, dtype=tf.int64, name="done")
        checkpoint = tf.train.Checkpoint(
            generator=self.generator, average=self.average, discriminator=self.discriminator,
            forger=self.forger, judge=self.judge, done=self.done,
        )  # fmt: skip
        folder = str(out / "checkpoints")
        self.manager = tf.train.CheckpointManager(checkpoint, folder, max_to_keep=2)
        self.history: list[dict[str, Any]] = []
        if self.manager.latest_checkpoint:
            checkpoint.restore(self.manager.latest_checkpoint).assert_existing_objects_matched()
            saved = json.loads((out / "history.json").read_text())["rounds"]
            self.history = [entry for entry in saved if entry["step"] <= int(self.done)]
            logger.info("resuming after step %d", int(self.done))

    def step(self):
        """The compiled step: the discriminator's turn, then the generator's."""
        tf, gan = self.tf, self.gan
        generator, discriminator = self.generator, self.discriminator

        def judged(pictures, label):
            return discriminator([gan.altered(pictures), label], training=True)

        @tf.function
        def step(real, label, wanted, noise, decay):
            with tf.GradientTape() as tape:
                fake = generator([noise[0], wanted], training=True)
                on_real, on_fake = judged(real, label), judged(fake, wanted)
                loss = gan.hinge(on_real, on_fake)
            found = tape.gradient(loss, discriminator.trainable_variables)
            self.judge.apply_gradients(zip(found, discriminator.trainable_variables))  # noqa: B905
            with tf.GradientTape() as tape:
                fake = generator([noise[1], wanted], training=True)
                forged = -tf.reduce_mean(judged(fake, wanted))
            found = tape.gradient(forged, generator.trainable_variables)
            self.forger.apply_gradients(zip(found, generator.trainable_variables))  # noqa: B905
            for mean, variable in zip(self.average.variables, generator.variables):  # noqa: B905
                mean.assign(mean * decay + variable * (1.0 - decay))
            return loss, forged, tf.reduce_mean(on_real), tf.reduce_mean(on_fake)

        return step

    def train(self, slices: data.Slices) -> None:
        """All steps that are missing, with a checkpoint and a sheet every `Plan.every`."""
        from tqdm import tqdm

        plan, step = self.plan, self.step()
        first = int(self.done)
        stream = batches(slices, plan, first)
        bar = tqdm(range(first + 1, plan.steps + 1), "GAN", plan.steps, initial=first, disable=None)
        seen, clock = [], [time.perf_counter()]
        for number in bar:
            real, label = next(stream)
            seen.append(self._one(step, number, real, label, slices.labels))
            clock.append(time.perf_counter())
            bar.set_postfix_str(f"real {seen[-1][2]:+.2f}, forged {seen[-1][3]:+.2f}")
            if number % plan.every == 0 or number == plan.steps:
                self._record(number, np.array(seen), np.diff(clock), slices.labels)
                seen, clock = [], [time.perf_counter()]

    def _one(self, step, number: int, real, label, labels: np.ndarray) -> list[float]:
        tf, plan = self.tf, self.plan
        rng = np.random.default_rng((plan.seed, 1, number))
        wanted = rng.choice(labels, plan.batch).astype(np.int32)
        noise = rng.normal(size=(2, plan.batch, self.gan.NOISE)).astype(np.float32)
        self.forger.learning_rate.assign(plan.generator_rate * plan.decline(number))
        self.judge.learning_rate.assign(plan.discriminator_rate * plan.decline(number))
        decay = min(plan.ema, number / (10.0 + number))
        given = (tf.constant(real), tf.constant(label, tf.int32), tf.constant(wanted))
        found = step(*given, tf.constant(noise), tf.constant(decay, tf.float32))
        return [float(value) for value in found]

    def _record(self, number: int, seen: np.ndarray, seconds: np.ndarray, labels) -> None:
        if not np.isfinite(seen).all():
            raise ValueError(f"the GAN left the numbers before step {number}; start it anew")
        names = ("discriminator_loss", "generator_loss", "score_real", "score_fake")
        means = dict(zip(names, seen[-_MEAN_OVER:].mean(0).round(4).tolist(), strict=True))
        entry = {"step": number, **means, "seconds_a_step": round(float(np.median(seconds)), 4)}
        self.history.append({**entry, "seconds": round(float(seconds.sum()), 1)})
        self.done.assign(number)
        write_json(self.out / "history.json", {"rounds": self.history})
        self.manager.save()
        (self.out / "sheets").mkdir(exist_ok=True)
        cv2.imwrite(str(self.out / "sheets" / f"{number:06d}.png"), self._sheet())
        logger.info("%s", json.dumps(self.history[-1]))

    def _sheet(self) -> np.ndarray:
        """The same noise every time, a row for each class."""
        labels = np.repeat(np.arange(len(LABELS)), _SHEET_COLUMNS)
        return sheet(self.draw(labels, (self.plan.seed, 2)), _SHEET_COLUMNS)

    def draw(self, labels: np.ndarray, seed: tuple[int, ...]) -> np.ndarray:
        """Pictures of the averaged generator, (n, size, size) uint8."""
        noise = np.random.default_rng(seed).normal(size=(len(labels), self.gan.NOISE))
        noise, labels = noise.astype(np.float32), labels.astype(np.int32)
        parts = [
            self.average([noise[i : i + 32], labels[i : i + 32]], training=False).numpy()
            for i in range(0, len(labels), 32)
        ]
        return to_bytes(np.concatenate(parts))


def make_stock(out: Path, root: Path, count: int) -> None:
    """Train, then draw `count` pictures with the class shares of the training slices."""
    plan = Plan.from_json(json.loads((out / "plan.json").read_text()))
    backend = start(plan.seed, plan.backend)
    cv2.setNumThreads(1)
    slices = real_slices(root, plan)
    game = Game(out, plan)
    game.train(slices)
    labels = np.repeat(np.arange(len(LABELS)), shares(slices.labels, count))
    pictures = game.draw(labels, (plan.seed, 3))
    stock = io.BytesIO()
    np.savez_compressed(stock, pictures=pictures, labels=labels)
    record = {
        "backend": backend,
        "steps": plan.steps,
        "drawn": count,
        "training_slices": len(slices.labels),
        "generator_parameters": int(game.generator.count_params()),
        "discriminator_parameters": int(game.discriminator.count_params()),
    }
    put_file(out / "stock.npz", stock.getvalue())
    write_json(out / "gan.json", record)


def main(argv: list[str]) -> int:
    """``OUT DATA COUNT``."""
    return worker(lambda: make_stock(Path(argv[0]), Path(argv[1]), int(argv[2])))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
