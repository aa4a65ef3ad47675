"""One pass over every slice: what each analysis needs of it, and nothing that shows a person."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from tqdm import tqdm

from appliance import pictures
from appliance.core.errors import ApplianceError, InputError
from appliance.core.preprocess import Prepared, Preprocessing, prepare, prepare_mask
from training.data import Case
from training.explore.surface import given_features, prepared_features

GRID = 48
"""Side of the grid on the head's bounding box that lesions are counted on."""
SAMPLED = 256
"""Pixels of the head that are sampled of each slice for intensity statistics."""
_AIR = -0.76

InferMany = Callable[[Iterator[np.ndarray]], Iterator[Mapping[str, np.ndarray]]]


@dataclass(frozen=True)
class Slice:
    """What is kept of one slice.

    Attributes
    ----------
    shape : (rows, columns) as given
    head : (height, width) of the head's bounding box, pixels of the slice as given
    lesion_px : int
        Pixels of the mask as given.
    lesion_share : float
        Mask over head, both on the network's grid.
    place : (GRID, GRID) float32 or None
        The mask on the head's bounding box; None without a mask.
    outline : (GRID, GRID) float32
        The head itself on that grid.
    given, sampled : (SAMPLED,) float32
        Grey values of head pixels as given (over the file's full scale) and after `prepare`.
    """

    shape: tuple[int, int]
    head: tuple[int, int]
    lesion_px: int
    lesion_share: float
    place: np.ndarray | None
    outline: np.ndarray
    given: np.ndarray
    sampled: np.ndarray
    surface_given: dict[str, np.ndarray]
    surface_prepared: dict[str, np.ndarray]


@dataclass(frozen=True)
class Collected:
    """Every slice, with the network's embedding of it.

    Attributes
    ----------
    embeddings : (n, features) float32
    """

    cases: tuple[Case, ...]
    slices: tuple[Slice, ...]
    embeddings: np.ndarray

    def column(self, name: str) -> np.ndarray:
        """An attribute of every case as an array of text, or of whole numbers for the fold."""
        return np.array([getattr(case, name) for case in self.cases])


def _box(inside: np.ndarray) -> tuple[slice, slice]:
    rows, columns = np.flatnonzero(inside.any(1)), np.flatnonzero(inside.any(0))
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)


def _on_grid(plane: np.ndarray, box: tuple[slice, slice]) -> np.ndarray:
    part = np.ascontiguousarray(plane[box], np.float32)
    return cv2.resize(part, (GRID, GRID), interpolation=cv2.INTER_AREA)


def _sample(values: np.ndarray, seed: int) -> np.ndarray:
    generator = np.random.default_rng(seed)
    return generator.choice(values, SAMPLED).astype(np.float32)


def study(
    case: Case, number: int, spec: Preprocessing, borrowed: np.ndarray
) -> tuple[Prepared, Slice]:
    """A slice prepared, and what is kept of it.

    Parameters
    ----------
    number : int
        Seeds the choice of pixels.
    borrowed : (size, size) bool
        Place that is left out of the histogram where a slice has no mask of its own.

    Raises
    ------
    InputError
        When the picture cannot be read; the message names it.
    """
    try:
        picture = pictures.read(case.image.read_bytes())[0][0]
        prepared = prepare(picture, spec)
        mask = None if case.mask is None else pictures.read(case.mask.read_bytes())[0][0] > 0
    except InputError as error:
        raise InputError(f"{case.image.name}: {error.message}") from error
    except OSError as error:
        raise InputError(f"{case.image.name} is in the case list but not readable") from error
    array = prepared.array[..., 0]
    inside = array > _AIR
    box = _box(inside)
    soft = None if mask is None else prepare_mask(mask.astype(np.uint8), prepared, spec.size)
    left_out = borrowed if soft is None else soft > 0.1
    scale = prepared.square[2] / spec.size
    full = float(np.iinfo(picture.dtype).max) if picture.dtype.kind == "u" else 1.0
    found = Slice(
        picture.shape,
        (round((box[0].stop - box[0].start) * scale), round((box[1].stop - box[1].start) * scale)),
        0 if mask is None else int(mask.sum()),
        0.0 if soft is None else float(soft.sum() / inside.sum()),
        None if soft is None else _on_grid(soft, box),
        _on_grid(inside, box),
        _sample(_head_pixels(picture, prepared) / full, number),
        _sample(array[inside], number),
        given_features(picture),
        prepared_features(array, left_out),
    )
    return prepared, found


def _head_pixels(picture: np.ndarray, prepared: Prepared) -> np.ndarray:
    """Grey values as given of what is brighter than air in the square that `prepare` cut out."""
    row, column, side = prepared.square
    part = picture[max(row, 0) : row + side, max(column, 0) : column + side].astype(np.float32)
    floor = float(part.min())
    return part[part > floor + 0.12 * (float(np.percentile(part, 99.0)) - floor)]


def masks_to_borrow(cases: Sequence[Case], spec: Preprocessing, count: int = 64) -> np.ndarray:
    """Masks of some tumour slices on the network's grid, (count, size, size) bool."""
    with_mask = [case for case in cases if case.mask is not None and case.fold > 0]
    if not with_mask:
        return np.zeros((1, spec.size, spec.size), bool)
    chosen = np.random.default_rng(0).permutation(len(with_mask))[:count]

    def one(index: int) -> np.ndarray:
        case = with_mask[index]
        prepared = prepare(pictures.read(case.image.read_bytes())[0][0], spec)
        mask = pictures.read(case.mask.read_bytes())[0][0]
        return prepare_mask(mask, prepared, spec.size) > 0.1

    return np.stack([one(int(index)) for index in chosen])


def collect(cases: Sequence[Case], spec: Preprocessing, infer_many: InferMany) -> Collected:
    """Read, prepare and embed every slice, two at a time ahead of the network.

    Parameters
    ----------
    infer_many : callable
        ``Network.infer_many``: the same call as in serving.
    """
    borrowed = masks_to_borrow(cases, spec)
    kept: list[Slice] = []

    def one(number: int) -> tuple[Prepared, Slice]:
        return study(cases[number], number, spec, borrowed[number % len(borrowed)])

    def arrays(pool: ThreadPoolExecutor) -> Iterator[np.ndarray]:
        ahead: list[Any] = []
        for number in range(len(cases)):
            ahead.append(pool.submit(one, number))
            if len(ahead) > 8:
                yield take(ahead.pop(0).result())
        for waiting in ahead:
            yield take(waiting.result())

    def take(pair: tuple[Prepared, Slice]) -> np.ndarray:
        kept.append(pair[1])
        return pair[0].array[None]

    with ThreadPoolExecutor(2) as pool:
        outputs = infer_many(arrays(pool))
        bar = tqdm(outputs, "slices", len(cases), disable=None)
        embeddings = [output["embedding"][0] for output in bar]
    return Collected(tuple(cases), tuple(kept), np.stack(embeddings).astype(np.float32))


def second_masks(cases: Sequence[Case], folder: Path) -> list[tuple[int, np.ndarray, np.ndarray]]:
    """Position, first mask and second mask of every slice that two readers outlined.

    Raises
    ------
    ApplianceError
        When the two masks of a slice differ in size.
    """
    found = []
    listed = [
        (number, case, folder / case.mask.name)
        for number, case in enumerate(cases)
        if case.mask is not None and (folder / case.mask.name).is_file()
    ]
    for number, case, path in tqdm(listed, "readers", disable=None):
        first = pictures.read(case.mask.read_bytes())[0][0] > 0
        second = pictures.read(path.read_bytes())[0][0] > 0
        if first.shape != second.shape:
            raise ApplianceError(f"{path.name}: {second.shape} pixels, expected {first.shape}")
        found.append((number, first, second))
    return found
