"""How cost grows as work grows, one axis at a time: ``python -m benchmarks scaling``.

Each point is a contender in a process of its own, and all points take turns, as in `session`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2

from benchmarks.inputs import Inputs
from benchmarks.plan import Contender, Preset
from benchmarks.results import MEASURED, Row

PRESET = Preset("scaling", ("single-stream", "offline"), 6, 1.0)
BATCHES = (1, 2, 4, 8, 16)
SIDES = (128, 256, 512, 1024, 2048)
CLIENTS = (1, 2, 4, 8, 16)
DEPTHS = (7, 14, 28, 56)
STUDIES = (10, 100, 1000)
LABELS = {
    "threads": "threads of one call",
    "streams": "streams",
    "batch": "slices in a batch",
    "side": "pixels along a side of the picture",
    "clients": "HTTP clients",
    "slices": "slices in a volume",
    "studies": "studies in the store",
}
AXES = tuple(LABELS)


def _doubling(most: int) -> list[int]:
    """1, 2, 4, ... and the last.

    >>> _doubling(6)
    [1, 2, 4, 6]
    """
    return sorted({2**k for k in range(int(math.log2(most)) + 1)} | {most})


def _network(axis: str, value: int, scenario: str, **settings: int) -> Contender:
    return Contender(
        "infer", "openvino", "INT8", "scaling", "scaling_peer", "", "ir/INT8",
        tuple(settings.items()), (scenario,), scale=(axis, value),
    )  # fmt: skip


def _whole(axis: str, value: int, target: str, scenario: str, **settings: object) -> Contender:
    return Contender(
        target, "openvino", "INT8", "scaling", "appliance_peer", "", "ir/INT8",
        (("kind", target), *settings.items()), (scenario,), scale=(axis, value),
    )  # fmt: skip


def _picture(source: Path, side: int) -> str:
    """The same slice with more or fewer pixels, beside the original."""
    path = source.with_name(f"{source.stem}-side-{side}.png")
    if not path.is_file():
        image = cv2.imread(str(source), cv2.IMREAD_GRAYSCALE)
        how = cv2.INTER_AREA if side < image.shape[0] else cv2.INTER_CUBIC
        draft = path.with_suffix(".part.png")
        cv2.imwrite(str(draft), cv2.resize(image, (side, side), interpolation=how))
        draft.replace(path)
    return str(path)


def _volume(folder: Path, depth: int) -> str:
    """A DICOM series of a generated head, thinner slices where there are more."""
    from appliance.phantom.samples import DICOM_SHAPE, DICOM_SPACING_MM, generate

    path = folder / f"volume-{depth}.zip"
    if not path.is_file():
        _, rows, columns = DICOM_SHAPE
        step, *pixel = DICOM_SPACING_MM
        spacing = (step * DICOM_SHAPE[0] / depth, *pixel)
        generate(path, "dicom", "meningioma", 4, shape=(depth, rows, columns), spacing_mm=spacing)
    return str(path)


def contenders(axes: Sequence[str], inputs: Inputs, cores: int) -> list[Contender]:
    """The points of the axes asked for.

    Parameters
    ----------
    cores : int
        Threads and streams go up to so many.
    """
    volumes = inputs.volume.parent
    made: dict[str, Callable[[], list[Contender]]] = {
        "threads": lambda: [
            _network("threads", n, "single-stream", threads=n) for n in _doubling(cores)
        ],
        "streams": lambda: [
            _network("streams", n, "offline", streams=n, threads=cores)
            for n in _doubling(2 * cores)
        ],
        "batch": lambda: [_network("batch", n, "offline", batch=n) for n in BATCHES],
        "side": lambda: [
            _whole("side", n, "report", "single-stream", files=[_picture(inputs.pictures[0], n)])
            for n in SIDES
        ],
        "clients": lambda: [
            _whole("clients", n, "http", "offline", threads=n,
                   files=[str(path) for path in inputs.pictures])
            for n in CLIENTS
        ],
        "slices": lambda: [
            _whole("slices", n, "dicom", "single-stream", files=[_volume(volumes, n)], slices=n)
            for n in DEPTHS
        ],
        "studies": lambda: [
            Contender("store", "sqlite", "–", "scaling", "store_peer", settings=(("studies", n),),
                      own=("list", "open", "add"), share=0.5, scale=("studies", n))
            for n in STUDIES
        ],
    }  # fmt: skip
    return [point for axis in AXES if axis in axes for point in made[axis]()]


def curves(rows: Sequence[Row]) -> dict[tuple[str, str, str], list[Row]]:
    """Measured rows by axis, target and scenario, each in the order of the axis."""
    found: dict[tuple[str, str, str], list[Row]] = {}
    for row in rows:
        if row.scale and row.status == MEASURED:
            found.setdefault((row.scale["axis"], row.target, row.scenario), []).append(row)
    return {
        key: sorted(found[key], key=lambda row: row.scale["value"])
        for key in sorted(found, key=lambda key: AXES.index(key[0]))
    }


def exponent(curve: Sequence[Row]) -> float | None:
    """k where a call's median grows as value to the power k: least squares of logarithms.

    None with fewer than three points.
    """
    import numpy as np

    if len(curve) < 3:
        return None
    x = np.log([row.scale["value"] for row in curve])
    y = np.log([row.p50_ms for row in curve])
    return float(np.polyfit(x, y, 1)[0])
