"""Lesions read in one image, carried onto another one of the same head and measured there.

An MR's lesions on its registered CT, say: in the CT's pixels and millimetres. The CT itself is read
by no network.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from appliance import NOTICE, export
from appliance.atomic import put_file
from appliance.core.geometry import viewing
from appliance.core.types import Series, Volume
from appliance.document import input_of
from appliance.followup.exam import Exam, Size, described, sizes, upright
from appliance.followup.pictures import LATER, drawn, fullest
from appliance.pair_cover import shown as as_shown
from appliance.registration.carry import carry
from appliance.registration.register import Registration

SCHEMA = "neuralscan/carried/1"
DOCUMENT, PICTURE = "carried.json", "carried.png"


@dataclass(frozen=True, eq=False)
class Carried:
    """Lesions of MOVING on the grid of FIXED.

    Attributes
    ----------
    labels : Volume
        Lesion numbers of MOVING on FIXED's own grid.
    shown : Series
        FIXED on the grid its sizes were measured on, with `seen` the lesion numbers there.
    found : mapping of int to Size
        In the pixels and millimetres of FIXED; a lesion outside its field of view is missing.
    outside : mapping of int to float
        Share of each lesion that lies outside FIXED.
    """

    labels: Volume
    shown: Series
    seen: np.ndarray
    found: Mapping[int, Size]
    outside: Mapping[int, float]


def carry_lesions(exam: Exam, fixed: Series, registration: Registration) -> Carried:
    """Carry the lesions of an exam, read in MOVING, onto FIXED.

    Raises
    ------
    GeometryError
        When a stack has no millimetres.
    """
    shown = upright(fixed)
    moving = Volume(exam.labels, exam.series.volume.affine)
    seen = carry(moving, shown.volume, registration.matrix, labels=True)
    back = carry(
        Volume(np.ones(shown.volume.shape, np.uint8), shown.volume.affine),
        moving,
        np.linalg.inv(registration.matrix),
        labels=True,
    ).array
    labels = seen
    if shown is not fixed:
        labels = Volume(viewing(fixed.volume).undo(seen.array), fixed.volume.affine)
    outside = {
        number: round(1.0 - float((back[exam.labels == number] > 0).mean()), 4)
        for number in exam.sizes()
    }
    return Carried(labels, shown, seen.array, sizes(seen.array, shown.volume.affine), outside)


def document_of(
    carried: Carried,
    exam: Exam,
    fixed: Series,
    registration: Registration,
    model: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """JSON of schema ``neuralscan/carried/1``.

    Parameters
    ----------
    model : mapping, optional
        The ``model`` part of a report: what read MOVING.
    """
    lesions = []
    for number, share in carried.outside.items():
        size = carried.found.get(number)
        lesions.append(
            {
                "id": number,
                "box": None if size is None else _box(carried.labels.array == number),
                **(dict.fromkeys(_EMPTY) if size is None else described(size)),
                "outside_share": share,
            }
        )
    return {
        "schema": SCHEMA,
        "verdict": exam.verdict,
        "refusal": None if exam.refusal is None else exam.refusal.to_json(),
        "fixed": input_of(fixed),
        "moving": input_of(exam.given),
        "lesions": lesions,
        "registration": registration.to_json(),
        "model": None if model is None else dict(model),
        "notice": NOTICE,
    }


_EMPTY = ("area_px", "area_mm2", "volume_ml", "diameters", "diameters_unit")


def _box(inside: np.ndarray) -> list[int]:
    places = np.argwhere(inside)
    return [*places.min(0).tolist(), *(places.max(0) + 1).tolist()]


def write(
    carried: Carried, document: Mapping[str, Any], fixed: Series, folder: Path
) -> dict[str, Path]:
    """Write ``carried.json``, the mask on FIXED's grid and a picture with the outlines.

    No picture where FIXED is said to hold text that nobody found to blacken.
    """
    flat = export.is_picture(fixed)
    mask = "carried_mask.png" if flat else "carried_mask.nii.gz"
    files = {
        mask: export.mask_png(carried.labels) if flat else export.mask_nifti(fixed, carried.labels),
        DOCUMENT: (json.dumps(document, indent=1, ensure_ascii=False) + "\n").encode(
            "utf-8", "backslashreplace"
        ),
    }
    seen = as_shown(fixed)
    if seen.withheld:
        (folder / PICTURE).unlink(missing_ok=True)
    else:
        volume = upright(seen.series).volume
        files[PICTURE] = drawn(volume, fullest(carried.seen), [(carried.seen, LATER)])
    for name, data in files.items():
        put_file(folder / name, data)
    return {name: folder / name for name in files}
