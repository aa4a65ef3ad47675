"""Looks for copies of patients among the generated pictures, drops them, writes the rest.

A step of ``python -m training synthesize``, without TensorFlow::

    python -m training.synthesize_check OUT DATA COUNT

compares each picture of ``OUT/stock.npz`` with all training slices, in pixels and in the embedding
of the shipped network. How close is too close is read off real slices of other people: the
held-out fold. Writes ``OUT/data/synthetic/``, ``OUT/check.json``, ``OUT/check.npz`` and
``OUT/samples.png``.
"""

from __future__ import annotations

import hashlib
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from appliance import runtime  # noqa: F401  isort: skip (oneDAL before OpenVINO)
from appliance.core.intensity import from_unit
from appliance.core.types import LABELS
from appliance.registry import find_package
from appliance.runtime import Network
from training import data
from training.gan_plan import Plan, shares, sheet, to_bytes
from training.neighbours import Components, equal_frechet, nearest_either_way, nearest_in_group
from training.processes import worker, write_json
from training.synthetic import write_set

COPY_SHARE = 0.02
"""Real slices of other people are closer to a training slice than the limit this often."""
SPACES = ("pixels", "embedding")
_PIXEL_SIDE = 64
_PAIRS = 12


@dataclass(frozen=True)
class Set:
    """Pictures (n, size, size) uint8 with labels, and what two spaces make of them.

    Attributes
    ----------
    points, mirrored : mapping of space to (n, features) float32
    logits : (n, 4) float32
    """

    pictures: np.ndarray
    labels: np.ndarray
    points: dict[str, np.ndarray]
    mirrored: dict[str, np.ndarray]
    logits: np.ndarray

    def part(self, chosen: np.ndarray) -> Set:
        """Some of them."""
        return Set(
            self.pictures[chosen],
            self.labels[chosen],
            {space: rows[chosen] for space, rows in self.points.items()},
            {space: rows[chosen] for space, rows in self.mirrored.items()},
            self.logits[chosen],
        )


class Eye:
    """The shipped network as a judge of likeness; sees all pictures at the generated size."""

    def __init__(self) -> None:
        package = find_package()
        self.manifest = package.manifest
        outputs = {name: self.manifest.outputs[name] for name in ("logits", "embedding")}
        self.network = Network(package.network("FP16"), outputs, device="CPU", hint="THROUGHPUT")
        self.components: Components | None = None

    def name(self) -> dict[str, Any]:
        """Which package it is, and what it was trained on."""
        return {
            "package": self.manifest.name,
            "version": self.manifest.version,
            "trained_on_folds": self.manifest.document["provenance"].get("trained_on_folds"),
        }

    def look(self, pictures: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Logits and raw embeddings of (n, size, size) uint8."""
        side = self.manifest.preprocessing.size

        def arrays():
            for picture in pictures:
                large = cv2.resize(picture, (side, side), interpolation=cv2.INTER_LINEAR)
                yield from_unit(large.astype(np.float32) / 255.0)[None, ..., None]

        found = list(self.network.infer_many(arrays()))
        return tuple(np.concatenate([one[key] for one in found]) for key in ("logits", "embedding"))

    def set(self, pictures: np.ndarray, labels: np.ndarray) -> Set:
        """Both spaces of some pictures; the first call fits the components on them."""
        flipped = np.ascontiguousarray(pictures[:, :, ::-1])
        (logits, straight), (_, turned) = self.look(pictures), self.look(flipped)
        if self.components is None:
            self.components = Components(straight)
        return Set(
            pictures,
            labels,
            {"pixels": _pixels(pictures), "embedding": self.components(straight)},
            {"pixels": _pixels(flipped), "embedding": self.components(turned)},
            logits,
        )


def _pixels(pictures: np.ndarray) -> np.ndarray:
    """Small pictures as rows, scaled so that a distance is the root mean square difference."""
    side = (_PIXEL_SIDE, _PIXEL_SIDE)
    small = [cv2.resize(p, side, interpolation=cv2.INTER_AREA).ravel() for p in pictures]
    return np.stack(small).astype(np.float32) / (255.0 * _PIXEL_SIDE)


def copy_limits(held_out: Set, distances: np.ndarray) -> np.ndarray:
    """Distance below which a picture of each class counts as a copy, (4,); 0 without reals."""
    limits = np.zeros(len(LABELS))
    for label in range(len(LABELS)):
        own = distances[held_out.labels == label]
        limits[label] = np.quantile(own, COPY_SHARE) if len(own) else 0.0
    return limits


def choose(labels: np.ndarray, copies: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Indices of the first pictures that are no copies, as many of each class as wanted."""
    free = [np.flatnonzero((labels == label) & ~copies) for label in range(len(LABELS))]
    return np.concatenate([own[:count] for own, count in zip(free, wanted, strict=True)])


def _numbers(values: np.ndarray) -> dict[str, float] | None:
    if not len(values):
        return None
    marks = {f"p{q}": float(np.percentile(values, q)) for q in (1, 5, 50, 95)}
    return {"n": len(values), "smallest": float(values.min()), **marks}


@dataclass(frozen=True)
class Closeness:
    """How far each picture of a set is from the training slices, and which one is nearest.

    Attributes
    ----------
    distance, index : mapping of space to (n,)
    """

    distance: dict[str, np.ndarray]
    index: dict[str, np.ndarray]


def closeness(training: Set, other: Set) -> Closeness:
    """Nearest training slice of each picture or its mirror image, in both spaces."""
    distance, index = {}, {}
    for space in SPACES:
        points, mirrored = other.points[space], other.mirrored[space]
        found = nearest_either_way(training.points[space], points, mirrored)
        distance[space], index[space] = found
    return Closeness(distance, index)


def _fits(held_out: Set, training: Set, kept: Set) -> list[dict[str, Any]]:
    """For each class: Fréchet distances, and whether the shipped network reads it as wanted."""
    rows = []
    for label, name in enumerate(LABELS):
        sets = [s.points["embedding"][s.labels == label] for s in (training, held_out, kept)]
        count = min(map(len, sets))
        row: dict[str, Any] = {"class": name, "n": count}
        for key, a, b in (
            ("synthetic_to_held_out", sets[2], sets[1]),
            ("synthetic_to_training", sets[2], sets[0]),
            ("training_to_held_out", sets[0], sets[1]),
        ):
            row[key] = equal_frechet(a, b, count) if count > 1 else None
        for key, one in (("synthetic_read_as_wanted", kept), ("real_read_right", held_out)):
            own = one.logits[one.labels == label].argmax(1)
            row[key] = float((own == label).mean()) if len(own) else None
        rows.append(row)
    return rows


def check(out: Path, root: Path, count: int) -> None:
    """Find copies, keep `count` pictures, write them and what was found."""
    plan = Plan.from_json(json.loads((out / "plan.json").read_text()))
    with np.load(out / "stock.npz", allow_pickle=False) as archive:
        pictures, labels = archive["pictures"], archive["labels"]
    eye = Eye()
    training, held_out, groups = _real(root, plan, eye)
    stock = eye.set(pictures, labels)
    real, made = closeness(training, held_out), closeness(training, stock)
    limits = {space: copy_limits(held_out, real.distance[space]) for space in SPACES}
    near = {space: made.distance[space] < limits[space][labels] for space in SPACES}
    copies = near["pixels"] | near["embedding"]
    kept = choose(labels, copies, shares(training.labels, count))
    chosen = stock.part(kept)
    same_run = {space: nearest_in_group(training.points[space], groups) for space in SPACES}
    write_set(out / "data", chosen.pictures, chosen.labels, plan.seed, kept)
    cv2.imwrite(str(out / "samples.png"), _samples(chosen))
    first = kept[np.argsort((made.distance["pixels"] / limits["pixels"][labels])[kept])[:_PAIRS]]
    nearest_real = training.pictures[made.index["pixels"][first]]
    np.savez_compressed(
        out / "check.npz",
        pairs=np.stack([pictures[first], nearest_real], 1),
        **{f"made_{space}": made.distance[space] for space in SPACES},
        **{f"real_{space}": real.distance[space] for space in SPACES},
        **{f"same_run_{space}": same_run[space] for space in SPACES},
    )
    document = {
        "stock": hashlib.sha256((out / "stock.npz").read_bytes()).hexdigest(),
        "wanted": count,
        "drawn": len(labels),
        "copies": {
            **{space: int(near[space].sum()) for space in SPACES},
            "either": int(copies.sum()),
            "share": float(copies.mean()),
            "share_expected_of_real": COPY_SHARE,
        },
        "kept": len(kept),
        "kept_by_class": np.bincount(labels[kept], minlength=len(LABELS)).tolist(),
        "judge": eye.name(),
        "distances": {
            space: {
                "limit_by_class": dict(zip(LABELS, limits[space].tolist(), strict=True)),
                "same_run_real": _numbers(same_run[space]),
                "held_out_to_training": _numbers(real.distance[space]),
                "synthetic_to_training": _numbers(made.distance[space]),
                "synthetic_to_synthetic": _numbers(
                    nearest_in_group(stock.points[space], ["one"] * len(labels))
                ),
            }
            for space in SPACES
        },
        "classes": _fits(held_out, training, chosen),
    }
    write_json(out / "check.json", document)


def _real(root: Path, plan: Plan, eye: Eye) -> tuple[Set, Set, list[str]]:
    """Training slices, held-out slices, and the groups of the former."""
    cases = data.tumour_cases(root) + data.healthy_cases(root)
    sets = []
    for name, folds, apart in (
        ("training slices", plan.train_folds, plan.held_out_folds),
        ("held-out slices", plan.held_out_folds, plan.train_folds),
    ):
        chosen = data.split(cases, folds, apart_from=apart)
        slices = data.load(chosen, plan.preprocessing, name)
        sets.append((eye.set(to_bytes(slices.arrays), slices.labels), slices.cases))
    return sets[0][0], sets[1][0], [case.group for case in sets[0][1]]


def _samples(chosen: Set, columns: int = 10) -> np.ndarray:
    """The first kept pictures of each class, a row for each."""
    rows = [chosen.pictures[chosen.labels == label][:columns] for label in range(len(LABELS))]
    blank = np.zeros_like(chosen.pictures[:1])
    full = [np.concatenate([row, np.repeat(blank, columns - len(row), 0)]) for row in rows]
    return sheet(np.concatenate(full), columns)


def main(argv: list[str]) -> int:
    """``OUT DATA COUNT``."""
    return worker(lambda: check(Path(argv[0]), Path(argv[1]), int(argv[2])))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
