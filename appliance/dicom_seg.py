"""Lesions as a DICOM Segmentation: one segment each, on the slices of the source.

References
----------
DICOM PS3.3 A.51 (segmentation), C.8.20; PS3.16 CID 7150, 7151.
"""

from __future__ import annotations

import highdicom as hd
import numpy as np
from highdicom.seg import SegmentAlgorithmTypeValues, SegmentationTypeValues, SegmentDescription
from pydicom.dataset import Dataset

from appliance import dicom_codes as codes
from appliance.core.types import Report, Series
from appliance.dicom_objects import (
    MANUFACTURER,
    colour_of,
    demand_labels,
    demand_places,
    demand_source,
    described,
    images,
    model_name,
    object_uid,
    parameters,
    plane,
    to_bytes,
)
from appliance.dicom_stack import uid_from


def segmentation(series: Series, report: Report) -> Dataset:
    """The label map as a segmentation object; segment numbers are the report's lesion numbers.

    Raises
    ------
    NotFound
        When the series is not of DICOM images, or nothing was found that could be drawn.
    GeometryError
        When the images have no place in the patient.
    """
    places = demand_places(series)
    labels = demand_labels(series, report)
    drawn = np.flatnonzero([plane.any() for plane in labels])
    orientation, spacing, thickness = plane(series)
    algorithm = hd.AlgorithmIdentificationSequence(
        name=model_name(report),
        family=codes.FAMILY,
        version=str((report.document.get("model") or {}).get("version", "unknown")),
        source=MANUFACTURER,
        parameters=parameters(report),
    )
    count = int(labels[drawn].max())
    dataset = hd.seg.Segmentation(
        source_images=images(series),
        pixel_array=labels[drawn],
        segmentation_type=SegmentationTypeValues.BINARY,
        segment_descriptions=[
            _segment(number, series, report, algorithm) for number in range(1, count + 1)
        ],
        plane_positions=[
            hd.PlanePositionSequence(hd.CoordinateSystemNames.PATIENT, place.tolist())
            for place in places[drawn]
        ],
        plane_orientation=hd.PlaneOrientationSequence(
            hd.CoordinateSystemNames.PATIENT, [float(v) for v in orientation]
        ),
        pixel_measures=hd.PixelMeasuresSequence(
            [float(v) for v in spacing], float(thickness), _between(places, orientation)
        ),
        content_label="LESIONS",
        content_description="Lesions found by an algorithm; research use only",
        **described(series, "seg", report),
    )
    _keep_frame_numbers(dataset, series)
    return dataset


def to_file(series: Series, report: Report) -> bytes:
    """The segmentation as a DICOM file; raises as `segmentation` does."""
    return to_bytes(segmentation(series, report))


def tracking(series: Series, report: Report, number: int) -> tuple[str, str]:
    """UID and name that follow a lesion through the objects of one result."""
    return uid_from(f"lesion {number} {object_uid('seg', series, report)}"), f"Lesion {number}"


def _segment(
    number: int, series: Series, report: Report, algorithm: hd.AlgorithmIdentificationSequence
) -> SegmentDescription:
    """One lesion; its kind is the classifier's only where the verdict is not in doubt."""
    classification = report.document.get("classification") or {}
    label = classification.get("label", "") if report.verdict == "tumor" else ""
    uid, name = tracking(series, report, number)
    kind = codes.NEOPLASM if label in ("", "no_tumor") else codes.kind_of(label)
    return SegmentDescription(
        segment_number=number,
        segment_label=name,
        segmented_property_category=codes.ABNORMAL,
        segmented_property_type=kind,
        algorithm_type=SegmentAlgorithmTypeValues.AUTOMATIC,
        algorithm_identification=algorithm,
        tracking_uid=uid,
        tracking_id=name,
        anatomic_regions=[codes.SITE],
        display_color=hd.color.CIELabColor.from_rgb(*colour_of(number)),
    )


def _between(places: np.ndarray, orientation: list[str]) -> float | None:
    """Distance from a slice to the next, mm, where it is the same throughout."""
    turned = np.array([float(v) for v in orientation])
    gaps = np.abs(np.diff(places @ np.cross(turned[:3], turned[3:])))
    if not len(gaps) or np.ptp(gaps) > 0.01 * np.median(gaps):
        return None
    return float(round(np.median(gaps), 6))


def _keep_frame_numbers(dataset: Dataset, series: Series) -> None:
    """Name the frames of a multi-frame source by their own numbers: a stack may be part of it."""
    source = demand_source(series)
    if not source.multi_frame:
        return
    for frame in dataset.PerFrameFunctionalGroupsSequence:
        for derivation in frame.get("DerivationImageSequence", []):
            for image in derivation.SourceImageSequence:
                index = int(image.ReferencedFrameNumber) - 1
                image.ReferencedSOPInstanceUID = source.instances[index][0]
                image.ReferencedFrameNumber = source.instances[index][1]
