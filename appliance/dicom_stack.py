"""DICOM frames to stacks: grouped, put in order along the normal, with a true affine.

The order never comes from file names. The affine follows the positions in the header, so a gantry
tilt stays the shear it is.

References
----------
DICOM PS3.3 C.7.6.2.1.1 (position and orientation).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from appliance.core.errors import GeometryError
from appliance.core.geometry import checked, plane_of, viewing
from appliance.core.types import Refusal, Series, Source, Volume
from appliance.dicom_frame import Frame

_SAME_PLACE_MM = 0.01
_UNEVEN = 0.2
"""How far a distance between slices may be from a multiple of the usual one, as a share of it."""
_UID = re.compile(r"[0-9][0-9.]{0,63}")


def uid_from(text: str) -> str:
    """A DICOM UID derived from a text (PS3.5 B.2), always the same for the same text.

    Examples
    --------
    >>> uid_from("a") == uid_from("a"), len(uid_from("a")) <= 64, uid_from("a")[:5]
    (True, True, '2.25.')
    """
    return f"2.25.{int.from_bytes(hashlib.sha256(text.encode()).digest()[:16], 'big')}"


def valid_uid(value: object, otherwise: str) -> str:
    """The UID, or one derived from ``otherwise`` when it is none.

    Examples
    --------
    >>> valid_uid("1.2.3", "x"), valid_uid("../etc", "x") == uid_from("x")
    ('1.2.3', True)
    """
    text = str(value or "")
    return text if _UID.fullmatch(text) else uid_from(otherwise)


def assemble(frames: Sequence[Frame], name: str) -> tuple[list[Series], list[Refusal]]:
    """Series of one upload, in the order of series number.

    Parameters
    ----------
    name : str
        Display name of the file, folder or archive.

    Returns
    -------
    series : list of Series
    refusals : list of Refusal
        Stacks whose geometry contradicts itself.
    """
    groups = _grouped(frames)
    scouts = [g for g in groups if g[0].header.localizer]
    dropped = ()
    if scouts and len(scouts) < len(groups):
        groups = [g for g in groups if not g[0].header.localizer]
        dropped = (f"{sum(map(len, scouts))} localizer images were left out.",)
    stacks = [
        (stack, (*notes, *dropped)) for group in groups for stack, notes in _without_repeats(group)
    ]
    series, refusals, taken = [], [], {}
    for stack, notes in stacks:
        header = stack[0].header
        uid = header.series_instance_uid
        taken[uid] = taken.get(uid, 0) + 1
        if taken[uid] > 1:
            header = replace(header, series_instance_uid=uid_from(f"{uid}#{taken[uid]}"))
        shown = name
        if len(stacks) > 1:
            number = "" if header.series_number is None else f" series {header.series_number}"
            part = f" part {taken[uid]}" if taken[uid] > 1 else ""
            shown = f"{name}{number}{part}"
        digests = sorted({frame.sha256 for frame in stack})
        digest = digests[0]
        if len(digests) > 1:
            digest = hashlib.sha256("".join(digests).encode()).hexdigest()
        try:
            volume, assumed = _volume(stack)
            plane = plane_of(viewing(volume).apply_volume(volume).affine)
        except GeometryError as error:
            kinds = (header.modality, header.sequence)
            refusals.append(Refusal(error.code, error.message, shown, digest, "dicom", *kinds))
            continue
        series.append(
            Series(
                volume=volume,
                kind="dicom",
                name=shown,
                sha256=digest,
                modality=header.modality,
                sequence=header.sequence,
                plane=plane,
                series_instance_uid=header.series_instance_uid,
                study_instance_uid=header.study_instance_uid,
                warnings=tuple(dict.fromkeys((*header.notes, *assumed, *notes))),
                window=header.window,
                source=_source(stack),
            )
        )
    return series, refusals


def _source(stack: list[Frame]) -> Source | None:
    """The images of a stack, slice by slice; None where their files say too little."""
    origin = stack[0].header.origin
    if origin is None:
        return None
    placed = all(map(_placed, stack))
    return replace(
        origin,
        instances=tuple(frame.instance for frame in stack),
        positions=tuple(tuple(map(float, f.position)) for f in stack) if placed else None,
        thickness_mm=stack[0].thickness,
        multi_frame=stack[0].instance[1] > 0,
    )


def _grouped(frames: Iterable[Frame]) -> list[list[Frame]]:
    """Frames that may lie in one stack: one series, shape, kind, orientation and spacing."""
    groups: dict[tuple, list[list[Frame]]] = {}
    for frame in frames:
        header = frame.header
        key = (
            header.study_instance_uid,
            header.series_instance_uid,
            header.localizer,
            frame.array.shape,
            frame.kind,
            frame.position is None or frame.orientation is None,
        )
        alike = groups.setdefault(key, [])
        for group in alike:
            if _parallel(group[0], frame):
                group.append(frame)
                break
        else:
            alike.append([frame])
    found = [group for alike in groups.values() for group in alike]
    numbers = [group[0].header.series_number for group in found]
    order = sorted(
        range(len(found)), key=lambda i: (numbers[i] is None, numbers[i] or 0, found[i][0].kind, i)
    )
    return [found[i] for i in order]


def _parallel(one: Frame, other: Frame) -> bool:
    if (one.spacing is None) != (other.spacing is None):
        return False
    if one.spacing and not np.allclose(one.spacing, other.spacing, rtol=1e-2):
        return False
    if one.orientation is None or other.orientation is None:
        return one.orientation is other.orientation
    return bool(np.allclose(one.orientation, other.orientation, atol=1e-2))


def _placed(frame: Frame) -> bool:
    return frame.position is not None and frame.orientation is not None


def _axis(frame: Frame) -> np.ndarray:
    """Unit normal, pointing to Superior, Posterior or Left, whichever it is closest to."""
    row, column = frame.orientation[:3], frame.orientation[3:]
    lengths = np.linalg.norm(row), np.linalg.norm(column)
    if not (np.allclose(lengths, 1.0, atol=1e-2) and abs(row @ column) < 1e-2):
        raise GeometryError(
            "expected an image orientation of two unit vectors at right angles, found "
            f"{np.round(frame.orientation, 3).tolist()}; export the series again"
        )
    n = np.cross(row, column)
    n /= np.linalg.norm(n)
    return n if n[np.argmax(np.abs(n))] > 0 else -n


def _without_repeats(group: list[Frame]) -> list[tuple[list[Frame], tuple[str, ...]]]:
    """Stacks with one frame a place: copies dropped, time points or phases set apart."""
    if not _placed(group[0]):
        group = sorted(group, key=lambda f: f.order)
        kept = list({(f.sha256, f.order): f for f in group}.values())
        return [(kept, _copies(len(group) - len(kept)))]
    try:
        axis = _axis(group[0])
    except GeometryError:
        return [(group, ())]
    places: list[list[Frame]] = []
    last = -np.inf
    for frame in sorted(group, key=lambda f: (float(f.position @ axis), f.order)):
        at = float(frame.position @ axis)
        if at - last > _SAME_PLACE_MM:
            places.append([])
            last = at
        if not any(np.array_equal(frame.array, other.array) for other in places[-1]):
            places[-1].append(frame)
    copies = _copies(len(group) - sum(map(len, places)))
    deepest = max(map(len, places))
    if deepest == 1:
        return [([place[0] for place in places], copies)]
    note = f"The series holds {deepest} images at the same place; they were set apart."
    for place in places:
        place.sort(key=lambda f: f.order)
    return [
        ([place[n] for place in places if len(place) > n], (*copies, note)) for n in range(deepest)
    ]


def _copies(count: int) -> tuple[str, ...]:
    return (f"{count} copies of images were left out.",) if count > 0 else ()


def _volume(stack: list[Frame]) -> tuple[Volume, list[str]]:
    """Pixels and affine of one stack, and what had to be assumed."""
    array = np.stack([frame.array for frame in stack])
    if array.dtype not in (np.uint8, np.uint16, np.int16):
        array = array.astype(np.float32)
    first = stack[0]
    if not _placed(first):
        order = "" if len(stack) == 1 else " Slices follow the instance numbers."
        return Volume(array), [f"The header gives no position: nothing in millimetres.{order}"]
    axis = _axis(first)
    if first.spacing is None:
        return Volume(array), ["The header gives no pixel spacing: nothing in millimetres."]
    if not all(np.isfinite(v) and v > 0 for v in first.spacing):
        raise GeometryError(
            f"expected a pixel spacing above zero, found {first.spacing}; export the series again"
        )
    step, notes = _step(stack, axis)
    affine = np.eye(4)
    affine[:3, 0] = step
    affine[:3, 1] = first.orientation[3:] * first.spacing[0]
    affine[:3, 2] = first.orientation[:3] * first.spacing[1]
    affine[:3, 3] = first.position
    return Volume(array, checked(affine + 0.0)), notes


def _step(stack: list[Frame], axis: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """The vector from a slice to the next one, LPS mm."""
    first = stack[0]
    if len(stack) == 1:
        if first.thickness:
            return axis * first.thickness, []
        return axis * 1.0, ["The header gives no slice thickness: volumes assume 1 mm."]
    positions = np.array([frame.position for frame in stack])
    gaps = np.diff(positions @ axis)
    median = float(np.median(gaps))
    whole = positions[-1] - positions[0]
    along = float(whole @ axis)
    step = whole / along * median
    notes = []
    tilt = float(np.degrees(np.arccos(min(1.0, along / np.linalg.norm(whole)))))
    if tilt > 45:
        raise GeometryError(
            f"expected slices behind each other, found a stack slanting by {tilt:.0f} degrees; "
            "export the series again"
        )
    shares = gaps / median
    if np.abs(shares - np.rint(shares)).max() > _UNEVEN:
        slanted = f", and a gantry tilt of {tilt:.1f} degrees" if tilt > 0.5 else ""
        raise GeometryError(
            f"expected slices at even distances, found {gaps.min():.2f} to {gaps.max():.2f} mm"
            f"{slanted}; no grid fits them: export the parts as series of their own, or reformat "
            "the series to even slices"
        )
    if tilt > 0.5:
        notes.append(f"Gantry tilt of {tilt:.1f} degrees: the stack is slanted.")
    if np.abs(gaps - median).max() > max(0.01 * median, 0.02):
        notes.append(
            f"Slices are unevenly spaced ({gaps.min():.2f} to {gaps.max():.2f} mm); "
            f"{median:.2f} mm is assumed throughout, volumes are approximate."
        )
    wide = np.flatnonzero(gaps > 1.5 * median)
    if wide.size:
        listed = ", ".join(f"{i} and {i + 1}" for i in wide[:8]) + (" ..." if len(wide) > 8 else "")
        missing = int(np.rint(gaps[wide] / median - 1).clip(1).sum())
        notes.append(f"About {missing} slices are missing, between slices {listed}.")
    return step, notes
