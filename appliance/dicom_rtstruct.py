"""Lesions as a DICOM RT Structure Set: one region of interest each, as outlines on the slices.

The outlines run along the edges of the mask's pixels, so that they enclose what the mask covers.
A hole is cut out by a keyhole, as PS3.3 C.8.8.6.3 describes.

References
----------
DICOM PS3.3 A.19 (RT structure set), C.8.8.5, C.8.8.6, C.8.8.8.
"""

from __future__ import annotations

import numpy as np
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import RTStructureSetStorage

from appliance import NOTICE
from appliance.core.types import Report, Series
from appliance.dicom_objects import (
    colour_of,
    decimals,
    demand_labels,
    demand_places,
    demand_source,
    images,
    model_name,
    new_object,
    reference_to,
    to_bytes,
)
from appliance.outline import keyholed, outlines


def structure_set(series: Series, report: Report) -> Dataset:
    """The label map as a structure set; ROI numbers are the report's lesion numbers.

    Raises
    ------
    NotFound
        When the series is not of DICOM images, or nothing was found that could be drawn.
    GeometryError
        When the images have no place in the patient.
    """
    places = demand_places(series)
    labels = demand_labels(series, report)
    sources = images(series)
    dataset = new_object("rtstruct", RTStructureSetStorage, "RTSTRUCT", series, report)
    dataset.OperatorsName, dataset.ApprovalStatus = "", "UNAPPROVED"
    dataset.StructureSetLabel = "LESIONS"
    dataset.StructureSetDescription = f"Lesions found by an algorithm. {NOTICE}"
    dataset.StructureSetDate = dataset.InstanceCreationDate
    dataset.StructureSetTime = dataset.InstanceCreationTime
    dataset.FrameOfReferenceUID = sources[0].FrameOfReferenceUID
    dataset.PositionReferenceIndicator = ""
    dataset.ReferencedFrameOfReferenceSequence = Sequence([_frame_of_reference(sources)])
    rois, contours, observations = [], [], []
    for number in range(1, int(labels.max()) + 1):
        rois.append(_roi(number, sources[0].FrameOfReferenceUID, report))
        contours.append(_contours(number, labels == number, series, places))
        observations.append(_observation(number))
    dataset.StructureSetROISequence = Sequence(rois)
    dataset.ROIContourSequence = Sequence(contours)
    dataset.RTROIObservationsSequence = Sequence(observations)
    return dataset


def to_file(series: Series, report: Report) -> bytes:
    """The structure set as a DICOM file; raises as `structure_set` does."""
    return to_bytes(structure_set(series, report))


def _frame_of_reference(sources: list[Dataset]) -> Dataset:
    """The frame of reference with the study, series and images in it."""
    first = sources[0]
    series, study, frame = Dataset(), Dataset(), Dataset()
    series.SeriesInstanceUID = first.SeriesInstanceUID
    series.ContourImageSequence = Sequence([reference_to(image) for image in sources])
    study.ReferencedSOPClassUID = "1.2.840.10008.3.1.2.3.1"
    study.ReferencedSOPInstanceUID = first.StudyInstanceUID
    study.RTReferencedSeriesSequence = Sequence([series])
    frame.FrameOfReferenceUID = first.FrameOfReferenceUID
    frame.RTReferencedStudySequence = Sequence([study])
    return frame


def _roi(number: int, frame_uid: str, report: Report) -> Dataset:
    item = Dataset()
    item.ROINumber = number
    item.ReferencedFrameOfReferenceUID = frame_uid
    item.ROIName = f"Lesion {number}"
    item.ROIGenerationAlgorithm = "AUTOMATIC"
    item.ROIGenerationDescription = model_name(report)
    return item


def _contours(number: int, inside: np.ndarray, series: Series, places: np.ndarray) -> Dataset:
    """The outlines of one lesion, slice by slice, in LPS millimetres."""
    source = demand_source(series)
    steps = series.volume.affine[:3, 1:3]
    found = []
    for index in np.flatnonzero(inside.any(axis=(1, 2))).tolist():
        uid, frame = source.instances[index]
        for polygon in keyholed(outlines(inside[index])):
            points = places[index] + polygon @ steps.T
            image, contour = Dataset(), Dataset()
            image.ReferencedSOPClassUID = source.sop_class_uid
            image.ReferencedSOPInstanceUID = uid
            if frame:
                image.ReferencedFrameNumber = frame
            contour.ContourImageSequence = Sequence([image])
            contour.ContourGeometricType = "CLOSED_PLANAR"
            contour.NumberOfContourPoints = len(points)
            contour.ContourData = decimals(points.round(4).ravel())
            found.append(contour)
    item = Dataset()
    item.ROIDisplayColor = list(colour_of(number))
    item.ReferencedROINumber = number
    item.ContourSequence = Sequence(found)
    return item


def _observation(number: int) -> Dataset:
    item = Dataset()
    item.ObservationNumber = item.ReferencedROINumber = number
    item.ROIObservationLabel = f"Lesion {number}"
    item.RTROIInterpretedType = ""
    item.ROIInterpreter = ""
    return item
