"""One pass, many readings: a series is prepared once, inferred once, and read by every task."""

from __future__ import annotations

import hashlib
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from appliance.core.errors import BlankImage, InputError
from appliance.core.geometry import View, viewing
from appliance.core.manifest import Manifest
from appliance.core.preprocess import Prepared, prepare, restore
from appliance.core.types import Series
from appliance.core.verdict import SliceReading, mask_probabilities, read_slice

Outputs = Mapping[str, np.ndarray]
InferMany = Callable[[Iterable[np.ndarray]], Iterator[Outputs]]
"""Stream of (1, size, size, 1) float32 arrays to stream of outputs, in order."""


class Cancelled(Exception):
    """The caller no longer wants the answer."""


@dataclass(frozen=True)
class Reading:
    """Everything the one pass said about a series.

    Lists run over the slices of the viewing grid; None stands for a slice without content.

    Attributes
    ----------
    view : View
        From the input's grid to the viewing grid.
    mask_logits : (read slices, side, side) float32
    cams : (read slices, rows, columns, 4) float32
    embeddings : (read slices, features) float32
    rows : tuple of int
        Which slice each of the above belongs to.
    timings_ms : dict
        ``prepare``, ``infer``, and ``interpret``: what was read while others were inferred.
    """

    series: Series
    view: View
    prepared: tuple[Prepared | None, ...]
    slices: tuple[SliceReading | None, ...]
    rows: tuple[int, ...]
    mask_logits: np.ndarray
    cams: np.ndarray
    embeddings: np.ndarray
    timings_ms: dict[str, float] = field(default_factory=dict)
    _outline: dict[int, np.ndarray] = field(default_factory=dict, repr=False, compare=False)
    """That of a picture, which is asked for twice."""

    def outline(self, row: int) -> np.ndarray | None:
        """Mask probabilities of one slice on its own grid, (rows, columns) float32.

        None where nothing was read, or nothing may be drawn.
        """
        found, prepared = self.slices[row], self.prepared[row]
        if found is None or prepared is None or not found.drawn:
            return None
        if row in self._outline:
            return self._outline[row]
        plane = restore(mask_probabilities(self.mask_logits[self.rows.index(row)]), prepared)
        if len(self.slices) == 1:
            self._outline[row] = plane
        return plane


def read(
    series: Series,
    infer_many: InferMany,
    manifest: Manifest,
    progress: Callable[[float], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Reading:
    """Prepare and infer a series slice by slice; the runtime overlaps the two.

    Raises
    ------
    BlankImage, GeometryError
        When no slice has content.
    Cancelled
        When `cancelled` answered True.
    """
    view = viewing(series.volume)
    volume = view.apply(series.volume.array)
    count = len(volume)
    prepared: list[Prepared | None] = [None] * count
    spent = 0.0
    problem: InputError | None = None
    rows: list[int] = []

    def arrays() -> Iterator[np.ndarray]:
        nonlocal spent, problem
        for index in range(count):
            if cancelled is not None and cancelled():
                raise Cancelled
            started = time.perf_counter()
            try:
                item = prepare(np.ascontiguousarray(volume[index]), manifest.preprocessing)
            except BlankImage as error:
                problem = error
                item = None
            spent += time.perf_counter() - started
            if item is None:
                continue
            prepared[index] = item
            rows.append(index)
            yield item.array[None]

    started = time.perf_counter()
    outputs: list[Outputs] = []
    slices: list[SliceReading | None] = [None] * count
    reading = 0.0
    for result in infer_many(arrays()):
        row, before = rows[len(outputs)], time.perf_counter()
        outputs.append(result)
        slices[row] = read_slice(result["logits"][0], result["mask"][0, ..., 0], manifest.verdict)
        reading += time.perf_counter() - before
        if progress is not None:
            progress(row / count)
    elapsed = time.perf_counter() - started
    if not outputs:
        raise problem or BlankImage("the series has no slice with content")
    return Reading(
        series,
        view,
        tuple(prepared),
        tuple(slices),
        tuple(rows),
        np.stack([o["mask"][0, ..., 0] for o in outputs]),
        np.stack([o["cam"][0] for o in outputs]),
        np.stack([o["embedding"][0] for o in outputs]),
        {
            "prepare": spent * 1e3,
            "infer": (elapsed - spent - reading) * 1e3,
            "interpret": reading * 1e3,
        },
    )


def remembered(infer_many: InferMany) -> InferMany:
    """The same network, but an array it has answered before is answered from memory.

    The check for suitable input and the task behind it each read the series; with this it still
    passes the network once. The memory lives as long as the callable: one task.
    """
    memory: dict[bytes, Outputs] = {}

    def call(arrays: Iterable[np.ndarray]) -> Iterator[Outputs]:
        waiting: deque[tuple[bytes, bool]] = deque()

        def missing() -> Iterator[np.ndarray]:
            for array in arrays:
                key = hashlib.blake2b(array.tobytes(), digest_size=16).digest()
                waiting.append((key, key in memory))
                if key not in memory:
                    yield array

        for outputs in infer_many(missing()):
            while waiting[0][1]:
                yield memory[waiting.popleft()[0]]
            memory[waiting.popleft()[0]] = outputs
            yield outputs
        for key, _ in waiting:
            yield memory[key]

    return call


def reasons_in_words(reasons: Sequence[str]) -> tuple[str, ...]:
    """Why a verdict is uncertain, as sentences for a person."""
    words = {
        "classifier_only": "The classifier sees a tumour; the outline is too faint to confirm it.",
        "mask_only": "An outline stands out, but the classifier sees no tumour.",
        "set_holds_both": "A tumour and no tumour both remain possible.",
        "single_slice": "A lesion appears on one slice only, without support from its neighbours.",
        "uncertain_slices": "A lesion was outlined on neighbouring slices that are all uncertain.",
    }
    return tuple(words.get(reason, reason) for reason in reasons)
