"""The slices everybody is measured on: a user's data where given, generated heads otherwise."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from appliance import __version__, pictures
from appliance.core.errors import NotFound
from appliance.core.manifest import Manifest
from appliance.core.metrics import dice
from appliance.core.preprocess import Prepared, prepare, restore
from appliance.core.types import LABELS
from appliance.core.verdict import Rule, drawn_planes, read_slice

_KINDS = ("glioma", "meningioma", "pituitary", "none")
_EACH, _HEADS = 6, 2
_MOST_DATA = 400
CALIBRATION = 48


@dataclass(frozen=True)
class Slices:
    """Pictures with truth.

    Attributes
    ----------
    what : str
        For the row: which data, and that phantoms are phantoms.
    pictures, masks : tuple of (rows, columns) arrays
    labels : tuple of int
        Into `LABELS`.
    digest : str
        Of pictures and truth.
    """

    what: str
    pictures: tuple[np.ndarray, ...]
    masks: tuple[np.ndarray, ...]
    labels: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.pictures)

    @property
    def digest(self) -> str:
        total = hashlib.sha256(self.what.encode())
        for picture, mask in zip(self.pictures, self.masks, strict=True):
            total.update(picture.tobytes() + np.packbits(mask > 0).tobytes())
        return total.hexdigest()[:16]

    def prepared(self, manifest: Manifest) -> list[Prepared]:
        """Every picture through the appliance's own `prepare`."""
        return [prepare(picture, manifest.preprocessing) for picture in self.pictures]

    def chosen(self, indices: list[int]) -> Slices:
        """Some of them."""
        return Slices(
            self.what,
            tuple(self.pictures[i] for i in indices),
            tuple(self.masks[i] for i in indices),
            tuple(self.labels[i] for i in indices),
        )


def phantoms(
    cache: Path, first_seed: int = 100, step: Callable[[float], None] = lambda share: None
) -> Slices:
    """Generated heads of every kind, kept under the cache folder once made.

    Parameters
    ----------
    step : callable
        Told the share of the heads that are made, before each; it may raise to end the work.
    """
    path = cache / f"phantoms-{__version__}-{first_seed}-{_EACH}-{_HEADS}.npz"
    if not path.is_file():
        found = list(_scanned(first_seed, step))
        cache.mkdir(parents=True, exist_ok=True)
        draft = path.with_suffix(".part.npz")
        np.savez_compressed(
            draft,
            pictures=np.stack([one[0] for one in found]),
            masks=np.stack([one[1] for one in found]),
            labels=np.array([one[2] for one in found]),
        )
        draft.replace(path)
    with np.load(path, allow_pickle=False) as archive:
        kept = {name: archive[name] for name in archive.files}
    return Slices(
        f"{len(kept['labels'])} slices of generated heads (phantoms)",
        tuple(kept["pictures"]),
        tuple(kept["masks"]),
        tuple(int(label) for label in kept["labels"]),
    )


def _scanned(
    first_seed: int, step: Callable[[float], None]
) -> Iterator[tuple[np.ndarray, np.ndarray, int]]:
    from appliance.phantom.scan import make

    heads = [(kind, first_seed + k) for k in range(_HEADS) for kind in _KINDS]
    for number, (kind, seed) in enumerate(
        tqdm(heads, desc="generating heads", disable=None, leave=False)
    ):
        step(number / len(heads))
        head = make(kind, seed)
        area = (head.truth.array > 0).sum((1, 2))
        middle = len(area) // 2
        chosen = (
            np.arange(middle - _EACH // 2, middle + _EACH - _EACH // 2)
            if kind == "none"
            else np.argsort(area)[::-1][:_EACH]
        )
        label = LABELS.index("no_tumor" if kind == "none" else kind)
        for index in sorted(int(i) for i in chosen):
            if kind == "none" or area[index] > 0:
                yield head.volume.array[index], head.truth.array[index] > 0, label


def from_data(root: Path, manifest: Manifest, trained: bool = False) -> Slices:
    """Slices the network was not trained on, or (``trained``) some that it was, of a data root.

    Raises
    ------
    NotFound
        When the folder has no such slices.
    """
    rows = list(_listed(root))
    folds = set(manifest.document["provenance"].get("trained_on_folds", []))
    if trained:
        chosen, what = [row for row in rows if row[3] in folds], "training slices"
    else:
        chosen = [row for row in rows if row[3] and row[3] not in folds]
        what = f"folds {sorted({row[3] for row in chosen})} of --data, not trained on"
        if not chosen:
            chosen, what = [row for row in rows if not row[3]], "other sources of --data"
    if not chosen:
        raise NotFound(f"expected figshare/labels.csv and no_tumor.csv with images under {root}")
    step = max(len(chosen) // (CALIBRATION if trained else _MOST_DATA), 1)
    chosen = chosen[::step]
    images, masks = [], []
    for image, mask, _, _ in tqdm(chosen, desc="reading slices", disable=None, leave=False):
        images.append(pictures.read(image.read_bytes())[0][0])
        truth = None if mask is None else pictures.read(mask.read_bytes())[0][0] > 0
        masks.append(np.zeros(images[-1].shape, bool) if truth is None else truth)
    labels = tuple(LABELS.index(row[2]) for row in chosen)
    return Slices(f"{len(chosen)} slices, {what}", tuple(images), tuple(masks), labels)


def _listed(root: Path) -> Iterator[tuple[Path, Path | None, str, int]]:
    """Image, mask, label and fold (0 for other sources)."""
    for table in ("figshare/labels.csv", "other_sources/labels.csv", "no_tumor.csv"):
        path = root / table
        if not path.is_file():
            continue
        with path.open(newline="", encoding="utf-8") as stream:
            for row in csv.DictReader(stream):
                mask = path.parent / row["mask"] if row.get("mask") else None
                label = row.get("label") or "no_tumor"
                yield path.parent / row["image"], mask, label, int(row.get("fold") or 0)


@dataclass(frozen=True)
class Score:
    """What a network's outputs are worth.

    Attributes
    ----------
    accuracy : float
        Share of right labels, by the package's rule.
    dice : float
        Mean over slices with tumour, on the input's grid.
    labels : tuple of int
    """

    accuracy: float
    dice: float
    labels: tuple[int, ...]


def score(
    slices: Slices, prepared: list[Prepared], logits: np.ndarray, mask: np.ndarray, rule: Rule
) -> Score:
    """Outputs against the truth, read by the rule that serving uses.

    Parameters
    ----------
    logits : (n, 4), mask : (n, side, side, 1) float32
    """
    planes = mask[..., 0]
    readings = [read_slice(row, plane, rule) for row, plane in zip(logits, planes, strict=True)]
    labels = tuple(LABELS.index(reading.label) for reading in readings)
    drawn = drawn_planes(planes, readings)
    overlaps = [
        dice(restore(plane, item) > rule.pixel_threshold, truth)
        for plane, item, truth in zip(drawn, prepared, slices.masks, strict=True)
        if truth.any()
    ]
    right = float(np.mean(np.array(labels) == np.array(slices.labels)))
    return Score(right, float(np.mean(overlaps)) if overlaps else float("nan"), labels)
