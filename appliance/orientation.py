"""Orientation self-test: a lopsided phantom goes in as DICOM, and must come out where it was.

The phantom's grey value grows steadily to the left, the back and the head, each at its own rate,
so that a mirrored, turned or shifted volume cannot go unnoticed; a ball off the centre is the
lesion. It is scanned in three planes, with slices numbered either way, straight and oblique. Each
series is read as any other; then the volume, the upright view, and what is written of the ball
(segmentation, structure set, NIfTI mask) are held against where things were put.
"""

from __future__ import annotations

import gzip
import io
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import nibabel
import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage

from appliance import dicom_rtstruct, dicom_seg, export, ingest
from appliance.core.errors import ApplianceError
from appliance.core.geometry import LPS_FROM_RAS, viewing
from appliance.core.types import REPORT_SCHEMA, Report, Series, Volume
from appliance.dicom_objects import decimals
from appliance.dicom_stack import uid_from
from appliance.outline import area

PLANES = ("axial", "coronal", "sagittal")
ORDERS = ("along", "against")
"""Whether instance numbers grow with the normal of the slices."""

_SHAPE, _SPACING = (24, 44, 40), (3.0, 1.6, 1.8)
_CENTRE = np.array([3.0, -5.0, 7.0])
_BALL, _RADIUS = _CENTRE + (11.0, -17.0, 21.0), 8.0
_RATES = np.array([9.0, 4.0, 2.0])
_BRIGHT = 4000
_AXES = {
    "axial": ((1, 0, 0), (0, 1, 0)),
    "coronal": ((1, 0, 0), (0, 0, -1)),
    "sagittal": ((0, 1, 0), (0, 0, -1)),
}
"""Where columns and rows grow to, LPS."""

_SIDES = {
    "axial": ((2, 1), (1, -1), (0, 1)),
    "coronal": ((1, -1), (2, -1), (0, 1)),
    "sagittal": ((0, 1), (2, -1), (1, -1)),
}
"""For slices, rows and columns of the upright view: the LPS axis they follow, and on which side
of the middle the ball has to lie."""


@dataclass(frozen=True)
class Case:
    """One way to scan the phantom."""

    plane: str
    order: str
    oblique: bool

    def __str__(self) -> str:
        slant = "oblique" if self.oblique else "straight"
        return f"{self.plane}, {slant}, numbered {self.order} the normal"


def cases() -> list[Case]:
    """Every plane, order and slant."""
    return [Case(*way) for way in itertools.product(PLANES, ORDERS, (False, True))]


def orientation_check() -> dict[str, Any]:
    """Run every case.

    Returns
    -------
    dict
        ``cases``: how many; ``good``: whether all came out right; ``worst_mm``: the largest
        distance of a written lesion from the truth; ``failed``: what went wrong, a line each.
    """
    failed, worst = [], 0.0
    for case in cases():
        try:
            distances = examine(case)
        except (ApplianceError, AssertionError, ValueError) as error:
            failed.append(f"{case}: {error}")
            continue
        worst = max(worst, *distances.values())
    return {
        "cases": len(cases()),
        "good": not failed,
        "worst_mm": round(worst, 3),
        "failed": failed,
    }


def text(found: dict[str, Any]) -> str:
    """The outcome of `orientation_check` in one line.

    >>> text({"cases": 12, "good": True, "worst_mm": 0.21, "failed": []})
    '12 of 12 orientations right, lesions within 0.21 mm'
    """
    right = found["cases"] - len(found["failed"])
    line = f"{right} of {found['cases']} orientations right"
    if found["good"]:
        return f"{line}, lesions within {found['worst_mm']:g} mm"
    return f"{line}; wrong: {'; '.join(found['failed'])}"


def examine(case: Case) -> dict[str, float]:
    """One case from files to files.

    Returns
    -------
    dict of str to float
        How far from the truth the ball's centre lies in each object that was written, mm.

    Raises
    ------
    ApplianceError
        When something cannot be read or written.
    ValueError
        When something came out elsewhere; the message says what.
    """
    study = ingest.read_files(list(files(case)))
    if len(study.series) != 1:
        raise ValueError(f"expected one series, found {len(study.series)}")
    (series,) = study.series
    _hold_volume(series)
    labels = (series.volume.array >= _BRIGHT).astype(np.uint8)
    _hold_view(series, labels, case)
    report = _report(Volume(labels, series.volume.affine))
    centres = {
        "segmentation": seg_centre(dicom_seg.to_file(series, report)),
        "structure set": rtstruct_centre(dicom_rtstruct.to_file(series, report)),
        "NIfTI mask": nifti_centre(export.mask_nifti(series, report.label_map)),
    }
    distances = {name: float(np.linalg.norm(at - _BALL)) for name, at in centres.items()}
    for name, distance in distances.items():
        if distance > min(_SPACING):
            raise ValueError(f"the {name} lies {distance:.1f} mm from where the ball is")
    return distances


def files(case: Case) -> Iterator[tuple[str, bytes]]:
    """The phantom as DICOM files, in an order of names that says nothing."""
    columns, rows = (np.array(axis, float) for axis in _AXES[case.plane])
    if case.oblique:
        turn = _turn(12.0, 2) @ _turn(15.0, 0) @ _turn(-9.0, 1)
        columns, rows = turn @ columns, turn @ rows
    slices, height, width = _SHAPE
    normal = np.cross(columns, rows)
    away = normal if case.order == "along" else -normal
    steps = (away * _SPACING[0], rows * _SPACING[1], columns * _SPACING[2])
    corner = _CENTRE - sum(step * (n - 1) / 2 for step, n in zip(steps, _SHAPE, strict=True))
    plane = np.arange(height)[:, None, None] * steps[1] + np.arange(width)[None, :, None] * steps[2]
    for index in range(slices):
        at = corner + index * steps[0]
        data = _dataset(case, index, at, np.concatenate([columns, rows]), plane + at)
        stream = io.BytesIO()
        data.save_as(stream, enforce_file_format=True)
        yield f"{(index * 7) % slices:02d}.dcm", stream.getvalue()


def _dataset(
    case: Case, index: int, at: np.ndarray, orientation: np.ndarray, places: np.ndarray
) -> Dataset:
    """One slice, its pixels computed from where each of them lies."""
    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.SOPClassUID = data.file_meta.MediaStorageSOPClassUID = MRImageStorage
    data.SOPInstanceUID = data.file_meta.MediaStorageSOPInstanceUID = uid_from(f"{case} {index}")
    data.StudyInstanceUID, data.SeriesInstanceUID = uid_from("orientation"), uid_from(f"{case}")
    data.FrameOfReferenceUID, data.Modality = uid_from(f"frame {case}"), "MR"
    data.InstanceNumber, data.SeriesNumber = index + 1, 1
    data.ImagePositionPatient = decimals(at)
    data.ImageOrientationPatient = decimals(orientation)
    data.PixelSpacing, data.SliceThickness = decimals(_SPACING[1:]), decimals(_SPACING[:1])[0]
    pixels = np.rint(values(places))
    pixels[np.linalg.norm(places - _BALL, axis=-1) < _RADIUS] += _BRIGHT
    _, data.Rows, data.Columns = _SHAPE
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    data.BitsAllocated, data.BitsStored, data.HighBit = 16, 16, 15
    data.PixelRepresentation = 0
    data.PixelData = pixels.astype("<u2").tobytes()
    return data


def values(places: np.ndarray) -> np.ndarray:
    """The phantom's grey value at places ``(..., 3)``, LPS mm, the ball left out."""
    return 1000.0 + (places - _CENTRE) @ _RATES


def _turn(degrees: float, axis: int) -> np.ndarray:
    a, b = (i for i in range(3) if i != axis)
    angle, matrix = np.radians(degrees), np.eye(3)
    matrix[[a, b], [a, b]] = np.cos(angle)
    matrix[a, b], matrix[b, a] = -np.sin(angle), np.sin(angle)
    return matrix


def _hold_volume(series: Series) -> None:
    """Every voxel has the value of the place where the affine says it lies."""
    indices = np.indices(series.volume.shape).reshape(3, -1)
    affine = series.volume.affine
    if affine is None:
        raise ValueError("the volume has no geometry")
    places = (affine[:3, :3] @ indices + affine[:3, 3:]).T
    array = series.volume.array.reshape(-1).astype(float)
    array[array >= _BRIGHT] -= _BRIGHT
    worst = np.abs(array - values(places)).max()
    if worst > 0.6:
        raise ValueError(f"voxels lie elsewhere than the affine says (by {worst:.1f} grey values)")


def _hold_view(series: Series, labels: np.ndarray, case: Case) -> None:
    """On the upright view the ball lies on the sides it has to."""
    if series.plane != case.plane:
        raise ValueError(f"the plane was called {series.plane}")
    places = np.argwhere(viewing(series.volume).apply(labels)).mean(axis=0)
    middle = (np.array(viewing(series.volume).view_shape) - 1) / 2
    for at, half, (_, side), name in zip(
        places, middle, _SIDES[case.plane], ("slices", "rows", "columns"), strict=True
    ):
        if (at - half) * side <= 0:
            raise ValueError(f"the view shows the {name} the wrong way round")


def _report(label_map: Volume) -> Report:
    document = {"schema": REPORT_SCHEMA, "verdict": "uncertain", "lesions": [], "model": None}
    return Report(document, label_map)


def seg_centre(data: bytes) -> np.ndarray:
    """Centre of all that a segmentation's frames draw, (3,) LPS mm, from the file alone."""
    found = pydicom.dcmread(io.BytesIO(data))
    shared = found.SharedFunctionalGroupsSequence[0]
    spacing = np.array(shared.PixelMeasuresSequence[0].PixelSpacing, float)
    turned = np.array(shared.PlaneOrientationSequence[0].ImageOrientationPatient, float)
    frames = found.pixel_array.reshape(-1, found.Rows, found.Columns)
    points = []
    for groups, frame in zip(found.PerFrameFunctionalGroupsSequence, frames, strict=True):
        at = np.array(groups.PlanePositionSequence[0].ImagePositionPatient, float)
        rows, columns = np.nonzero(frame)
        points.append(
            at
            + rows[:, None] * turned[3:] * spacing[0]
            + columns[:, None] * turned[:3] * spacing[1]
        )
    return np.concatenate(points).mean(axis=0)


def rtstruct_centre(data: bytes) -> np.ndarray:
    """Centre of all that a structure set outlines, (3,) LPS mm, outlines weighted by area."""
    found = pydicom.dcmread(io.BytesIO(data))
    total, moment = 0.0, np.zeros(3)
    for contour in found.ROIContourSequence[0].ContourSequence:
        points = np.array(contour.ContourData, float).reshape(-1, 3)
        first, along = points[0], points[1] - points[0]
        across = np.cross(np.cross(along, points[2] - points[1]), along)
        basis = np.stack([along / np.linalg.norm(along), across / np.linalg.norm(across)])
        flat = (points - first) @ basis.T
        weight = abs(area(flat))
        total += weight
        moment += weight * (first + _centroid(flat) @ basis)
    return moment / total


def _centroid(polygon: np.ndarray) -> np.ndarray:
    following = np.roll(polygon, -1, axis=0)
    cross = polygon[:, 0] * following[:, 1] - following[:, 0] * polygon[:, 1]
    return ((polygon + following) * cross[:, None]).sum(axis=0) / (3 * cross.sum())


def nifti_centre(data: bytes) -> np.ndarray:
    """Centre of a mask's voxels, (3,) LPS mm, from the file alone."""
    image = nibabel.Nifti1Image.from_bytes(gzip.decompress(data))
    index = np.argwhere(np.asarray(image.dataobj) > 0).mean(axis=0)
    return (LPS_FROM_RAS @ image.affine @ [*index, 1.0])[:3]
