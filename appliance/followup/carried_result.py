"""Carried lesions as the primitives of a result: findings and measurements."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from appliance.core.geometry import viewing
from appliance.core.types import Finding, Measurement, Series
from appliance.followup.carried import Carried
from appliance.followup.pictures import fullest


def findings_of(
    carried: Carried,
    lesions: Sequence[Mapping[str, Any]],
    fixed: Series,
    scores: Mapping[int, float],
) -> tuple[Finding, ...]:
    """The lesions that FIXED shows, in its pixels and millimetres.

    Parameters
    ----------
    lesions : sequence of mapping
        ``lesions`` of the document.
    scores : mapping of int to float
        What the network gave each lesion in MOVING: FIXED was read by none.
    """
    view = viewing(fixed.volume)
    seen = view.apply(carried.labels.array)
    return tuple(
        Finding(
            lesion["id"],
            tuple(lesion["box"]),
            view.apply_box(lesion["box"]),
            scores.get(lesion["id"], 0.0),
            lesion["area_px"],
            lesion["volume_ml"],
            tuple(lesion["diameters"]) if lesion["diameters_unit"] == "mm" else None,
            fullest(seen == lesion["id"]),
        )
        for lesion in lesions
        if lesion["box"] is not None
    )


def measurements_of(lesions: Sequence[Mapping[str, Any]]) -> tuple[Measurement, ...]:
    """Volume or area of each lesion, its diameters, and how much of it FIXED does not show.

    Examples
    --------
    >>> lesion = {"id": 2, "area_px": 40, "area_mm2": None, "volume_ml": None,
    ...           "diameters": [9.0, 5.0], "diameters_unit": "px", "outside_share": 0.25}
    >>> [(m.name, m.value, m.unit) for m in measurements_of([lesion])]
    ... # doctest: +NORMALIZE_WHITESPACE
    [('lesion_2_area', 40.0, 'px'), ('lesion_2_longest', 9.0, 'px'),
     ('lesion_2_across', 5.0, 'px'), ('lesion_2_outside', 25.0, '%')]
    """
    found = []
    for lesion in lesions:
        name, unit = f"lesion_{lesion['id']}", lesion["diameters_unit"]
        if lesion["volume_ml"] is not None:
            found.append(Measurement(f"{name}_volume", lesion["volume_ml"], "ml"))
        elif lesion["area_mm2"] is not None:
            found.append(Measurement(f"{name}_area", lesion["area_mm2"], "mm2"))
        elif lesion["area_px"] is not None:
            found.append(Measurement(f"{name}_area", float(lesion["area_px"]), "px"))
        for what, value in zip(("longest", "across"), lesion["diameters"] or (), strict=False):
            found.append(Measurement(f"{name}_{what}", float(value), unit))
        outside = 100.0 * lesion["outside_share"]
        found.append(Measurement(f"{name}_outside", round(outside, 2), "%"))
    return tuple(found)
