"""Generated healthy heads beside the real ones: T1 with contrast, no tumour, many scanners.

Most real slices without tumour were taken without contrast medium and all come from other
scanners than the tumours. A generated head has vessels, mucosa and glands that shine as after
contrast, and nothing else that could be taken for a tumour. Tumours of real slices are painted
into it as into any healthy slice.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from tqdm import tqdm

from appliance.core.preprocess import Preprocessing, prepare
from appliance.core.types import LABELS
from appliance.phantom import Paint, make_person, slice_of
from training.data import Case, Slices

SOURCE = "generated heads"
_PER_PERSON = 4
# Offsets along the slice normal, mm: all that a series of the whole head shows.
_RANGE_MM = {"axial": (-72.0, 72.0), "coronal": (-75.0, 85.0), "sagittal": (-65.0, 65.0)}
_SEEDS_FROM = 100_000  # far from the seeds of samples and tests


def random_paint(rng: np.random.Generator) -> Paint:
    """A scanner's and a person's look, from no contrast medium at all to a strong one."""
    medium = rng.uniform(0.0, 1.2)

    def between(low: float, high: float) -> float:
        return float(rng.uniform(low, high))

    grey = between(0.7, 0.97)
    return Paint.of(
        "t1c",
        csf=between(0.2, 0.5),
        grey=grey,
        fat=between(1.5, 2.6),
        muscle=between(0.6, 1.05),
        marrow=between(0.8, 1.6),
        skin=between(1.1, 1.9),
        mucosa=0.9 + medium * between(0.4, 1.0),
        dura=0.5 + 0.75 * medium * between(0.5, 1.2),
        vessel=0.6 + 1.3 * medium * between(0.6, 1.1),
        choroid=grey + 0.8 * medium * between(0.4, 1.1),
        gland=grey + 0.8 * medium * between(0.4, 1.1),
        csf_mm=between(1.2, 3.0),
        skull_mm=between(4.5, 7.5),
        scalp_mm=between(3.5, 8.0),
        texture=between(0.02, 0.08),
        sharpen=between(0.4, 1.4),
        warp_mm=between(2.0, 5.0),
        fold_mm=between(0.6, 1.8),
        tilt_deg=8.0,
        resize=0.08,
        bias=between(0.0, 0.4),
        noise=between(0.01, 0.06),
        blur_px=between(0.3, 1.2),
    )


def generated_heads(count: int, spec: Preprocessing, seed: int) -> Slices:
    """Prepared healthy slices of generated people, four slices of each.

    Parameters
    ----------
    count : int
        Number of slices; 0 gives an empty set.
    """
    arrays: list[np.ndarray] = []
    cases: list[Case] = []
    bar = tqdm(total=count, desc=SOURCE, disable=None)
    for number in range((count + _PER_PERSON - 1) // _PER_PERSON):
        rng = np.random.default_rng((seed, number))
        person = make_person("none", _SEEDS_FROM + number, random_paint(rng))
        for _ in range(min(_PER_PERSON, count - len(arrays))):
            plane = str(rng.choice(list(_RANGE_MM), p=(0.5, 0.25, 0.25)))
            offset = float(rng.uniform(*_RANGE_MM[plane]))
            size = int(rng.integers(200, 420))
            found = slice_of(person, plane, offset, size, 240.0 / size, float(rng.uniform(1, 6)))
            arrays.append(prepare(found.volume.array[0], spec).array)
            cases.append(
                Case(Path(SOURCE) / f"{number}", None, "no_tumor", 0, f"head-{number}", SOURCE)
            )
            bar.update()
    bar.close()
    side = (len(arrays), spec.size, spec.size)
    return Slices(
        tuple(cases),
        np.stack(arrays) if arrays else np.zeros((*side, 1), np.float32),
        np.zeros(side, np.uint8),
        np.full(len(arrays), LABELS.index("no_tumor"), np.int64),
    )
